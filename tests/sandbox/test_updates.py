from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import changes, views
from vasya_sandbox.records import LOG_LIMIT, Mailbox

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Peer

CHANNEL_UPDATES = (
    types.UpdateNewChannelMessage,
    types.UpdateEditChannelMessage,
    types.UpdateDeleteChannelMessages,
    types.UpdatePinnedChannelMessages,
)


class Follower:
    """Follows pts as a strict client would: every step begins where the last one ended."""

    def __init__(self) -> None:
        self.pts: dict[int, int] = {}
        self.gaps: list[Any] = []

    def take(self, update: Any) -> None:
        count = getattr(update, "pts_count", None)
        if count is None:
            return
        box = 0
        if isinstance(update, CHANNEL_UPDATES):
            message = getattr(update, "message", None)
            box = message.peer_id.channel_id if message else update.channel_id
        before = self.pts.get(box)
        if before is not None and before + count != update.pts:
            self.gaps.append((box, before, update))
        self.pts[box] = update.pts

    async def hear(self, update: Any) -> None:
        self.take(update)

    def take_affected(self, affected: Any) -> None:
        if self.pts[0] + affected.pts_count != affected.pts:
            self.gaps.append((0, self.pts[0], affected))
        self.pts[0] = affected.pts


async def act(rng: random.Random, client: SandboxClient, follower: Follower) -> None:
    """Do one random thing that moves pts."""
    where: Any = rng.choice(["ada1", "bob", "eve1", "town", types.InputPeerChat(700_000_001)])
    kind = rng.choice(["send", "send", "edit", "delete", "read", "pin"])
    is_town = where == "town"
    mine = [m async for m in client.iter_messages(where, limit=5) if not m.action]
    own = [m for m in mine if m.out]
    result: Any = None
    if kind == "send":
        text = f"note {rng.random()} @bob"
        request = functions.messages.SendMessageRequest(where, text, random_id=rng.getrandbits(60))
        result = await client(request)
    elif kind == "edit" and own:
        text = f"edited {rng.random()}"
        result = await client(functions.messages.EditMessageRequest(where, own[0].id, message=text))
    elif kind == "delete" and own and not is_town:
        # Not in the channel: Telethon takes the pts in that answer for the account's own.
        affected = await client(functions.messages.DeleteMessagesRequest([own[0].id], revoke=True))
        follower.take_affected(affected)
    elif kind == "read" and is_town:
        await client(functions.channels.ReadHistoryRequest(where, 0))
    elif kind == "read":
        affected = await client(functions.messages.ReadHistoryRequest(where, 0))
        follower.take_affected(affected)
    elif kind == "pin" and own and not own[0].pinned and not is_town:
        result = await client(functions.messages.UpdatePinnedMessageRequest(where, own[0].id))
    for update in result.updates if result else ():
        follower.take(update)


