"""What a chat says of itself, how it stands in the own list, and its picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions as f
from telethon import types

from tests.sandbox.refusals import refused
from vasya_sandbox import images

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Group, Peer, User

DAY = 86_400


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob")


@pytest.fixture
def town(world: World, ada: User, bob: User) -> Channel:
    return world.add_channel("Town", ada, [bob], username="town")


@pytest.fixture
def duo(world: World, ada: User, bob: User) -> Group:
    return world.add_group("Duo", ada, [bob])


def place(world: World, viewer: User, channel: Channel) -> Any:
    return types.InputChannel(channel.id, world.access_hash(viewer, channel))


def peer_of(world: World, viewer: User, channel: Channel) -> Any:
    return types.InputPeerChannel(channel.id, world.access_hash(viewer, channel))


def last_action(world: World, viewer: User, where: Peer) -> str:
    record = world.message(viewer, where, world.ids(viewer, where)[-1])
    assert record is not None
    assert record.action is not None
    return record.action.kind


async def test_a_chat_says_something_else_of_itself(
    world: World, ada: User, bob: User, town: Channel, duo: Group, connect: Connect
) -> None:
    client, other = await connect(ada), await connect(bob)
    request = f.messages.EditChatAboutRequest
    for where, record in ((peer_of(world, ada, town), town), (types.InputPeerChat(duo.id), duo)):
        assert await client(request(where, " All of it. ")) is True
        assert record.about == "All of it."
        with refused("CHAT_ABOUT_NOT_MODIFIED"):
            await client(request(where, "All of it."))
        with refused("CHAT_ABOUT_TOO_LONG"):
            await client(request(where, "x" * 256))
    with refused("CHAT_ADMIN_REQUIRED"):
        await other(request(types.InputPeerChat(duo.id), "Mine."))
    with refused("PEER_ID_INVALID"):
        await client(request(types.InputPeerSelf(), "Mine."))


async def test_whoever_made_a_channel_gives_it_a_public_name(
    world: World, ada: User, bob: User, town: Channel, connect: Connect
) -> None:
    client, other = await connect(ada), await connect(bob)
    world.add_user("Eve", username="eve_1")
    request = f.channels.UpdateUsernameRequest

    assert await client(request(place(world, ada, town), "new_town")) is True
    assert world.by_username("new_town") is town
    for name, refusal in (
        ("new_town", "USERNAME_NOT_MODIFIED"),
        ("no", "USERNAME_INVALID"),
        ("EVE_1", "USERNAME_OCCUPIED"),
    ):
        with refused(refusal):
            await client(request(place(world, ada, town), name))
    with refused("CHAT_ADMIN_REQUIRED"):
        await other(request(place(world, bob, town), "his_town"))
    assert await client(request(place(world, ada, town), "")) is True
    assert (town.username, world.by_username("new_town")) == ("", None)


async def test_a_supergroup_is_slowed_down(
    world: World, ada: User, bob: User, town: Channel, connect: Connect
) -> None:
    client, other = await connect(ada), await connect(bob)
    news = world.add_channel("News", ada, is_broadcast=True)
    request = f.channels.ToggleSlowModeRequest

    await client(request(place(world, ada, town), 30))

    full = await other(f.channels.GetFullChannelRequest(place(world, bob, town)))
    assert full.full_chat.slowmode_seconds == 30
    for where, secs, refusal in (
        (town, 30, "CHAT_NOT_MODIFIED"),
        (town, 31, "SECONDS_INVALID"),
        (news, 30, "CHANNEL_INVALID"),
    ):
        with refused(refusal):
            await client(request(place(world, ada, where), secs))
    with refused("CHAT_ADMIN_REQUIRED"):
        await other(request(place(world, bob, town), 60))


async def test_messages_go_after_a_while_where_somebody_says_so(
    world: World, ada: User, bob: User, town: Channel, duo: Group, connect: Connect
) -> None:
    client, other = await connect(ada), await connect(bob)
    request = f.messages.SetHistoryTTLRequest
    person = types.InputPeerUser(bob.id, world.access_hash(ada, bob))

    for where, record in (
        (peer_of(world, ada, town), town),
        (types.InputPeerChat(duo.id), duo),
        (person, bob),
    ):
        told = await client(request(where, DAY))
        assert told.updates[0].ttl_period == DAY
        assert last_action(world, ada, record) == "SetMessagesTTL"
        with refused("CHAT_NOT_MODIFIED"):
            await client(request(where, DAY))
        with refused("TTL_PERIOD_INVALID"):
            await client(request(where, 5))
    assert (town.ttl_secs, duo.ttl_secs) == (DAY, DAY)
    full = await other(
        f.users.GetFullUserRequest(types.InputUser(ada.id, world.access_hash(bob, ada)))
    )
    assert full.full_user.ttl_period == DAY
    with refused("TTL_PERIOD_INVALID"):
        await client(request(types.InputPeerSelf(), DAY))
    with refused("CHAT_ADMIN_REQUIRED"):
        await other(request(types.InputPeerChat(duo.id), 0))


async def test_a_chat_is_muted_archived_pinned_and_marked(
    world: World, ada: User, duo: Group, connect: Connect
) -> None:
    client, where = await connect(ada), types.InputPeerChat(duo.id)
    dialog = world.dialog(ada, duo.peer_id)
    until = datetime.fromtimestamp(world.now + 3600, UTC)
    settings = types.InputPeerNotifySettings(show_previews=False, silent=True, mute_until=until)

    await client(f.account.UpdateNotifySettingsRequest(types.InputNotifyPeer(where), settings))
    await client(f.messages.ToggleDialogPinRequest(types.InputDialogPeer(where), pinned=True))
    await client(f.messages.MarkDialogUnreadRequest(types.InputDialogPeer(where), unread=True))
    assert (dialog.muted_until, dialog.pin_rank, dialog.is_marked_unread) == (
        world.now + 3600,
        1,
        True,
    )
    await client(f.folders.EditPeerFoldersRequest([types.InputFolderPeer(where, 1)]))

    (row,) = (
        await client(f.messages.GetPeerDialogsRequest([types.InputDialogPeer(where)]))
    ).dialogs
    assert (row.folder_id, row.pinned, row.unread_mark) == (1, False, True)
    told = row.notify_settings
    assert (told.show_previews, told.silent, told.mute_until) == (False, True, until)
    with refused("FOLDER_ID_INVALID"):
        await client(f.folders.EditPeerFoldersRequest([types.InputFolderPeer(where, 2)]))
    await client(f.messages.ToggleDialogPinRequest(types.InputDialogPeer(where)))
    await client(f.messages.MarkDialogUnreadRequest(types.InputDialogPeer(where)))
    assert (dialog.pin_rank, dialog.is_marked_unread) == (0, False)
    with refused("PEER_ID_INVALID"):
        await client(f.account.UpdateNotifySettingsRequest(types.InputNotifyUsers(), settings))


async def test_five_chats_are_pinned_and_not_six(world: World, ada: User, connect: Connect) -> None:
    client = await connect(ada)
    groups = [world.add_group(f"Group {n}", ada) for n in range(6)]

    for group in groups[:5]:
        pinned = types.InputDialogPeer(types.InputPeerChat(group.id))
        await client(f.messages.ToggleDialogPinRequest(pinned, pinned=True))
    with refused("PINNED_DIALOGS_TOO_MUCH"):
        pinned = types.InputDialogPeer(types.InputPeerChat(groups[5].id))
        await client(f.messages.ToggleDialogPinRequest(pinned, pinned=True))

    shown = await client.get_dialogs()
    assert [dialog.title for dialog in shown[:5]] == [f"Group {n}" for n in (4, 3, 2, 1, 0)]


async def test_a_chat_shows_a_picture_and_remembers_those_before(
    world: World, ada: User, bob: User, town: Channel, duo: Group, connect: Connect
) -> None:
    client, other = await connect(ada), await connect(bob)
    uploaded = await client.upload_file(images.landscape(1, 40, 40), file_name="town.jpg")
    photo = types.InputChatUploadedPhoto(uploaded)

    await client(f.channels.EditPhotoRequest(place(world, ada, town), photo))
    await client(f.messages.EditChatPhotoRequest(duo.id, photo))
    full = await other(f.channels.GetFullChannelRequest(place(world, bob, town)))
    shown = full.full_chat.chat_photo
    assert (shown.id, last_action(world, bob, town)) == (town.photo_id, "ChatEditPhoto")
    same = types.InputChatPhoto(
        types.InputPhoto(
            shown.id, world.file_hash(ada, world.files[shown.id]), shown.file_reference
        )
    )
    with refused("CHAT_NOT_MODIFIED"):
        await client(f.channels.EditPhotoRequest(place(world, ada, town), same))
    await client(f.channels.EditPhotoRequest(place(world, ada, town), types.InputChatPhotoEmpty()))

    assert (town.photo_id, last_action(world, bob, town)) == (0, "ChatDeletePhoto")
    found = await other.get_messages(
        peer_of(world, bob, town), filter=types.InputMessagesFilterChatPhotos()
    )
    assert [message.action.photo.id for message in found] == [shown.id]
    pictures = await other.get_messages(
        peer_of(world, bob, town), filter=types.InputMessagesFilterPhotos()
    )
    assert list(pictures) == []
    with refused("CHAT_ADMIN_REQUIRED"):
        await other(f.messages.EditChatPhotoRequest(duo.id, types.InputChatPhotoEmpty()))
    with refused("PHOTO_INVALID"):
        await client(f.messages.EditChatPhotoRequest(duo.id, types.InputChatUploadedPhoto()))
