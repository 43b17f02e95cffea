"""Servers on loopback that answer as a test says, a resolver with prepared answers, and a network that leads to them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

Answering: TypeAlias = "Callable[[asyncio.StreamWriter], Awaitable[None]]"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def saying(*pieces: bytes) -> Answering:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
        await writer.drain()

    return answer


async def saying_nothing(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@dataclass
class Received:
    """One request, as it came over the wire."""

    line: str
    headers: dict[str, list[str]]
    body: bytes


@dataclass
class Server:
    """A server of one answer.

    Args:
        closed: One item for every connection that the client has closed.
    """

    answer: Answering
    port: int = 0
    received: list[Received] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.received.append(await self._read(reader))
            await self.answer(writer)
            while await reader.read(65536):
                pass
            self.closed.put_nowait(None)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.put_nowait(None)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        line, *rows = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers: dict[str, list[str]] = {}
        for row in rows:
            name, _, value = row.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        length = int(headers.get("content-length", ["0"])[0])
        return Received(line, headers, await reader.readexactly(length))


@contextlib.asynccontextmanager
async def serving(
    answer: Answering, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Server]:
    server = Server(answer)
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.server_names.append(name)
    tasks = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(server.serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Resolver:
    """Gives its answers in turn, and says what it was asked."""

    answers: list[list[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        self.asked.append((host, port))
        return self.answers.pop(0)


@dataclass
class Network(httpcore.AsyncNetworkBackend):
    """An internet of a few addresses, each of which is a port on loopback; says what was dialled.

    Args:
        silent: Addresses that take no connection and refuse none.
    """

    ports: dict[str, int]
    silent: tuple[str, ...] = ()
    dialled: list[tuple[str, int]] = field(default_factory=list)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        if host in self.silent:
            raise httpcore.ConnectTimeout(host)
        if host not in self.ports:
            raise httpcore.ConnectError(host)
        network = httpcore.AnyIOBackend()
        return await network.connect_tcp(
            "127.0.0.1", self.ports[host], timeout, local_address, socket_options
        )
