"""Answers that are sent in one piece: what a client sees is what it would see of two."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from vasya_server.api.answer import Answer
from vasya_server.api.incoming import Incoming
from vasya_server.cli.http_server import bind, make_server
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = b"x" * 256 * 1024


class Served:
    """An application that answers with `Answer`, and counts how often it did."""

    def __init__(self) -> None:
        self.count = 0
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        request = Incoming(scope, {}, receive, "req", is_plain=True)
        headers: list[tuple[bytes, bytes]] = []
        match scope["path"]:
            case "/none":
                answer = Answer(204)
            case "/large":
                answer = Answer(200, BODY)
            case "/split":
                answer = Answer(200, b"{}", headers=[(b"x-name", b"a\r\nx-evil: 1")])
            case path:
                answer = Answer(200, path.encode(), headers=[(b"x-name", b"a")])
        await answer.send(request, headers, send)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    listener, listening, served = bind("127.0.0.1", 0), asyncio.Event(), Served()

    async def on_listening() -> None:
        listening.set()

    server = make_server(served, load({}), on_listening)
    running = asyncio.create_task(server.serve([listener]))
    await listening.wait()
    served.port = listener.getsockname()[1]
    yield served
    server.should_exit = True
    await running


async def exchange(served: Served, sent: bytes) -> bytes:
    """Send bytes on a connection of their own, and return all that comes back until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(sent)
    answered = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answered


def get(path: str, method: str = "GET", *, closes: bool = True) -> bytes:
    end = "Connection: close\r\n" if closes else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{end}\r\n".encode()


async def test_an_answer_has_its_head_and_its_body(served: Served) -> None:
    head, _, body = (await exchange(served, get("/hello"))).partition(b"\r\n\r\n")

    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {b"x-name: a", b"content-type: application/json", b"content-length: 6"} <= {*lines}
    assert body == b"/hello"


async def test_an_answer_without_a_body_announces_none(served: Served) -> None:
    answered = await exchange(served, get("/none"))

    assert answered.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"content-length" not in answered


async def test_head_gets_the_head_alone(served: Served) -> None:
    head, _, body = (await exchange(served, get("/hello", "HEAD"))).partition(b"\r\n\r\n")

    assert b"content-length: 6" in head
    assert body == b""


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    sent = get("/one", closes=False) + get("/two", closes=False) + get("/three")

    bodies = [
        part.rpartition(b"\r\n\r\n")[2]
        for part in (await exchange(served, sent)).split(b"HTTP/1.1")
    ]

    assert bodies == [b"", b"/one", b"/two", b"/three"]


async def test_a_value_with_a_line_end_in_it_makes_no_second_header(served: Served) -> None:
    answered = await exchange(served, get("/split"))

    assert answered.startswith(b"HTTP/1.1 500 ")
    assert b"x-evil" not in answered


async def test_a_client_that_does_not_read_is_not_answered_ahead(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=64 * 1024)
    for _ in range(200):
        writer.write(get("/large", closes=False))
    writer.write(get("/large"))
    await asyncio.sleep(0.5)
    ahead = served.count

    answered = await asyncio.wait_for(reader.read(), 20)
    writer.close()

    assert ahead < 100
    assert answered.count(b"HTTP/1.1 200 OK") == 201
    assert served.count == 201
