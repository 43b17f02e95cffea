from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from telethon import errors, events
from telethon.tl import functions

from vasya_sandbox.control import Control

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from tests.sandbox.control_client import Http
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


async def test_the_state_counts_requests_and_sessions(
    alice: User, connect: Connect, control: Http
) -> None:
    client = await connect(alice)
    await control("POST", "/reset-counters")
    await client(functions.updates.GetStateRequest())
    with pytest.raises(errors.BadRequestError):
        await client(functions.help.GetSupportNameRequest())
    assert await control("GET", "/state") == (
        200,
        {
            "requests": {"updates.GetState": 1, "help.GetSupportName": 1},
            "unknown": {"help.GetSupportName": 1},
            "handlerErrors": {},
            "connections": 1,
            "sessions": 1,
        },
    )


async def test_the_request_log_tells_what_came_after_a_number(
    dc: DataCentre, alice: User, connect: Connect, control: Http
) -> None:
    client = await connect(alice)
    last = dc.requests_since()[-1].n
    await client(functions.updates.GetStateRequest())
    status, log = await control("GET", f"/requests?since={last}")
    assert status == 200
    assert [(entry["n"], entry["method"], entry["userId"]) for entry in log] == [
        (last + 1, "updates.GetState", alice.id)
    ]


async def test_a_fault_is_planned_and_forgotten(
    alice: User, connect: Connect, control: Http
) -> None:
    client = await connect(alice)
    fault = {
        "action": "rpc_error",
        "request": "updates.GetState",
        "code": 400,
        "text": "CHAT_INVALID",
    }
    assert (await control("POST", "/faults", {**fault, "userId": alice.id, "times": 5}))[0] == 201
    with pytest.raises(errors.ChatInvalidError):
        await client(functions.updates.GetStateRequest())
    assert await control("DELETE", "/faults") == (204, None)
    assert await client(functions.updates.GetStateRequest())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"action": "explode"}, "Invalid enum value 'explode' - at `$.action`"),
        ({"action": "delay"}, "delay needs secs"),
        ({"action": "drop", "request": "nonsense"}, "no request is called nonsense"),
        ({"action": "drop", "times": 0}, "Expected `int` >= 1 - at `$.times`"),
        ({"action": "drop", "colour": 1}, "Object contains unknown field `colour`"),
    ],
)
async def test_a_wrong_fault_is_refused(control: Http, body: Any, message: str) -> None:
    assert await control("POST", "/faults", body) == (400, {"error": message})


async def test_somebody_sends_from_their_phone(
    alice: User, bob: User, connect: Connect, control: Http
) -> None:
    client = await connect(bob)
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def on_message(event: Any) -> None:
        heard.put_nowait(event.raw_text)

    client.add_event_handler(on_message, events.NewMessage())
    answer = await control("POST", "/send", {"from": "alice", "to": bob.id, "text": "hi"})
    assert answer == (201, {"id": 1, "ids": {str(alice.id): 1, str(bob.id): 1}})
    assert await asyncio.wait_for(heard.get(), 5) == "hi"


async def test_a_witness_sees_what_a_user_sees(
    world: World, alice: User, bob: User, control: Http
) -> None:
    town = world.add_channel("Town Hall", alice, [bob])
    await control("POST", "/send", {"from": "alice", "to": town.peer_id, "text": "first"})
    await control("POST", "/send", {"from": bob.id, "to": str(town.peer_id), "text": "second"})
    status, answer = await control("GET", f"/messages?user=bobby&chat={town.peer_id}&limit=2")
    assert status == 200
    seen = [
        (item["id"], item["text"], item["from"], item["isOutgoing"]) for item in answer["messages"]
    ]
    assert seen == [(3, "second", bob.id, True), (2, "first", alice.id, False)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/send", {"from": "nobody", "to": "alice", "text": "x"}, 404),
        ("POST", "/send", {"from": "alice", "to": -5, "text": "x"}, 404),
        ("POST", "/send", {"from": "alice", "to": "alice", "text": ""}, 400),
        ("POST", "/send", {"from": "alice"}, 400),
        ("GET", "/messages?user=alice&chat=alice&limit=0", None, 400),
        ("GET", "/messages?user=alice&chat=alice&limit=x", None, 400),
        ("GET", "/messages?user=nobody&chat=alice", None, 404),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/state", None, 405),
    ],
)
@pytest.mark.usefixtures("alice")
async def test_a_wrong_request_gets_an_error_in_json(
    control: Http, method: str, path: str, body: Any, status: int
) -> None:
    answered, answer = await control(method, path, body)
    assert answered == status
    assert [*answer] == ["error"]


async def test_a_stranger_cannot_post_in_a_chat(
    world: World, alice: User, bob: User, control: Http
) -> None:
    town = world.add_channel("Town Hall", alice)
    answer = await control("POST", "/send", {"from": "bobby", "to": town.peer_id, "text": "x"})
    assert answer == (400, {"error": "bobby is not in Town Hall"})
    assert world.ids(bob, town) == [1]


async def test_all_connections_are_dropped(
    dc: DataCentre, alice: User, connect: Connect, control: Http
) -> None:
    await connect(alice, auto_reconnect=False)
    assert await control("POST", "/drop") == (200, {"dropped": 1})
    await asyncio.sleep(0.1)
    assert dc.connections == 0


@pytest.mark.parametrize("host", ["evil.example:1", "localhost:1", "127.0.0.1", "10.0.0.1:1", ""])
async def test_a_page_that_rebinds_its_name_is_refused(control: Http, host: str) -> None:
    assert (await control("GET", "/state", Host=host))[0] == 403


async def test_a_form_on_a_page_is_refused(dc: DataCentre, control: Http) -> None:
    fault = {"action": "silence"}
    answer = await control("POST", "/faults", fault, Origin="https://evil.example")
    assert answer == (403, {"error": "not from a browser"})
    assert dc.faults.take(functions.updates.GetStateRequest(), None) is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /state HTTP/1.1\r\nHost: 127.0.0.1:1\r\nHost: 127.0.0.1:2\r\n\r\n", 400),
        (b"GET /state HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /send HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"POST /send HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 1\r\n\r\n{", 400),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
async def test_what_is_not_http_is_refused(control: Http, data: bytes, status: int) -> None:
    assert (await control.raw(data))[0] == status


async def test_neither_port_listens_beyond_this_machine(dc: DataCentre) -> None:
    await dc.stop()
    with pytest.raises(ValueError, match=r"0\.0\.0\.0 is not a loopback address"):
        await dc.start("0.0.0.0")  # noqa: S104 - refused
    with pytest.raises(ValueError, match=r"192\.168\.0\.1 is not a loopback address"):
        await Control(dc).start("192.168.0.1")


def test_every_route_is_described(dc: DataCentre) -> None:
    page = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()
    described = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE))
    assert described == {
        f"{method} {path}" for path, methods in Control(dc)._routes.items() for method in methods
    }
