from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import images
from vasya_sandbox.records import Size

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World


async def test_username_is_resolved_whatever_its_case(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="Bob_Builder")
    found = await (await connect(ada)).get_entity("@bob_builder")
    assert (found.id, found.username, found.phone) == (bob.id, "Bob_Builder", None)


@pytest.mark.parametrize(
    ("name", "refusal"), [("nobody_here", "USERNAME_NOT_OCCUPIED"), ("no way", "USERNAME_INVALID")]
)
async def test_names_that_lead_nowhere(
    world: World, connect: Connect, name: str, refusal: str
) -> None:
    client = await connect(world.add_user("Ada"))
    with refused(refusal):
        await client(functions.contacts.ResolveUsernameRequest(name))


async def test_phone_is_resolved(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", phone="+9996625555")
    client = await connect(ada)
    found = await client(functions.contacts.ResolvePhoneRequest("+999 66 2 5555"))
    assert found.users[-1].id == bob.id
    with refused("PHONE_NOT_OCCUPIED"):
        await client(functions.contacts.ResolvePhoneRequest("9996620001"))


async def test_access_hash_of_another_account_is_worth_nothing(
    world: World, connect: Connect
) -> None:
    ada, bob, eve = world.add_user("Ada"), world.add_user("Bob"), world.add_user("Eve")
    town = world.add_channel("Town", ada, [bob, eve])
    stolen = types.InputPeerUser(bob.id, world.access_hash(eve, bob))
    client = await connect(ada)
    with refused("PEER_ID_INVALID"):
        await client(functions.messages.SendMessageRequest(stolen, "hi", random_id=1))
    with refused("USER_ID_INVALID"):
        await client(
            functions.users.GetFullUserRequest(types.InputUser(bob.id, stolen.access_hash))
        )
    with refused("CHANNEL_INVALID"):
        await client(
            functions.channels.GetFullChannelRequest(
                types.InputChannel(town.id, world.access_hash(eve, town))
            )
        )


async def test_somebody_is_known_from_a_message_they_wrote(world: World, connect: Connect) -> None:
    ada, bob, eve = world.add_user("Ada"), world.add_user("Bob"), world.add_user("Eve")
    group = world.add_group("Trio", ada, [bob])
    message = world.post(bob, group, "hello").message
    where = types.InputPeerChat(group.id)
    client = await connect(ada)
    seen = types.InputUserFromMessage(where, message.copies[ada.id], bob.id)
    assert (await client(functions.users.GetUsersRequest([seen])))[0].first_name == "Bob"
    unseen = types.InputPeerUserFromMessage(where, message.copies[ada.id], eve.id)
    with refused("USER_ID_INVALID"):
        await client(functions.messages.GetHistoryRequest(unseen, 0, None, 0, 1, 0, 0, 0))


async def test_a_channel_is_known_from_a_forwarded_post(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    news = world.add_channel("News", bob, username="news", is_broadcast=True)
    post = world.post(bob, news, "hello").message
    copy = world.post(bob, ada, "hello", forward_from=post).message
    where = types.InputPeerUser(bob.id, world.access_hash(ada, bob))
    client = await connect(ada)
    seen = types.InputChannelFromMessage(where, copy.copies[ada.id], news.id)
    assert (await client(functions.channels.GetChannelsRequest([seen]))).chats[0].title == "News"
    unseen = types.InputChannelFromMessage(where, 99, news.id)
    with refused("CHANNEL_INVALID"):
        await client(functions.channels.GetChannelsRequest([unseen]))
    with refused("CHANNEL_INVALID"):
        await client(functions.channels.GetChannelsRequest([types.InputChannelEmpty()]))
    with refused("USER_ID_INVALID"):
        await client(functions.photos.GetUserPhotosRequest(types.InputUserEmpty(), 0, 0, 10))


async def test_an_unknown_user_is_empty(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    (found,) = await client(functions.users.GetUsersRequest([types.InputUser(42, 0)]))
    assert found == types.UserEmpty(42)


async def test_full_user(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob", about="I build.")
    world.add_group("Duo", ada, [bob])
    ada.blocked.add(bob.id)
    full = (await (await connect(ada))(functions.users.GetFullUserRequest("bob"))).full_user
    assert (full.about, full.common_chats_count, full.blocked) == ("I build.", 1, True)


async def test_importing_a_contact_shows_the_phone(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", phone="+9996625555")
    client = await connect(ada)
    result = await client(
        functions.contacts.ImportContactsRequest(
            [
                types.InputPhoneContact(7, "+9996625555", "Bob", ""),
                types.InputPhoneContact(8, "+9996620001", "Nobody", ""),
            ]
        )
    )
    assert [(one.user_id, one.client_id) for one in result.imported] == [(bob.id, 7)]
    listed = await client(functions.contacts.GetContactsRequest(0))
    assert [(user.id, user.phone, user.contact) for user in listed.users] == [
        (bob.id, "9996625555", True)
    ]
    await client(functions.contacts.DeleteContactsRequest([listed.users[0]]))
    assert ada.contacts == set()


async def test_search_finds_own_chats_and_public_names(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Boris", username="bob_builder")
    town = world.add_channel("Bobsleigh club", ada)
    client = await connect(ada)
    found = await client(functions.contacts.SearchRequest("bob", 10))
    assert [peer.channel_id for peer in found.my_results] == [town.id]
    assert [peer.user_id for peer in found.results] == [bob.id]
    with refused("QUERY_TOO_SHORT"):
        await client(functions.contacts.SearchRequest("b", 10))
    with refused("SEARCH_QUERY_EMPTY"):
        await client(functions.contacts.SearchRequest(" ", 10))


async def test_profile_is_updated_and_checked(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    client = await connect(ada)
    me = await client(functions.account.UpdateProfileRequest("Augusta", "King", "Notes"))
    assert (me.first_name, me.last_name, ada.about) == ("Augusta", "King", "Notes")
    with refused("FIRSTNAME_INVALID"):
        await client(functions.account.UpdateProfileRequest(first_name=" "))
    with refused("ABOUT_TOO_LONG"):
        await client(functions.account.UpdateProfileRequest(about="x" * 71))


async def test_presence_is_recorded_and_shown_to_contacts_alone(
    world: World, connect: Connect
) -> None:
    ada, bob, eve = (
        world.add_user("Ada", username="ada1"),
        world.add_user("Bob"),
        world.add_user("Eve"),
    )
    bob.contacts.add(ada.id)
    client = await connect(ada)
    await client(functions.account.UpdateStatusRequest(offline=False))
    assert ada.is_online
    shown = [(await (await connect(user)).get_entity("ada1")).status for user in (bob, eve)]
    assert [type(status) for status in shown] == [types.UserStatusOnline, types.UserStatusRecently]


async def test_profile_photos_are_downloaded(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob")
    small, big = images.landscape(1, 2, 2), images.landscape(1, 4, 4)
    sizes = [Size("a", 16, 16, small), Size("c", 32, 32, big)]
    for _ in range(3):
        bob.photos.append(world.add_file("photo", "image/jpeg", sizes=sizes).id)
    client = await connect(ada)
    assert await client.download_profile_photo("bob", file=bytes) == big
    assert await client.download_profile_photo("bob", file=bytes, download_big=False) == small
    photos = await client.get_profile_photos("bob")
    assert [photo.id for photo in photos] == bob.photos[::-1]
    page = await client(functions.photos.GetUserPhotosRequest("bob", 1, 0, 1))
    assert (page.count, [photo.id for photo in page.photos]) == (3, [bob.photos[1]])
    other = types.InputPeerPhotoFileLocation(types.InputPeerSelf(), bob.photos[0])
    with refused("PHOTO_ID_INVALID"):
        await client(functions.upload.GetFileRequest(other, 0, 4096))
