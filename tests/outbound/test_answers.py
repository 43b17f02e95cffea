"""What is sent, and what becomes of every kind of answer."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.outbound.certificates import Authority
from tests.outbound.servers import OK, Network, Resolver, saying, saying_nothing, serving
from vasya_server import __version__
from vasya_server.outbound import Outbound, OutboundAnswer, OutboundFailed
from vasya_server.settings import load

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from tests.outbound.servers import Answering
    from vasya_server.settings import Settings

NAMES = "hooks.example=127.0.0.1"


@pytest.fixture
def outbound(on_loopback: Callable[..., Settings]) -> Outbound:
    return Outbound(on_loopback(VASYA_OUTBOUND_HOSTS=NAMES))


async def ask(outbound: Outbound, answer: Answering, **more: float) -> OutboundAnswer:
    async with serving(answer) as server:
        return await outbound.post(
            f"http://127.0.0.1:{server.port}/",
            b"{}",
            {},
            deadline_secs=more.get("deadline_secs", 5),
            max_answer_bytes=int(more.get("max_answer_bytes", 65536)),
        )


async def failing(outbound: Outbound, answer: Answering, **more: float) -> str:
    with pytest.raises(OutboundFailed) as failed:
        await ask(outbound, answer, **more)
    return failed.value.reason


async def test_the_request_is_what_the_caller_said_and_little_else(outbound: Outbound) -> None:
    async with serving(saying(OK)) as server:
        answer = await outbound.post(
            f"http://hooks.example:{server.port}/in?a=b",
            b'{"n": 1}',
            {"Content-Type": "application/json", "webhook-id": "msg_1"},
            deadline_secs=5,
        )

    assert answer == OutboundAnswer(200, {"content-length": "2"}, b"ok")
    assert server.received[0].line == "POST /in?a=b HTTP/1.1"
    assert server.received[0].body == b'{"n": 1}'
    assert server.received[0].headers == {
        "host": [f"hooks.example:{server.port}"],
        "user-agent": [f"Vasya/{__version__}"],
        "connection": ["close"],
        "content-type": ["application/json"],
        "webhook-id": ["msg_1"],
        "content-length": ["8"],
    }


async def test_every_attempt_has_a_connection_of_its_own_that_is_closed(outbound: Outbound) -> None:
    keeping = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    async with serving(saying(keeping)) as server:
        for _ in range(2):
            url = f"http://hooks.example:{server.port}/"
            await outbound.post(url, b"", {}, deadline_secs=5)
            await asyncio.wait_for(server.closed.get(), 5)

        assert server.connections == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(
    on_loopback: Callable[..., Settings], status: int
) -> None:
    network = Network({})
    moved = (
        f"HTTP/1.1 {status} Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    async with serving(saying(moved.encode())) as server:
        network.ports["127.0.0.1"] = server.port
        outbound = Outbound(on_loopback(), network=network)
        answer = await outbound.post("http://127.0.0.1/", b"{}", {}, deadline_secs=5)

    assert answer.status == status
    assert answer.headers["location"] == "http://169.254.169.254/"
    assert network.dialled == [("127.0.0.1", 80)]


async def test_a_cookie_is_not_given_back(outbound: Outbound) -> None:
    baking = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(baking)) as server:
        for _ in range(2):
            await outbound.post(f"http://127.0.0.1:{server.port}/", b"", {}, deadline_secs=5)

    assert [sorted(r.headers) for r in server.received] == [
        ["connection", "content-length", "host", "user-agent"]
    ] * 2


async def test_a_proxy_in_the_environment_is_not_used(
    on_loopback: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(saying(OK)) as proxy, serving(saying(OK)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
        outbound = Outbound(on_loopback(VASYA_OUTBOUND_HOSTS=NAMES))
        url = f"http://hooks.example:{server.port}/"
        await outbound.post(url, b"{}", {}, deadline_secs=5)

    assert (proxy.connections, server.connections) == (0, 1)


async def test_headers_have_lower_case_names_and_one_value(outbound: Outbound) -> None:
    said = b"HTTP/1.1 429 Slow\r\nRETRY-After: 7\r\nX-A: 1\r\nx-a: caf\xe9\r\nContent-Length: 0\r\n\r\n"

    answer = await ask(outbound, saying(said))

    assert answer == OutboundAnswer(
        429, {"retry-after": "7", "x-a": "1, café", "content-length": "0"}, b""
    )


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
    ids=["with a length", "in chunks", "until it closes"],
)
@pytest.mark.parametrize("most", [0, 1, 10, 65_536])
async def test_an_answer_is_cut_where_the_caller_says(
    outbound: Outbound, head: bytes, most: int
) -> None:
    answer = await ask(outbound, saying(head, b"a" * 1_000_000), max_answer_bytes=most)

    assert answer.status == 200
    assert answer.body == b"a" * most


async def test_an_endless_answer_is_cut_and_its_connection_closed(outbound: Outbound) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    async with serving(endless) as server:
        answer = await outbound.post(
            f"http://127.0.0.1:{server.port}/", b"{}", {}, deadline_secs=20
        )
        await asyncio.wait_for(server.closed.get(), 5)

    assert answer.body == b"a" * 65_536


async def test_a_compressed_answer_is_not_unpacked(outbound: Outbound) -> None:
    packed = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    )

    assert (await ask(outbound, saying(packed))).body == b"\x1f\x8b\x08\x00"


async def drips(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    await trickles(writer)


async def trickles(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.05)


async def informs(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("answer", [saying_nothing, drips, informs], ids=lambda a: a.__name__)
async def test_one_deadline_is_over_everything(outbound: Outbound, answer: Answering) -> None:
    began = time.monotonic()

    assert await failing(outbound, answer, deadline_secs=0.4) == "timeout"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_server_that_does_not_read_is_under_the_deadline(
    outbound: Outbound, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"{scheme}://127.0.0.1:{nobody.getsockname()[1]}/"
        with pytest.raises(OutboundFailed) as failed:
            await outbound.post(url, b"a" * 50_000_000, {}, deadline_secs=0.4)

    assert failed.value.reason == "timeout"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_is_closed_when_its_deadline_has_passed(
    outbound: Outbound, scheme: str
) -> None:
    async with serving(saying()) as server:
        url = f"{scheme}://127.0.0.1:{server.port}/"
        attempts = 0
        while (
            not server.connections
        ):  # on a busy machine a deadline may pass while it is connecting
            attempts += 1
            with pytest.raises(OutboundFailed):
                await outbound.post(url, b"", {}, deadline_secs=0.4 * attempts)
        await asyncio.wait_for(server.closed.get(), 5)

        assert server.connections == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_is_closed_when_its_caller_gives_up(
    outbound: Outbound, scheme: str
) -> None:
    async with serving(saying()) as server:
        url = f"{scheme}://127.0.0.1:{server.port}/"
        post = asyncio.ensure_future(outbound.post(url, b"", {}, deadline_secs=30))
        while not server.connections:
            await asyncio.sleep(0.01)
        post.cancel()
        await asyncio.wait_for(server.closed.get(), 5)

    with pytest.raises(asyncio.CancelledError):
        await post


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nna me: value\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname: va\x00lue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"\x00" * 64,
    ],
)
async def test_what_is_no_whole_http_answer_is_a_failure_of_the_protocol(
    outbound: Outbound, said: bytes
) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.write_eof()

    assert await failing(outbound, answer) == "protocol"


async def test_a_connection_that_is_reset_is_a_failure_of_the_protocol(outbound: Outbound) -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    assert await failing(outbound, reset) == "protocol"


async def test_headers_without_an_end_are_too_large(outbound: Outbound) -> None:
    async def talks(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: " + b"a" * 8000 + b"\r\n")
            await writer.drain()

    assert await failing(outbound, talks) == "too_large"


async def failing_over_tls(settings: Settings, context: ssl.SSLContext | None) -> str:
    async with serving(saying(OK), context) as server:
        network = Network({"93.184.215.14": server.port})
        outbound = Outbound(settings, resolve=Resolver([["93.184.215.14"]]), network=network)
        with pytest.raises(OutboundFailed) as failed:
            await outbound.post("https://hooks.example/", b"{}", {}, deadline_secs=5)
        assert server.received == []
    return failed.value.reason


async def test_a_certificate_for_another_name_is_not_taken(
    strict: Settings, authority: Authority
) -> None:
    assert await failing_over_tls(strict, authority.server_context("other.example")) == "tls"


async def test_a_certificate_for_the_address_is_not_taken_for_the_name(
    strict: Settings, authority: Authority
) -> None:
    context = authority.server_context("93.184.215.14", "127.0.0.1")

    assert await failing_over_tls(strict, context) == "tls"


async def test_a_certificate_that_has_expired_is_not_taken(
    strict: Settings, authority: Authority
) -> None:
    context = authority.server_context("hooks.example", is_expired=True)

    assert await failing_over_tls(strict, context) == "tls"


async def test_a_certificate_of_an_unknown_authority_is_not_taken(
    strict: Settings, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).server_context("hooks.example")

    assert await failing_over_tls(strict, stranger) == "tls"


async def test_an_authority_of_the_operators_is_taken_only_where_it_is_named(
    authority: Authority,
) -> None:
    context = authority.server_context("hooks.example")

    assert await failing_over_tls(load({}), context) == "tls"


async def test_a_server_without_tls_is_a_failure_of_tls(outbound: Outbound) -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await reader.read(65536)
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(greets, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(OutboundFailed) as failed:
            await outbound.post(f"https://127.0.0.1:{port}/", b"{}", {}, deadline_secs=5)

    assert failed.value.reason == "tls"


async def test_an_international_name_is_asked_for_in_ascii(
    strict: Settings, authority: Authority
) -> None:
    async with serving(saying(OK), authority.server_context("xn--bcher-kva.example")) as server:
        network = Network({"93.184.215.14": server.port})
        outbound = Outbound(strict, resolve=Resolver([["93.184.215.14"]]), network=network)
        await outbound.post("https://BÜCHER.example/", b"{}", {}, deadline_secs=5)

    assert server.server_names == ["xn--bcher-kva.example"]
    assert server.received[0].headers["host"] == ["xn--bcher-kva.example"]


async def test_no_log_at_any_level_has_the_query_or_the_bodies(
    outbound: Outbound, caplog: pytest.LogCaptureFixture
) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
    with caplog.at_level(logging.DEBUG):
        async with serving(saying(said)) as server:
            url = f"http://127.0.0.1:{server.port}/in?token=query"
            await outbound.post(url, b"question", {"X-Key": "credential"}, deadline_secs=5)

    assert "httpcore" in {record.name.split(".")[0] for record in caplog.records}
    for word in ("query", "question", "answer", "credential"):
        assert word not in caplog.text
