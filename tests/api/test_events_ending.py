"""What ends a stream, over real HTTP: whatever becomes of its credential, a stop of the server, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.conftest import API, TOKEN
from tests.api.streaming import EVENTS, append, message
from tests.problems import assert_problem
from vasya_server.app import create_app
from vasya_server.cli.http_server import Server, bind, make_server, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

ENDS_WITHIN_SECS = 2.0
ONE_EVENT_BYTES = 2000


@dataclass
class Web:
    """A server that listens, and a human's client of it."""

    gateway: Gateway
    server: Server
    human: httpx.AsyncClient
    account: str


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"VASYA_STREAM_STUCK_SECS": "1"}


@pytest.fixture
async def web(serve: Serve, dc: DataCentre, scene: Scene) -> AsyncIterator[Web]:
    async with serve() as (gateway, _):
        listener = bind("127.0.0.1", 0)
        listening = asyncio.Event()

        async def on_listening() -> None:
            listening.set()

        app = create_app(gateway)
        server = make_server(app, gateway.settings, on_listening, gateway.streams.stop)
        running = asyncio.create_task(server.serve([listener]))
        await listening.wait()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=url_of(listener), headers=headers) as human:
            body = {"session": dc.mint(scene.alice)}
            made = await human.post(f"{API}/telegram/login/session", json=body)
            yield Web(gateway, server, human, made.json()["accountId"])
        server.should_exit = True
        await running


