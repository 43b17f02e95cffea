from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect, ConnectRaw
    from tests.sandbox.control_client import Http
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

ME = functions.users.GetUsersRequest([types.InputUserSelf()])


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


async def start(control: Http, **order: Any) -> str:
    body = {"from": "bobby", "to": "alice", "text": "n", **order}
    status, answer = await control("POST", "/traffic", body)
    assert status == 202, answer
    path: str = "/traffic/" + answer["id"]
    return path


async def until_done(control: Http, path: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            status, answer = await control("GET", path)
            assert status == 200
            if answer["isDone"]:
                return answer
            await asyncio.sleep(0.02)


async def test_traffic_is_heard_whole_and_in_order(
    alice: User, bob: User, connect_raw: ConnectRaw, control: Http
) -> None:
    client = await connect_raw(alice)
    await client.call(in_layer(ME))
    path = await start(control, perSecond=1_000, count=500)
    heard = [(await client.receive(types.Updates)).obj.updates[0] for _ in range(500)]
    assert [step.message.message for step in heard] == [f"n {n}" for n in range(1, 501)]
    assert [step.pts for step in heard] == [*range(2, 502)]
    answer = await until_done(control, path)
    elapsed = answer.pop("elapsedSecs")
    assert answer == {
        "id": "1",
        "sent": 500,
        "total": 500,
        "isDone": True,
        "chats": [{"chat": alice.id, "sent": 500, "lastId": 500}],
    }
    assert 0.45 < elapsed < 10
    _, seen = await control("GET", f"/messages?user=bobby&chat={alice.id}&limit=100000")
    assert len(seen["messages"]) == 500


async def test_chats_take_turns_and_numbers_run_over_all(
    world: World, alice: User, bob: User, control: Http
) -> None:
    # Hers alone: from here on the ids in the two boxes differ.
    world.post(alice, alice, "note")
    duo = world.add_group("Duo", bob, [alice])
    town = world.add_channel("Town", bob, [alice])
    chats = ["alice", duo.peer_id, town.peer_id]
    path = await start(control, to=chats, perSecond=2_000, seconds=0.005)
    answer = await until_done(control, path)
    assert [chat["sent"] for chat in answer["chats"]] == [4, 3, 3]
    for chat, numbers in zip(answer["chats"], ([1, 4, 7, 10], [2, 5, 8], [3, 6, 9]), strict=True):
        _, seen = await control("GET", f"/messages?user=bobby&chat={chat['chat']}&limit=100")
        texts = [(item["id"], item["text"]) for item in seen["messages"] if item["text"]]
        assert texts[0][0] == chat["lastId"]
        assert [text for _, text in reversed(texts)] == [f"n {n}" for n in numbers]


async def test_traffic_keeps_its_rate(alice: User, bob: User, control: Http) -> None:
    path = await start(control, perSecond=100, count=21)
    answer = await until_done(control, path)
    assert 0.2 <= answer["elapsedSecs"] < 5


async def test_traffic_is_stopped(alice: User, bob: User, control: Http) -> None:
    path = await start(control, perSecond=10, seconds=60)
    status, answer = await control("DELETE", path)
    assert (status, answer["isDone"], answer["total"]) == (200, True, 600)
    await asyncio.sleep(0.3)
    _, later = await control("GET", path)
    assert (later["isDone"], later["sent"]) == (True, answer["sent"])
    assert (await control("DELETE", "/traffic/99"))[0] == 404
    assert (await control("GET", "/traffic/99"))[0] == 404


async def test_no_more_than_eight_streams_run_at_once(
    alice: User, bob: User, control: Http
) -> None:
    paths = [await start(control, perSecond=1, seconds=60) for _ in range(8)]
    ninth = {"from": "bobby", "to": "alice", "text": "n", "perSecond": 1, "seconds": 60}
    assert await control("POST", "/traffic", ninth) == (409, {"error": "8 streams run already"})
    await control("DELETE", paths[0])
    await asyncio.sleep(0)
    assert (await control("POST", "/traffic", ninth))[0] == 202


@pytest.mark.parametrize(
    ("order", "status", "error"),
    [
        ({"count": 1, "seconds": 1}, 400, "either seconds or count"),
        ({}, 400, "either seconds or count"),
        ({"count": 60_001}, 400, "Expected `int` <= 60000 - at `$.count`"),
        ({"perSecond": 2_000, "seconds": 31}, 400, "1 to 60000 messages, not 62000"),
        ({"perSecond": 1, "seconds": 0.1}, 400, "1 to 60000 messages, not 0"),
        ({"perSecond": 2_001, "count": 1}, 400, "Expected `float` <= 2000.0 - at `$.perSecond`"),
        ({"count": 1, "to": []}, 400, "Expected `array` of length >= 1 - at `$.to`"),
        ({"count": 1, "to": ["alice", 6_100_000_001]}, 400, "a chat is named twice"),
        ({"count": 1, "to": ["alice", "nobody"]}, 404, "there is no chat 'nobody'"),
        ({"count": 1, "to": "town"}, 400, "bobby is not in Town"),
    ],
)
async def test_an_impossible_order_is_refused(
    world: World, alice: User, bob: User, control: Http, order: Any, status: int, error: str
) -> None:
    world.add_channel("Town", alice, username="town")
    body = {"from": "bobby", "to": "alice", "text": "n", "perSecond": 10, **order}
    answered, answer = await control("POST", "/traffic", body)
    assert (answered, answer["error"].partition(" - at `$`")[0]) == (status, error)


@pytest.mark.parametrize("short", [False, True], ids=["full", "short"])
async def test_telethon_hears_all_of_it_once_whatever_breaks(
    dc: DataCentre, alice: User, bob: User, connect: Connect, control: Http, *, short: bool
) -> None:
    client = await connect(alice, sequential_updates=True, retry_delay=0)
    await client.get_entity("bobby")
    heard: list[str] = []

    async def on_message(event: Any) -> None:
        heard.append(event.raw_text)

    client.add_event_handler(on_message, events.NewMessage())
    path = await start(control, perSecond=500, count=1_000)
    for lost in (0, 5, 0, 50):
        await asyncio.sleep(0.3)
        await control("POST", "/behaviour", {"losePushes": lost, "shortUpdates": short})
        if not lost:
            dc.drop_connections()
    await until_done(control, path)
    async with asyncio.timeout(10):
        while len(heard) < 1_000:
            await asyncio.sleep(0.02)
    assert heard == [f"n {n}" for n in range(1, 1_001)]
