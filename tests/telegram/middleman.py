"""A proxy on loopback, SOCKS5 or HTTP as it is spoken to, that notes what it was asked for."""

from __future__ import annotations

import asyncio

Address = tuple[str, int]


class Middleman:
    """Tunnels to whatever it is asked for, unless it refuses or wants another password."""

    def __init__(self, password: str = "", *, is_refusing: bool = False) -> None:
        self.asked: list[str] = []
        self._password = password
        self._is_refusing = is_refusing
        self._server: asyncio.Server | None = None
        self._open: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0.01)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        serve = self._socks5 if await reader.readexactly(1) == b"\x05" else self._http
        target = await serve(reader, writer)
        if target is None:
            writer.close()
            return
        back_reader, back_writer = await asyncio.open_connection(*target)
        self._open.append(back_writer)
        await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))

    async def _http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Address | None:
        head = "C" + (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if self._is_refusing:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        host, _, port = head.split(" ")[1].rpartition(":")
        return host, int(port)

    async def _socks5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Address | None:
        methods = await _counted(reader)
        wanted = 2 if self._password else 0
        writer.write(bytes([5, wanted if wanted in methods else 0xFF]))
        if wanted and wanted in methods:
            await reader.readexactly(1)
            _, password = await _counted(reader), await _counted(reader)
            is_right = password.decode() == self._password
            writer.write(bytes([1, not is_right]))
            if not is_right:
                return None
        elif wanted:
            return None
        asked = await reader.readexactly(10)
        host, port = ".".join(str(byte) for byte in asked[4:8]), int.from_bytes(asked[8:])
        self.asked.append(f"{host}:{port}")
        writer.write(bytes([5, 5 if self._is_refusing else 0, 0, 1]) + bytes(6))
        return None if self._is_refusing else (host, port)


async def _counted(reader: asyncio.StreamReader) -> bytes:
    """Read a byte that says how many follow, and those."""
    return await reader.readexactly((await reader.readexactly(1))[0])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass  # either side may hang up at any time
    finally:
        writer.transport.abort()
