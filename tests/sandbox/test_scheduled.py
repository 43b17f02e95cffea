from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import scheduling, state
from vasya_sandbox.dc import DataCentre

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Connect
    from tests.sandbox.control_client import Http
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

MESSAGES = functions.messages


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


def later(world: World, text: str = "later", random_id: int = 1, secs: int = 60) -> Any:
    date = world.now + secs
    return MESSAGES.SendMessageRequest("bob", text, random_id=random_id, schedule_date=date)


def texts(world: World, user: User, peer: User) -> list[str]:
    found = [world.message(user, peer, each) for each in world.ids(user, peer)]
    return [message.text for message in found if message]


def put_forward(world: World, user: User, *, to: int) -> None:
    for waiting in scheduling.outbox(world, user).waiting.values():
        waiting.draft.at = to


async def eventually(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


class Hearing:
    """What a client is pushed."""

    def __init__(self, client: Any) -> None:
        self.updates: list[Any] = []
        client.add_event_handler(self._hear)

    async def _hear(self, update: Any) -> None:
        self.updates.append(update)

    def heard(self, kind: type) -> list[Any]:
        return [each for each in self.updates if isinstance(each, kind)]


async def test_a_scheduled_message_waits_under_an_id_of_its_own_and_nobody_else_sees_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client, other = await connect(ada), Hearing(await connect(ada))
    for n in range(3):
        world.post(ada, bob, f"before {n}")
    answer = await client(later(world))
    named, told = answer.updates
    assert (named.id, named.random_id) == (1, 1)
    assert isinstance(told, types.UpdateNewScheduledMessage)
    assert (told.message.id, told.message.message, told.message.out) == (1, "later", True)
    assert told.message.date == datetime.fromtimestamp(world.now + 60, UTC)
    assert texts(world, bob, ada) == ["before 0", "before 1", "before 2"]
    waiting = await client(MESSAGES.GetScheduledHistoryRequest("bob", hash=0))
    assert [message.id for message in waiting.messages] == [1]
    assert bob.id in {user.id for user in waiting.users}
    await eventually(lambda: len(other.heard(types.UpdateNewScheduledMessage)) == 1)


async def test_at_its_time_it_is_sent_and_every_session_is_told_both_ids(
    dc: DataCentre, world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    one, other, theirs = (
        Hearing(client),
        Hearing(await connect(ada)),
        Hearing(await connect(bob)),
    )
    world.post(ada, bob, "before")
    await client(later(world))
    put_forward(world, ada, to=world.now)
    scheduling.arm(dc)
    for hearing in (one, other):
        await eventually(partial(hearing.heard, types.UpdateDeleteScheduledMessages))
        (gone,) = hearing.heard(types.UpdateDeleteScheduledMessages)
        assert (gone.peer.user_id, gone.messages, gone.sent_messages) == (bob.id, [1], [2])
        await eventually(partial(hearing.heard, types.UpdateNewMessage))
        new = hearing.heard(types.UpdateNewMessage)[-1].message
        assert (new.id, new.message, new.from_scheduled) == (2, "later", True)
    await eventually(lambda: bool(theirs.heard(types.UpdateNewMessage)))
    assert theirs.heard(types.UpdateNewMessage)[-1].message.from_scheduled is not True
    assert texts(world, bob, ada) == ["before", "later"]
    left = await client(MESSAGES.GetScheduledMessagesRequest("bob", [1]))
    assert left.messages == []


async def test_the_same_random_id_never_makes_a_second_one(
    dc: DataCentre, world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    await client(later(world))
    repeated = await client(later(world, "other words", secs=600))
    assert [type(each).__name__ for each in repeated.updates] == [
        "UpdateMessageID",
        "UpdateNewScheduledMessage",
    ]
    assert (repeated.updates[0].id, repeated.updates[1].message.message) == (1, "later")
    scheduling.send_due(dc, ada, scheduling.outbox(world, ada).within(bob.id))
    after = await client(later(world))
    assert (after.updates[0].id, after.updates[1].message.message) == (1, "later")
    assert isinstance(after.updates[1], types.UpdateNewMessage)
    assert texts(world, ada, bob) == ["later"]


async def test_one_that_was_taken_back_is_not_sent_by_repeating_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    other = Hearing(await connect(ada))
    await client(later(world))
    answer = await client(MESSAGES.DeleteScheduledMessagesRequest("bob", [1, 77]))
    (gone,) = answer.updates
    assert (gone.messages, gone.sent_messages) == ([1], None)
    await eventually(lambda: bool(other.heard(types.UpdateDeleteScheduledMessages)))
    repeated = await client(later(world))
    assert [type(each).__name__ for each in repeated.updates] == ["UpdateMessageID"]
    put_forward(world, ada, to=world.now)
    await asyncio.sleep(0.1)
    assert texts(world, bob, ada) == []


async def test_it_can_be_sent_before_its_time(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    await client(later(world))
    answer = await client(MESSAGES.SendScheduledMessagesRequest("bob", [1]))
    assert [type(each).__name__ for each in answer.updates] == [
        "UpdateDeleteScheduledMessages",
        "UpdateNewMessage",
    ]
    assert (answer.updates[0].sent_messages, answer.updates[1].message.id) == ([1], 1)
    assert texts(world, bob, ada) == ["later"]
    with refused("MESSAGE_ID_INVALID"):
        await client(MESSAGES.SendScheduledMessagesRequest("bob", [1]))


async def test_it_can_be_changed_and_put_off(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    await client(later(world))
    edit = MESSAGES.EditMessageRequest
    far = world.now + 3600
    edited = await client(edit("bob", 1, message="better", schedule_date=far))
    told = edited.updates[0].message
    assert (told.id, told.message, int(told.date.timestamp())) == (1, "better", far)
    moved = await client(edit("bob", 1, schedule_date=far + 60))
    assert (moved.updates[0].message.message) == "better"
    with refused("MESSAGE_NOT_MODIFIED"):
        await client(edit("bob", 1, message="better", schedule_date=far + 60))
    with refused("MESSAGE_ID_INVALID"):
        await client(edit("bob", 2, message="x", schedule_date=far))
    now = await client(edit("bob", 1, schedule_date=world.now + 5))
    assert isinstance(now.updates[1], types.UpdateNewMessage)
    assert texts(world, bob, ada) == ["better"]


async def test_albums_and_forwards_wait_and_go_together(
    dc: DataCentre, world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    post = world.post(bob, ada, "news").message.copies[ada.id]
    date = world.now + 60
    forward = MESSAGES.ForwardMessagesRequest(
        "bob", [post], "me", random_id=[5], schedule_date=date
    )
    assert isinstance((await client(forward)).updates[1], types.UpdateNewScheduledMessage)
    place = types.InputMediaGeoPoint(types.InputGeoPoint(1, 2))
    media = MESSAGES.SendMediaRequest("bob", place, "here", random_id=6, schedule_date=date)
    assert isinstance((await client(media)).updates[1], types.UpdateNewScheduledMessage)
    files = [
        types.InputMediaUploadedDocument(await client.upload_file(b"x"), "text/plain", [])
        for _ in range(2)
    ]
    album = [types.InputSingleMedia(each, "", random_id=7 + n) for n, each in enumerate(files)]
    waiting = await client(MESSAGES.SendMultiMediaRequest("bob", album, schedule_date=date))
    assert [each.id for each in waiting.updates if isinstance(each, types.UpdateMessageID)] == [
        3,
        4,
    ]
    assert scheduling.send_due(dc, ada, list(scheduling.outbox(world, ada).waiting.values())) == {
        1: 2,
        2: 3,
        3: 4,
        4: 5,
    }
    saved, here, first, second = [
        message for n in range(2, 6) if (message := world.messages[ada.box.numbers[n]])
    ]
    assert saved.forward is not None
    assert (saved.peer, saved.text, saved.forward.sender) == (ada.id, "news", bob.id)
    assert (here.text, type(here.media).__name__) == ("here", "Place")
    assert first.grouped_id == second.grouped_id != 0


async def test_where_its_sender_may_not_write_any_more_it_is_taken_away_unsent(
    dc: DataCentre, world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    hearing = Hearing(client)
    await client(later(world))
    bob.blocked.add(ada.id)
    assert scheduling.send_due(dc, ada, scheduling.outbox(world, ada).within(bob.id)) == {}
    await eventually(lambda: bool(hearing.heard(types.UpdateDeleteScheduledMessages)))
    (gone,) = hearing.heard(types.UpdateDeleteScheduledMessages)
    assert (gone.messages, gone.sent_messages) == ([1], None)
    assert texts(world, bob, ada) == []


async def test_a_chat_holds_a_hundred_of_them(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    for n in range(100):
        await client(later(world, random_id=n + 1))
    with refused("SCHEDULE_TOO_MUCH"):
        await client(later(world, random_id=101))
    assert len(scheduling.outbox(world, ada).within(bob.id)) == 100


async def test_what_waits_survives_a_restart_and_what_was_due_meanwhile_is_sent(
    dc: DataCentre, world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    await client(later(world, "due", random_id=1))
    await client(later(world, "waits", random_id=2))
    scheduling.outbox(world, ada).waiting[1].draft.at = world.now
    again, keys = state.load(state.dump(world, dc.key_records()))
    second = DataCentre(again)
    second.restore_keys(keys)
    await second.start()
    try:
        ada2, bob2 = again.users[ada.id], again.users[bob.id]
        await eventually(lambda: texts(again, bob2, ada2) == ["due"])
        assert list(scheduling.outbox(again, ada2).waiting) == [2]
        assert scheduling.outbox(again, ada2).given == {bob.id: {1: 1, 2: 2}}
    finally:
        await second.stop()


async def test_the_control_port_makes_them_due(
    world: World, ada: User, bob: User, connect: Connect, control: Http
) -> None:
    client = await connect(ada)
    await client(later(world))
    await client(
        MESSAGES.SendMessageRequest("me", "note", random_id=2, schedule_date=world.now + 60)
    )
    assert await control("POST", "/due", {"user": "ada1", "chat": "bob"}) == (
        200,
        {"sent": {"1": 1}},
    )
    assert texts(world, bob, ada) == ["later"]
    assert await control("POST", "/due", {"user": "ada1"}) == (200, {"sent": {"2": 2}})
    assert await control("POST", "/due", {"user": "ada1"}) == (200, {"sent": {}})
    assert (await control("POST", "/due", {"user": "nobody"}))[0] == 404
