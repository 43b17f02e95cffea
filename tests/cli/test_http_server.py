from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from vasya_server.cli.http_server import KEEP_ALIVE_SECS, PortUnavailable, bind, make_server, url_of
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEADER_TIMEOUT_SECS = 0.3
OK = b"HTTP/1.1 200 OK"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with what arrived: the names of the headers and the body."""
    body = b""
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(HEADER_TIMEOUT_SECS * 1.5)
    names = [name.decode() for name, _ in scope["headers"]]
    answer = json.dumps({"headers": names, "body": body.decode()}).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


class Client:
    """A raw socket: what it sends is sent as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self) -> tuple[bytes, bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head, await self.reader.readexactly(length)

    async def secs_until_closed(self) -> float:
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        return time.monotonic() - begun


@pytest.fixture
def keep_alive_secs() -> float:
    return KEEP_ALIVE_SECS


@pytest.fixture
async def port(keep_alive_secs: float) -> AsyncIterator[int]:
    listener = bind("127.0.0.1", 0)
    listening = asyncio.Event()

    async def on_listening() -> None:
        listening.set()

    settings = replace(load({}), header_timeout_secs=HEADER_TIMEOUT_SECS)  # type: ignore[arg-type]  # a whole second is too slow here
    server = make_server(app, settings, on_listening)
    server.config.timeout_keep_alive = keep_alive_secs  # type: ignore[assignment]  # as above
    running = asyncio.create_task(server.serve([listener]))
    await listening.wait()
    yield listener.getsockname()[1]
    server.should_exit = True
    await running


@pytest.fixture
async def client(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Client(reader, writer)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def assert_problem(answer: tuple[bytes, bytes], status: int, code: str) -> None:
    head, body = answer
    problem = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert (problem["status"], problem["code"]) == (status, code)
    assert f"x-request-id: {problem['requestId']}".encode() in head


async def test_a_request_is_served_without_a_server_header(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head, body = await client.answer()
    assert head.startswith(OK)
    assert b"\nserver:" not in head.lower()
    assert json.loads(body) == {"headers": ["host"], "body": ""}


async def test_a_socket_that_says_nothing_is_closed(client: Client) -> None:
    assert 0.2 < await client.secs_until_closed() < 2


@pytest.mark.parametrize("keep_alive_secs", [0.4])
async def test_a_connection_is_closed_when_nothing_follows_its_last_answer(client: Client) -> None:
    for _ in range(4):
        await asyncio.sleep(0.2)
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.answer()

    assert 0.3 < await client.secs_until_closed() < 2


@pytest.mark.parametrize("keep_alive_secs", [0.2])
async def test_no_request_is_too_slow_for_the_clock_of_idle_connections(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.answer()
    await client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")

    head, _ = await client.answer()

    assert head.startswith(OK)


async def test_headers_that_drip_are_cut_off_at_the_deadline(client: Client) -> None:
    async def drip() -> None:
        await client.send(b"GET / HTTP/1.1\r\n")
        for number in range(100):
            await asyncio.sleep(0.05)
            await client.send(f"X-{number}: 1\r\n".encode())

    dripping = asyncio.create_task(drip())
    assert 0.2 < await client.secs_until_closed() < 2
    dripping.cancel()


async def test_a_second_request_that_drips_is_cut_off_too(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.answer()
    await client.send(b"GET / HT")
    assert 0.2 < await client.secs_until_closed() < 2


async def test_blank_lines_do_not_keep_a_connection_open(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.answer()
    await client.send(b"\r\n")
    assert 0.2 < await client.secs_until_closed() < 2


async def test_a_body_that_drips_after_its_answer_is_cut_off(client: Client) -> None:
    async def drip() -> None:
        for _ in range(100):
            await asyncio.sleep(0.05)
            await client.send(b"x")

    await client.send(b"POST /early HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    await client.answer()
    dripping = asyncio.create_task(drip())
    assert 0.2 < await client.secs_until_closed() < 2
    dripping.cancel()


async def test_a_request_that_takes_longer_than_the_header_deadline_is_answered(
    client: Client,
) -> None:
    await client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.answer())[0].startswith(OK)


async def test_an_idle_connection_is_kept_for_the_next_request(client: Client) -> None:
    for _ in range(2):
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer())[0].startswith(OK)
        await asyncio.sleep(HEADER_TIMEOUT_SECS * 1.2)


async def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    await client.send(b"GET /slow HTTP/1.1\r\nA: 1\r\n\r\nGET / HTTP/1.1\r\nB: 1\r\n\r\n")
    answers = [json.loads((await client.answer())[1])["headers"] for _ in range(2)]
    assert answers == [["a"], ["b"]]


async def test_a_hundred_header_lines_are_taken(client: Client) -> None:
    lines = b"".join(b"X-%d: 1\r\n" % number for number in range(100))
    await client.send(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    assert (await client.answer())[0].startswith(OK)


async def test_more_than_a_hundred_header_lines_are_refused(client: Client) -> None:
    lines = b"".join(b"X-%d: 1\r\n" % number for number in range(101))
    await client.send(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    assert_problem(await client.answer(), 431, "headers_too_large")


async def test_headers_above_16_kib_are_refused(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 16 * 1024 + b"\r\n\r\n")
    assert_problem(await client.answer(), 431, "headers_too_large")


async def test_a_header_line_that_never_ends_is_refused(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(9):
        await client.send(b"a" * 4096)
        await asyncio.sleep(0.01)
    assert_problem(await client.answer(), 431, "headers_too_large")


async def test_a_target_above_16_kib_is_refused(client: Client) -> None:
    await client.send(b"GET /" + b"a" * 16 * 1024 + b" HTTP/1.1\r\n\r\n")
    assert_problem(await client.answer(), 414, "uri_too_long")


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b"Content-Length: 3\r\nTransfer-Encoding: chunked", id="length first"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 3", id="chunked first"),
        pytest.param(b"Content-Length: 3\r\nContent-Length: 4", id="two lengths"),
        pytest.param(b"Content-Length: +3", id="signed length"),
        pytest.param(b"Transfer-Encoding: chunked, identity", id="chunked not last"),
        pytest.param(b"Transfer-Encoding : chunked", id="blank before the colon"),
        pytest.param(b"X: a\r\n Content-Length: 3", id="folded line"),
    ],
)
async def test_an_ambiguous_end_of_the_body_is_refused(client: Client, request_head: bytes) -> None:
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + request_head + b"\r\n\r\n0\r\n\r\n")
    assert_problem(await client.answer(), 400, "malformed_request")


async def test_a_trailer_does_not_become_a_header(client: Client) -> None:
    await client.send(
        b"POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    )
    _, body = await client.answer()
    assert json.loads(body) == {"headers": ["transfer-encoding"], "body": "hi"}


async def test_trailers_that_never_end_are_refused(client: Client) -> None:
    await client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    for number in range(9):
        await client.send(b"X-%d: %s\r\n" % (number, b"a" * 4096))
        await asyncio.sleep(0.01)
    assert_problem(await client.answer(), 431, "headers_too_large")


async def test_a_broken_chunk_is_refused_with_a_problem(client: Client) -> None:
    await client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert_problem(await client.answer(), 400, "malformed_request")


async def test_noise_is_refused_with_a_problem(client: Client) -> None:
    await client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")
    assert_problem(await client.answer(), 400, "malformed_request")


async def test_noise_after_a_request_does_not_cost_its_answer(client: Client) -> None:
    await client.send(b"GET /slow HTTP/1.1\r\nA: 1\r\n\r\n\x16\x03\x01\x02")
    head, body = await client.answer()
    assert head.startswith(OK)
    assert json.loads(body)["headers"] == ["a"]
    assert await client.secs_until_closed() < 3


async def test_a_websocket_handshake_is_answered_as_a_plain_request(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert (await client.answer())[0].startswith(OK)


def test_a_taken_port_is_named() -> None:
    first = bind("127.0.0.1", 0)
    first.listen()
    port = first.getsockname()[1]
    with pytest.raises(PortUnavailable, match=f"Port {port} on 127.0.0.1 cannot be opened"):
        bind("127.0.0.1", port)
    first.close()


def test_the_url_of_an_ipv6_listener_is_in_brackets() -> None:
    listener = bind("::1", 0)
    assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
    listener.close()