@pytest.mark.parametrize("seed", range(4))
async def test_pts_never_skips_whatever_people_do(
    dc: DataCentre, world: World, connect: Connect, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same every time
    people = [world.add_user(name, username=name) for name in ("ada1", "bob", "eve1")]
    world.add_group("Trio", people[0], people[1:])
    town = world.add_channel("Town", people[0], people[1:], username="town")
    clients, followers = [], []
    for person in people:
        client, follower = await connect(person), Follower()
        client.add_event_handler(follower.hear)
        follower.pts[0] = (await client(functions.updates.GetStateRequest())).pts
        follower.pts[town.id] = town.box.pts
        clients.append(client)
        followers.append(follower)
    for _ in range(60):
        index = rng.randrange(3)
        await act(rng, clients[index], followers[index])
        for client in clients:
            await client(functions.help.GetNearestDcRequest())
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    for person, follower in zip(people, followers, strict=True):
        assert follower.gaps == []
        assert follower.pts == {0: person.box.pts, town.id: town.box.pts}
    # One for each client when it starts, and never again.
    assert dc.requests["updates.GetDifference"] <= 3
    assert dc.requests["updates.GetChannelDifference"] == 0


@pytest.mark.parametrize("seed", range(20))
def test_every_log_is_gapless(world: World, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same every time
    people = [world.add_user(name) for name in ("Ada", "Bob", "Eve")]
    group = world.add_group("Trio", people[0], people[1:])
    town = world.add_channel("Town", people[0], people[1:])
    everywhere: list[Peer] = [*people, group, town]
    for _ in range(80):
        who = rng.choice(people)
        where: Peer = rng.choice(everywhere)
        ids = world.ids(who, where)
        record = world.message(who, where, rng.choice(ids)) if ids else None
        match rng.randrange(6):
            case 0 | 1:
                world.post(who, where, "hello")
            case 2:
                world.mark_read(who, where, rng.choice([0, *ids]))
            case 3 if record:
                changes.record_change(world, record, "edit")
            case 4 if ids:
                is_for_all = rng.random() < 0.5
                changes.delete(world, who, where, rng.sample(ids, 1), for_everyone=is_for_all)
            case 5 if record:
                only_for = rng.choice([None, who]) if where in people else None
                changes.pin(world, record, is_pinned=True, only_for=only_for)
    for box in (*(person.box for person in people), town.box):
        pts = 1
        for event in box.log:
            pts += event.pts_count
            assert event.pts == pts
        assert box.pts == pts
        assert sorted(box.numbers) == sorted(i for ids in box.by_peer.values() for i in ids)


async def test_difference_brings_what_was_missed(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    client = await connect(ada)
    state = await client(functions.updates.GetStateRequest())
    kept, gone = (world.post(bob, ada, text).message for text in ("kept", "gone"))
    kept.text = "edited"
    changes.record_change(world, kept, "edit")
    changes.delete(world, bob, None, [gone.copies[bob.id]], for_everyone=True)
    found = await client(functions.updates.GetDifferenceRequest(state.pts, 0, 0))
    assert [message.message for message in found.new_messages] == ["edited"]
    assert [type(update).__name__ for update in found.other_updates] == [
        "UpdateEditMessage",
        "UpdateDeleteMessages",
    ]
    assert (found.state.pts, {user.first_name for user in found.users}) == (
        ada.box.pts,
        {"Ada", "Bob"},
    )
    empty = await client(functions.updates.GetDifferenceRequest(ada.box.pts, 0, 0))
    assert isinstance(empty, types.updates.DifferenceEmpty)


async def test_difference_comes_in_slices(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    for index in range(5):
        world.post(bob, ada, f"m{index}")
    client = await connect(ada)
    texts, pts = [], 1
    while True:
        found = await client(functions.updates.GetDifferenceRequest(pts, 0, 0, pts_limit=2))
        texts += [message.message for message in found.new_messages]
        if isinstance(found, types.updates.Difference):
            break
        pts = found.intermediate_state.pts
    assert texts == ["m0", "m1", "m2", "m3", "m4"]


async def test_difference_names_the_channels_that_moved_on(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", bob, [ada], at=1000)
    world.add_channel("Quiet", bob, [ada], at=1000)
    world.post(bob, town, "news", at=3000)
    client = await connect(ada)
    found = await client(functions.updates.GetDifferenceRequest(1, 2000, 0))
    assert found.other_updates == [types.UpdateChannelTooLong(town.id, town.box.pts)]
    assert [chat.title for chat in found.chats] == ["Town"]


async def test_impossible_pts(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    client = await connect(ada)
    with refused("PERSISTENT_TIMESTAMP_EMPTY"):
        await client(functions.updates.GetDifferenceRequest(0, 0, 0))
    ahead = await client(functions.updates.GetDifferenceRequest(999, 0, 0))
    assert ahead == types.updates.DifferenceTooLong(1)


async def test_channel_difference(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    town = world.add_channel("Town", ada, username="town")
    for index in range(3):
        world.post(ada, town, f"m{index}")
    client = await connect(ada)
    every = types.ChannelMessagesFilterEmpty()

    def ask(pts: int, limit: int = 2) -> Any:
        return functions.updates.GetChannelDifferenceRequest("town", every, pts, limit)

    first, second = await client(ask(2)), await client(ask(4))
    assert ([m.message for m in first.new_messages], first.final, first.pts) == (
        ["m0", "m1"],
        False,
        4,
    )
    assert ([m.message for m in second.new_messages], second.final) == (["m2"], True)
    assert isinstance(await client(ask(5)), types.updates.ChannelDifferenceEmpty)
    too_long = await client(ask(99))
    assert [m.message for m in too_long.messages] == ["m2", "m1"]
    assert too_long.dialog.pts == 5


def test_a_client_too_far_behind_starts_over() -> None:
    box = Mailbox(1)
    for index in range(LOG_LIMIT + 1):
        box.record("delete", 1, [index], 1)
    assert len(box.log) == LOG_LIMIT // 2 + 1
    assert box.log[0].pts == box.floor + 1
    assert len(box.since(box.floor)) == len(box.log)


def test_a_few_missed_updates_are_resumed_and_many_are_not(world: World) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    for _ in range(21):
        world.post(bob, ada, "hi")
    resumed = views.resume_updates(world, ada, 2)
    assert resumed is not None
    assert [update.pts for update in resumed[0]] == list(range(3, 23))
    assert views.resume_updates(world, ada, 1) is None


def test_progress_tells_own_box_and_channels_apart(world: World) -> None:
    ada = world.add_user("Ada")
    town = world.add_channel("Town", ada)
    posted = [world.post(ada, ada, "note"), world.post(ada, town, "post")]
    updates = [
        views.update(world, ada, notice.box, notice.event)
        for one in posted
        for notice in one.notices
    ]
    updates.append(types.UpdateDeleteChannelMessages(44, [1], 9, 1))
    assert views.progress(updates) == (2, frozenset({town.id, 44}))
    assert views.progress([types.UpdateUserTyping(1, None)]) == (None, frozenset())
