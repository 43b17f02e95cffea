"""A file of another server: read piece by piece, and only where it is one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.outbound.servers import Network, saying, saying_nothing, serving
from vasya_server import __version__
from vasya_server.outbound import Outbound, OutboundFailed, OutboundFile, OutboundRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.outbound.servers import Answering
    from vasya_server.settings import Settings

FILE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwords"


@pytest.fixture
def outbound(on_loopback: Callable[..., Settings]) -> Outbound:
    return Outbound(on_loopback(VASYA_OUTBOUND_HOSTS="files.example=127.0.0.1"))


async def fetch(
    outbound: Outbound,
    answer: Answering,
    path: str = "/a.txt",
    *,
    idle_secs: float = 5,
    deadline_secs: float = 5,
) -> tuple[OutboundFile, bytes]:
    async with (
        serving(answer) as server,
        outbound.fetch(
            f"http://127.0.0.1:{server.port}{path}",
            idle_secs=idle_secs,
            deadline_secs=deadline_secs,
        ) as found,
    ):
        return found, b"".join([chunk async for chunk in found.chunks])


async def test_a_file_comes_with_what_its_server_says_of_it(outbound: Outbound) -> None:
    found, data = await fetch(outbound, saying(FILE), "/files/r%C3%A9sum%C3%A9.txt?key=1")

    assert (found.name, found.size_bytes, data) == ("résumé.txt", 5, b"words")
    assert found.headers["content-type"] == "text/plain"


async def test_a_file_may_come_without_name_and_size(outbound: Outbound) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

    found, data = await fetch(outbound, saying(chunked), "/")

    assert (found.name, found.size_bytes, data) == ("", None, b"abc")


async def test_the_request_says_nothing_of_who_asks(outbound: Outbound) -> None:
    async with serving(saying(FILE)) as server:
        url = f"http://files.example:{server.port}/a"
        async with outbound.fetch(url, idle_secs=5, deadline_secs=5) as found:
            async for _ in found.chunks:
                pass

    assert server.received[0].line == "GET /a HTTP/1.1"
    assert server.received[0].headers == {
        "host": [f"files.example:{server.port}"],
        "user-agent": [f"Vasya/{__version__}"],
        "connection": ["close"],
        "accept-encoding": ["identity"],
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_not_followed(
    on_loopback: Callable[..., Settings], status: int
) -> None:
    moved = (
        f"HTTP/1.1 {status} Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    network = Network({})
    outbound = Outbound(on_loopback(), network=network)
    async with serving(saying(moved.encode())) as server:
        network.ports["127.0.0.1"] = server.port
        with pytest.raises(OutboundRefused) as refused:
            async with outbound.fetch("http://127.0.0.1/", idle_secs=5, deadline_secs=5):
                pass

    assert refused.value.reason == "redirects"
    assert network.dialled == [("127.0.0.1", 80)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_what_is_not_given_to_everybody_is_no_file(outbound: Outbound, status: int) -> None:
    with pytest.raises(OutboundRefused) as refused:
        await fetch(outbound, saying(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status))

    assert refused.value.reason == "no_file"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 500 Trouble\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 Nothing\r\n\r\n",
        b"HTTP/1.1 206 Some\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nwo",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ],
    ids=["500", "204", "206", "compressed"],
)
async def test_an_answer_that_is_no_whole_file_is_a_failure(
    outbound: Outbound, head: bytes
) -> None:
    with pytest.raises(OutboundFailed) as failed:
        await fetch(outbound, saying(head))

    assert failed.value.reason == "no_file"


async def test_a_file_that_breaks_off_is_a_failure(outbound: Outbound) -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(FILE[:-2])
        writer.write_eof()

    with pytest.raises(OutboundFailed) as failed:
        await fetch(outbound, half)

    assert failed.value.reason == "protocol"


async def trickling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "idle_secs", "deadline_secs"),
    [
        (saying_nothing, 0.3, 5.0),
        (saying(FILE[:-2]), 0.3, 5.0),
        (trickling, 5.0, 0.3),
    ],
    ids=["silent", "half", "trickling"],
)
async def test_a_server_that_takes_too_long_is_given_up(
    outbound: Outbound, answer: Answering, idle_secs: float, deadline_secs: float
) -> None:
    began = time.monotonic()
    with pytest.raises(OutboundFailed) as failed:
        await fetch(outbound, answer, idle_secs=idle_secs, deadline_secs=deadline_secs)

    assert failed.value.reason == "timeout"
    assert time.monotonic() - began < 4


async def test_a_file_that_is_not_read_to_its_end_leaves_no_connection(outbound: Outbound) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    async with serving(endless) as server:
        url = f"http://127.0.0.1:{server.port}/"
        async with outbound.fetch(url, idle_secs=5, deadline_secs=5) as found:
            assert await anext(found.chunks)
        await asyncio.wait_for(server.closed.get(), 5)


async def test_an_address_within_is_not_fetched_from(strict: Settings) -> None:
    with pytest.raises(OutboundRefused) as refused:
        async with Outbound(strict).fetch("https://127.0.0.1/", idle_secs=5, deadline_secs=5):
            pass

    assert refused.value.reason == "ip_literal"
