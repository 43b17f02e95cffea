"""Making groups and channels, going in and out of them, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions as f
from telethon import types

from tests.sandbox.refusals import refused
from vasya_sandbox.membership import Invite

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User

HASH = "AbCdEfGh12345678"


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob")


@pytest.fixture
def eve(world: World, ada: User) -> User:
    eve = world.add_user("Eve")
    eve.blocked.add(ada.id)
    return eve


def named(world: World, viewer: User, *users: User) -> list[Any]:
    return [types.InputUser(user.id, world.access_hash(viewer, user)) for user in users]


def channel_of(world: World, viewer: User, channel: Channel) -> Any:
    return types.InputChannel(channel.id, world.access_hash(viewer, channel))


async def refuses(client: SandboxClient, request: Any, text: str) -> None:
    with refused(text):
        await client(request)


def actions(answer: Any) -> list[str]:
    return [
        type(update.message.action).__name__.removeprefix("MessageAction")
        for update in answer.updates
        if hasattr(update, "message")
    ]


async def test_a_group_is_made_without_those_who_do_not_let_themselves_be_added(
    world: World, ada: User, bob: User, eve: User, connect: Connect
) -> None:
    client = await connect(ada)

    made = await client(f.messages.CreateChatRequest(named(world, ada, bob, eve), "Trio"))

    assert [each.user_id for each in made.missing_invitees] == [eve.id]
    assert actions(made.updates) == ["ChatCreate"]
    (group,) = world.groups.values()
    assert (group.title, group.creator_id, list(group.members)) == (
        "Trio",
        ada.id,
        [ada.id, bob.id],
    )
    (chat,) = made.updates.chats
    assert (chat.id, chat.creator, chat.participants_count) == (group.id, True, 2)


async def test_a_group_has_a_title_and_somebody_else_in_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    await refuses(
        client, f.messages.CreateChatRequest(named(world, ada, bob), "  "), "CHAT_TITLE_EMPTY"
    )
    await refuses(client, f.messages.CreateChatRequest([], "Alone"), "USERS_TOO_FEW")
    await refuses(
        client, f.messages.CreateChatRequest([types.InputUserSelf()], "Alone"), "USERS_TOO_FEW"
    )
    await refuses(
        client, f.channels.CreateChannelRequest("", "", megagroup=True), "CHAT_TITLE_EMPTY"
    )
    await refuses(
        client,
        f.channels.CreateChannelRequest("X", "x" * 256, megagroup=True),
        "CHAT_ABOUT_TOO_LONG",
    )


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ({"broadcast": True}, (True, False)),
        ({"megagroup": True}, (False, False)),
        ({"megagroup": True, "forum": True}, (False, True)),
    ],
)
async def test_a_channel_is_made_of_the_kind_that_is_asked_for(
    world: World, ada: User, connect: Connect, kind: dict[str, bool], flags: tuple[bool, bool]
) -> None:
    client = await connect(ada)

    made = await client(f.channels.CreateChannelRequest("Town", "All of it.", **kind))

    (channel,) = world.channels.values()
    assert (channel.is_broadcast, channel.is_forum) == flags
    assert (channel.about, channel.creator_id) == ("All of it.", ada.id)
    assert actions(made) == ["ChannelCreate"]
    assert made.chats[0].access_hash == world.access_hash(ada, channel)


async def test_admins_invite_and_are_told_who_did_not_come(
    world: World, ada: User, bob: User, eve: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada, [bob])
    zoe = world.add_user("Zoe")
    request = f.channels.InviteToChannelRequest

    told = await (await connect(ada))(
        request(channel_of(world, ada, town), named(world, ada, bob, eve, zoe))
    )

    assert [each.user_id for each in told.missing_invitees] == [eve.id]
    assert list(town.members) == [ada.id, bob.id, zoe.id]
    assert town.members[zoe.id].inviter_id == ada.id
    assert actions(told.updates) == ["ChatAddUser"]
    client = await connect(zoe)
    town.default_bans.append("invite_users")
    await refuses(
        client, request(channel_of(world, zoe, town), named(world, zoe, bob)), "CHAT_ADMIN_REQUIRED"
    )


async def test_a_public_channel_is_joined_and_left(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, username="town")
    client, place = await connect(ada), channel_of(world, ada, town)

    joined = await client(f.channels.JoinChannelRequest(place))
    await refuses(client, f.channels.JoinChannelRequest(place), "USER_ALREADY_PARTICIPANT")
    left = await client(f.channels.LeaveChannelRequest(place))
    await refuses(client, f.channels.LeaveChannelRequest(place), "USER_NOT_PARTICIPANT")

    assert actions(joined.updates) == ["ChatAddUser"]
    assert actions(left) == ["ChatDeleteUser"]
    assert left.chats[0].left is True
    assert town.members[ada.id].role == "left"


async def test_who_made_a_channel_does_not_leave_it(
    world: World, ada: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada)
    request = f.channels.LeaveChannelRequest(channel_of(world, ada, town))
    await refuses(await connect(ada), request, "USER_CREATOR")


async def test_an_invite_lets_in_those_who_are_not_in_yet(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", bob)
    duo.invites.append(Invite(HASH))
    client, request = await connect(ada), f.messages.ImportChatInviteRequest

    joined = await client(request(HASH))

    assert actions(joined.updates) == ["ChatJoinedByLink"]
    assert duo.members[ada.id].is_inside
    assert duo.invites[0].usage == 1
    await refuses(client, request(HASH), "USER_ALREADY_PARTICIPANT")
    await refuses(client, request("nothing"), "INVITE_HASH_INVALID")
    await refuses(client, request(""), "INVITE_HASH_EMPTY")


async def test_an_invite_may_be_over_ask_an_admin_or_be_closed_to_somebody(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", bob)
    duo.invites += [Invite("over", expires_at=world.now - 1), Invite("ask", needs_approval=True)]
    client, request = await connect(ada), f.messages.ImportChatInviteRequest

    await refuses(client, request("over"), "INVITE_HASH_EXPIRED")
    await refuses(client, request("ask"), "INVITE_REQUEST_SENT")
    await refuses(client, request("ask"), "INVITE_REQUEST_SENT")
    assert ada.id not in duo.members
    assert [(waiting.user_id, waiting.invite) for waiting in duo.requests] == [(ada.id, "ask")]
    shown = await client(f.messages.CheckChatInviteRequest("ask"))
    assert shown.request_needed is True

    duo.invites.append(Invite(HASH))
    world.enter(duo, ada)
    duo.members[ada.id].role = "banned"
    await refuses(client, request(HASH), "CHANNEL_PRIVATE")


async def test_somebody_leaves_a_group_and_the_others_hear_of_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", bob, [ada])
    client, myself = await connect(ada), types.InputUserSelf()

    await refuses(
        client,
        f.messages.DeleteChatUserRequest(duo.id, named(world, ada, bob)[0]),
        "CHAT_ADMIN_REQUIRED",
    )
    await client(f.messages.DeleteChatUserRequest(duo.id, myself))
    await refuses(client, f.messages.DeleteChatUserRequest(duo.id, myself), "USER_NOT_PARTICIPANT")
    await refuses(client, f.messages.DeleteChatUserRequest(4711, myself), "CHAT_ID_INVALID")

    last = world.message(bob, duo, world.ids(bob, duo)[-1])
    assert last is not None
    assert last.action is not None
    assert (last.action.kind, last.action.user_ids) == ("ChatDeleteUser", [ada.id])


async def test_a_chat_is_deleted_for_everybody_by_whoever_made_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", ada, [bob])
    town = world.add_channel("Town", ada, [bob], username="town")
    owner, other = await connect(ada), await connect(bob)
    place = channel_of(world, bob, town)
    await refuses(other, f.messages.DeleteChatRequest(duo.id), "CHAT_ADMIN_REQUIRED")
    await refuses(other, f.channels.DeleteChannelRequest(place), "CHAT_ADMIN_REQUIRED")

    assert await owner(f.messages.DeleteChatRequest(duo.id)) is True
    gone = await owner(f.channels.DeleteChannelRequest(channel_of(world, ada, town)))

    assert isinstance(gone.chats[0], types.ChannelForbidden)
    assert world.ids(bob, duo) == []
    assert world.by_username("town") is None
    await refuses(owner, f.messages.DeleteChatRequest(duo.id), "CHAT_ID_INVALID")
    await refuses(other, f.channels.GetChannelsRequest([place]), "CHANNEL_PRIVATE")


async def clear(client: SandboxClient, place: Any, **how: bool) -> list[int]:
    """Clear all of it, and return how many messages were left behind each request."""
    left: list[int] = []
    while not left or left[-1]:
        told = await client(f.messages.DeleteHistoryRequest(place, 0, **how))
        left.append(told.offset)
    return left


async def test_a_history_is_cleared_in_parts_for_oneself_or_for_both(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    place = types.InputPeerUser(bob.id, world.access_hash(ada, bob))
    for n in range(250):
        world.post(bob, ada, f"m{n}")

    assert await clear(client, place, just_clear=True) == [150, 50, 0]
    assert (world.ids(ada, bob), len(world.ids(bob, ada))) == ([], 250)
    assert bob.id in ada.dialogs

    world.post(ada, bob, "for both")
    assert await clear(client, place, revoke=True) == [0]
    assert (world.ids(ada, bob), len(world.ids(bob, ada))) == ([], 250)
    assert bob.id not in ada.dialogs


async def test_a_plain_member_clears_a_group_for_oneself_only(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", bob, [ada])

    await clear(await connect(ada), types.InputPeerChat(duo.id), revoke=True)

    assert (world.ids(ada, duo), len(world.ids(bob, duo))) == ([], 1)


async def test_a_supergroup_is_cleared_from_ones_own_sight(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada])
    old = world.post(bob, town, "old").message.copies[town.peer_id]
    client, place = await connect(ada), channel_of(world, ada, town)

    told = await client(f.channels.DeleteHistoryRequest(place, 0))
    world.post(bob, town, "new")

    assert told.updates[0].available_min_id == old
    shown = await client.get_messages(types.InputPeerChannel(place.channel_id, place.access_hash))
    assert [message.message for message in shown] == ["new"]
    assert world.message(ada, town, old) is None
    assert world.message(bob, town, old) is not None


async def test_a_supergroup_is_cleared_for_all_by_its_admins(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada, [bob])
    news = world.add_channel("News", ada, [bob], is_broadcast=True)
    request = f.channels.DeleteHistoryRequest
    other = await connect(bob)
    await refuses(
        other, request(channel_of(world, bob, town), 0, for_everyone=True), "CHAT_ADMIN_REQUIRED"
    )
    await refuses(other, request(channel_of(world, bob, news), 0), "CHANNEL_INVALID")

    await (await connect(ada))(request(channel_of(world, ada, town), 0, for_everyone=True))

    assert world.ids(bob, town) == []


async def test_a_chat_may_put_newcomers_to_a_test(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, username="town")
    town.tests_newcomers = True

    sent = await (await connect(ada))(f.channels.JoinChannelRequest(channel_of(world, ada, town)))

    assert isinstance(sent, types.messages.ChatInviteJoinResultWebView)
    assert ada.id not in town.members
