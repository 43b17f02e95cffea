from __future__ import annotations

from typing import TYPE_CHECKING

from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import images
from vasya_sandbox.membership import Member
from vasya_sandbox.records import Size

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World


async def test_a_channel_as_its_members_see_it(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", ada, [bob], username="town")
    town.about, town.slow_mode_secs = "All about town", 30
    town.is_protected = True
    owner, member = [await (await connect(user)).get_entity("town") for user in (ada, bob)]
    assert (owner.creator, bool(owner.admin_rights)) == (True, True)
    assert (member.creator, member.admin_rights) == (False, None)
    assert (member.megagroup, member.slowmode_enabled, member.noforwards) == (True, True, True)
    assert member.participants_count == 2
    full = await (await connect(bob))(functions.channels.GetFullChannelRequest("town"))
    assert (full.full_chat.about, full.full_chat.slowmode_seconds) == ("All about town", 30)
    assert full.full_chat.participants_count == 2


async def test_a_linked_group_is_named(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    news = world.add_channel("News", ada, username="news", is_broadcast=True)
    talk = world.add_channel("Talk", ada)
    news.linked_id, talk.linked_id = talk.id, news.id
    full = await (await connect(ada))(functions.channels.GetFullChannelRequest("news"))
    assert full.full_chat.linked_chat_id == talk.id
    assert {chat.title for chat in full.chats} == {"News", "Talk"}


async def test_banned_people_see_a_closed_door(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", ada, [bob], username="town")
    town.members[bob.id].role = "banned"
    client = await connect(bob)
    found = await client(functions.contacts.ResolveUsernameRequest("town"))
    assert isinstance(found.chats[0], types.ChannelForbidden)
    with refused("CHANNEL_PRIVATE"):
        await client(
            functions.channels.GetChannelsRequest(
                [types.InputChannel(town.id, world.access_hash(bob, town))]
            )
        )


async def test_members_are_listed_by_kind(world: World, connect: Connect) -> None:
    ada, bob, eve = (world.add_user(name) for name in ("Ada", "Bob", "Eve"))
    helper = world.add_user("Helper", username="help_bot", bot=True)
    town = world.add_channel("Town", ada, [bob, helper], username="town")
    town.members[bob.id].role = "admin"
    town.members[eve.id] = Member(eve.id, ada.id, 0, "banned")
    client = await connect(ada)

    async def names(chosen: object) -> list[str]:
        found = await client(functions.channels.GetParticipantsRequest("town", chosen, 0, 100, 0))
        users = {user.id: user.first_name for user in found.users}
        return [users[getattr(one, "user_id", 0) or one.peer.user_id] for one in found.participants]

    assert await names(types.ChannelParticipantsRecent()) == ["Ada", "Bob", "Helper"]
    assert await names(types.ChannelParticipantsSearch("bob")) == ["Bob"]
    assert await names(types.ChannelParticipantsAdmins()) == ["Ada", "Bob"]
    assert await names(types.ChannelParticipantsBots()) == ["Helper"]
    assert await names(types.ChannelParticipantsKicked("")) == ["Eve"]
    assert await names(types.ChannelParticipantsContacts("")) == []


async def test_one_member(world: World, connect: Connect) -> None:
    ada, bob, eve = (world.add_user(name, username=f"{name}_1") for name in ("Ada", "Bob", "Eve"))
    world.add_channel("Town", ada, [bob], username="town")
    client = await connect(bob)
    ask = functions.channels.GetParticipantRequest
    assert isinstance(
        (await client(ask("town", "ada_1"))).participant, types.ChannelParticipantCreator
    )
    assert isinstance((await client(ask("town", "me"))).participant, types.ChannelParticipantSelf)
    with refused("USER_NOT_PARTICIPANT"):
        await client(ask("town", eve.username))


async def test_subscribers_do_not_see_each_other(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    world.add_channel("News", ada, [bob], username="news", is_broadcast=True)
    client = await connect(bob)
    with refused("CHAT_ADMIN_REQUIRED"):
        await client(
            functions.channels.GetParticipantsRequest(
                "news", types.ChannelParticipantsRecent(), 0, 10, 0
            )
        )


async def test_a_basic_group(world: World, connect: Connect) -> None:
    ada, bob, eve = (world.add_user(name) for name in ("Ada", "Bob", "Eve"))
    group = world.add_group("Duo", ada, [bob])
    group.photo_id = world.add_file(
        "photo", "image/jpeg", sizes=[Size("a", 8, 8, images.landscape(1, 1, 1))]
    ).id
    client = await connect(bob)
    (chat,) = (await client(functions.messages.GetChatsRequest([group.id]))).chats
    assert (chat.title, chat.participants_count, chat.creator) == ("Duo", 2, False)
    full = await client(functions.messages.GetFullChatRequest(group.id))
    assert [type(one).__name__ for one in full.full_chat.participants.participants] == [
        "ChatParticipantCreator",
        "ChatParticipant",
    ]
    assert len(await client.get_participants(types.InputPeerChat(group.id))) == 2
    (first,) = await client.get_messages(types.InputPeerChat(group.id))
    assert (first.action.title, first.action.users) == ("Duo", [bob.id])
    with refused("CHAT_ID_INVALID"):
        await (await connect(eve))(functions.messages.GetFullChatRequest(group.id))


async def test_one_who_left_sees_no_members(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    group = world.add_group("Duo", ada, [bob])
    group.members[bob.id].role = "left"
    client = await connect(bob)
    full = await client(functions.messages.GetFullChatRequest(group.id))
    assert isinstance(full.full_chat.participants, types.ChatParticipantsForbidden)
    assert full.chats[0].left


async def test_client_is_told_where_the_data_centres_are(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    config = await client(functions.help.GetConfigRequest())
    assert [(option.id, option.ip_address) for option in config.dc_options] == [
        (dc_id, "127.0.0.1") for dc_id in range(1, 6)
    ]
    assert (await client(functions.help.GetNearestDcRequest())).nearest_dc == 2
    assert (await client(functions.help.GetAppConfigRequest(0))).config == types.JsonObject([])
    assert (await client(functions.help.GetCdnConfigRequest())).public_keys == []