async def new_key(web: Web, **more: Any) -> tuple[str, dict[str, str]]:
    body = {"name": "listener", "scopes": ["events:read", "chats:read"], **more}
    made = await web.human.post(f"{API}/agent-keys", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"], {"Authorization": f"Bearer {made.json()['secret']}"}


@contextlib.asynccontextmanager
async def listening(web: Web, headers: dict[str, str]) -> AsyncIterator[AsyncIterator[str]]:
    query = {"type": "message.new"}
    async with web.human.stream("GET", EVENTS, params=query, headers=headers) as response:
        assert response.status_code == 200
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        assert (await anext(lines), (await anext(lines))[:4]) == (": here", "id: ")
        yield lines


async def rest(lines: AsyncIterator[str]) -> tuple[list[str], float]:
    """Return what is sent until the end, and how long that took."""
    begun = time.monotonic()
    async with asyncio.timeout(5):
        said = [line async for line in lines if line]
    return said, time.monotonic() - begun


REVOKED = ("DELETE", f"{API}/agent-keys/{{}}", None)
NARROWED = ("PATCH", f"{API}/agent-keys/{{}}", {"scopes": ["chats:read"]})
CHATS_TAKEN = ("PATCH", f"{API}/agent-keys/{{}}", {"chats": {"read": {"ids": [7]}}})
SWITCHED_OFF = ("PATCH", f"{API}/settings", {"disabledScopes": ["events:read"]})
LOCKED_DOWN = ("POST", f"{API}/lockdown", None)


@pytest.mark.parametrize(
    ("how", "reason", "status", "code"),
    [
        (REVOKED, "key_revoked", 401, "key_revoked"),
        (LOCKED_DOWN, "key_revoked", 401, "key_revoked"),
        (NARROWED, "key_changed", 403, "scope_required"),
        (SWITCHED_OFF, "key_changed", 403, "scope_disabled"),
    ],
    ids=["revoked", "lockdown", "narrowed", "switched off"],
)
async def test_a_stream_ends_with_its_key_and_says_why(
    web: Web, how: tuple[str, str, Any], reason: str, status: int, code: str
) -> None:
    key_id, headers = await new_key(web)
    async with listening(web, headers) as lines:
        method, path, body = how
        done = await web.human.request(method, path.format(key_id), json=body)
        assert done.is_success, done.text
        await append(web.gateway, web.account, message("too late"))
        said, took_secs = await rest(lines)

    assert said == [f": ended {reason}"]
    assert took_secs < ENDS_WITHIN_SECS
    assert_problem(await web.human.get(EVENTS, headers=headers), status, code)


async def test_a_stream_of_a_key_whose_chats_were_taken_ends_and_the_next_has_the_new_ones(
    web: Web,
) -> None:
    key_id, headers = await new_key(web)
    async with listening(web, headers) as lines:
        method, path, body = CHATS_TAKEN
        assert (await web.human.request(method, path.format(key_id), json=body)).is_success
        said, took_secs = await rest(lines)
    assert (said, took_secs < ENDS_WITHIN_SECS) == ([": ended key_changed"], True)

    async with listening(web, headers) as lines:
        await append(web.gateway, web.account, message("out", 8), message("in", 7))
        told = [await anext(lines) for _ in range(4)]
    assert '"text":"in"' in told[3]


async def test_a_stream_ends_when_its_key_expires(web: Web, clock: MovableClock) -> None:
    _, headers = await new_key(web, ttlSecs=60)
    async with listening(web, headers) as lines:
        clock.ahead += timedelta(seconds=61)
        said, took_secs = await rest(lines)

    assert said == [": ended key_expired"]
    assert took_secs < ENDS_WITHIN_SECS
    assert_problem(await web.human.get(EVENTS, headers=headers), 401, "key_expired")


async def test_other_keys_and_humans_go_on_listening(web: Web) -> None:
    key_id, headers = await new_key(web)
    _, others = await new_key(web)
    async with (
        listening(web, headers) as ended,
        listening(web, others) as lines,
        listening(web, {}) as humans,
    ):
        await web.human.delete(f"{API}/agent-keys/{key_id}")
        await rest(ended)
        await append(web.gateway, web.account, message("hello"))
        for going_on in (lines, humans):
            told = [await anext(going_on) for _ in range(4)]
            assert '"text":"hello"' in told[3]


async def test_a_stop_of_the_server_ends_streams_and_polls_at_once(web: Web) -> None:
    poll = asyncio.create_task(
        web.human.get(f"{EVENTS}/poll", params={"wait": 60, "type": "message.new"})
    )
    async with listening(web, {}) as lines:
        await asyncio.sleep(0.2)
        web.server.should_exit = True
        said, took_secs = await rest(lines)

    assert said == [": ended shutting_down"]
    assert took_secs < 1.0
    assert (await asyncio.wait_for(poll, 20)).json()["items"] == []


async def test_nothing_is_open_any_more_when_clients_go_away(web: Web) -> None:
    _, headers = await new_key(web)
    for _ in range(20):  # more than a key may have at once
        async with listening(web, headers):
            pass
    with pytest.raises(httpx.ReadTimeout):
        await web.human.get(
            f"{EVENTS}/poll", params={"wait": 60, "type": "message.new"}, timeout=0.2
        )
    async with asyncio.timeout(10):
        while web.gateway.streams.count:
            await asyncio.sleep(0.02)


async def test_a_client_that_reads_nothing_is_cut_off_and_has_cost_no_memory(web: Web) -> None:
    count = 4000
    connections = web.server.server_state.connections
    others = set(connections)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        slow.settimeout(0)
        loop = asyncio.get_running_loop()
        url = web.human.base_url
        await loop.sock_connect(slow, (url.host, url.port))
        head = f"GET {EVENTS} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n"
        await loop.sock_sendall(slow, f"{head}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert await loop.sock_recv(slow, 1024)
        for _ in range(count // 100):
            text = "x" * ONE_EVENT_BYTES
            await append(web.gateway, web.account, *[message(text) for _ in range(100)])
        async with asyncio.timeout(5):
            while web.gateway.streams.count or connections - others:
                await asyncio.sleep(0.05)
        got_bytes = 0
        with contextlib.suppress(ConnectionError):
            while piece := await loop.sock_recv(slow, 64 * 1024):
                got_bytes += len(piece)

    # What lies in the kernel, and one write: of 8 MB that it was to be told.
    assert got_bytes < count * ONE_EVENT_BYTES / 8
