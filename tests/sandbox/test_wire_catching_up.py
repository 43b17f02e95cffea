"""What a client that was away is told of more than new messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer
from vasya_sandbox import changes, fanout, state

if TYPE_CHECKING:
    from tests.sandbox.conftest import ConnectRaw
    from tests.sandbox.raw_client import RawClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Notice, User

ME = functions.users.GetUsersRequest([types.InputUserSelf()])
EVERY = types.ChannelMessagesFilterEmpty()


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


async def subscribed(connect_raw: ConnectRaw, *who: User, **how: Any) -> RawClient:
    client = await connect_raw(*who, **how)
    await client.call(in_layer(ME))
    return client


def kinds(updates: list[Any]) -> list[tuple[str, int, int]]:
    return [(type(each).__name__, each.pts, each.pts_count) for each in updates]


async def test_all_that_moves_pts_is_resumed_in_its_order(
    dc: DataCentre, world: World, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    first, second, third = (
        world.post(who, peer, "m").message
        for who, peer in ((bob, alice), (bob, alice), (alice, bob))
    )
    client = await subscribed(connect_raw, alice)
    await client.close()
    (auth,) = dc.authorizations_of(alice)
    first.text = "edited"
    for notices in (
        changes.record_change(world, first, "edit"),
        changes.delete(world, bob, None, [second.copies[bob.id]], for_everyone=True),
        changes.pin(world, first, is_pinned=True),
        changes.pin(world, first, is_pinned=False),
        world.mark_read(bob, alice),
        world.mark_read(alice, bob),
        changes.react(world, bob, third, ["👍"]),
    ):
        fanout.publish(dc, notices)
    again = await subscribed(connect_raw, auth=auth)
    told = (await again.receive(types.Updates)).obj.updates
    assert kinds(told) == [
        ("UpdateEditMessage", 5, 1),
        ("UpdateDeleteMessages", 6, 1),
        ("UpdatePinnedMessages", 7, 1),
        ("UpdatePinnedMessages", 8, 1),
        ("UpdateReadHistoryOutbox", 9, 1),
        ("UpdateReadHistoryInbox", 10, 1),
    ]
    found = await again.call(functions.updates.GetDifferenceRequest(4, 0, 0))
    assert kinds(found.other_updates) == kinds(told)
    # Reactions cost no pts, so no difference brings them; a message that it does bring has them.
    found = await again.call(functions.updates.GetDifferenceRequest(3, 0, 0))
    (message,) = found.new_messages
    assert [each.reaction.emoticon for each in message.reactions.results] == ["👍"]


def change(world: World, bob: User, town: Channel, kind: str) -> list[Notice]:
    """Do something to the only post of the channel."""
    record = world.messages[town.box.numbers[2]]
    match kind:
        case "edit":
            record.text = "edited"
            return changes.record_change(world, record, "edit")
        case "delete":
            return changes.delete(world, bob, town, [2], for_everyone=True)
        case _:
            return changes.pin(world, record, is_pinned=True)


CHANGES = [
    ("edit", "UpdateEditChannelMessage"),
    ("delete", "UpdateDeleteChannelMessages"),
    ("pin", "UpdatePinnedChannelMessages"),
]


@pytest.mark.parametrize(("kind", "name"), CHANGES)
async def test_what_changed_in_a_channel_while_away_is_announced_and_fetched(
    dc: DataCentre,
    world: World,
    alice: User,
    bob: User,
    connect_raw: ConnectRaw,
    kind: str,
    name: str,
) -> None:
    town = world.add_channel("Town", bob, [alice])
    world.post(bob, town, "news")
    client = await subscribed(connect_raw, alice)
    await client.close()
    (auth,) = dc.authorizations_of(alice)
    fanout.publish(dc, change(world, bob, town, kind))
    again = await subscribed(connect_raw, auth=auth)
    (told,) = (await again.receive(types.Updates)).obj.updates
    assert told == types.UpdateChannelTooLong(town.id)
    given = types.InputChannel(town.id, world.access_hash(alice, town))
    found = await again.call(
        functions.updates.GetChannelDifferenceRequest(given, EVERY, pts=3, limit=10)
    )
    assert (found.new_messages, kinds(found.other_updates)) == ([], [(name, 4, 1)])


@pytest.mark.parametrize("kind", [kind for kind, _ in CHANGES])
async def test_the_difference_names_a_channel_for_every_change(
    dc: DataCentre, world: World, alice: User, bob: User, connect_raw: ConnectRaw, kind: str
) -> None:
    town = world.add_channel("Town", bob, [alice], at=1_000)
    world.post(bob, town, "news", at=1_000)
    client = await subscribed(connect_raw, alice)
    ask = functions.updates.GetDifferenceRequest(1, 2_000, 0)
    assert isinstance(await client.call(ask), types.updates.DifferenceEmpty)
    change(world, bob, town, kind)
    found = await client.call(ask)
    assert found.other_updates == [types.UpdateChannelTooLong(town.id, 4)]


async def test_a_client_told_to_start_over_is_up_to_date_from_then_on(
    dc: DataCentre, world: World, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await subscribed(connect_raw, alice)
    await client.close()
    (auth,) = dc.authorizations_of(alice)
    world.post(bob, alice, "missed")
    alice.box.forget()
    again = await subscribed(connect_raw, auth=auth)
    await again.receive(types.UpdatesTooLong)
    too_long = await again.call(functions.updates.GetDifferenceRequest(1, 0, 0))
    assert too_long == types.updates.DifferenceTooLong(2)
    (session,) = (session for session in auth.sessions.values() if session.is_connected)
    again.send(types.MsgsAck(list(session.unacked)))
    again.send(functions.PingRequest(1))
    await again.receive(types.Pong)
    assert auth.delivered_pts == 2


def test_a_state_from_before_boxes_knew_when_they_moved_names_its_channels(world: World) -> None:
    ada = world.add_user("Ada")
    town = world.add_channel("Town", ada, at=1_000)
    world.post(ada, town, "news", at=3_000)
    town.box.moved_at = 0
    again, _ = state.load(state.dump(world, []))
    assert again.channels[town.id].box.moved_at == 3_000
