"""What a test says to the control port."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Http:
    """A client that sends exactly the headers it is told."""

    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://")

    async def raw(self, data: bytes) -> tuple[int, Any]:
        host, _, port = self.host.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split()[1]), json.loads(body) if body else None

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        named = {"Host": self.host, "Content-Length": str(len(data)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in named.items())]
        return await self.raw("\r\n".join([*lines, "", ""]).encode() + data)
