"""A load on loopback that costs little itself: raw sockets, kept open, a fixed number of requests."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls a second, and the median time of one call."""

    per_sec: float
    p50_ms: float


async def load(
    url: str, request: Callable[[int], bytes], *, concurrency: int, total: int
) -> Measured:
    """Send *total* requests over *concurrency* connections; any answer but a 2xx ends the run."""
    target = urlsplit(url)
    if target.hostname != "127.0.0.1":
        raise ValueError(url)
    numbers = iter(range(total))
    took: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        for n in numbers:
            start = time.perf_counter()
            writer.write(request(n))
            await _answer(reader)
            took.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(concurrency)))
    return Measured(total / (time.perf_counter() - start), statistics.median(took) * 1000)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(head.decode())
    _, _, rest = head.lower().partition(b"content-length: ")
    await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))


def get(url: str, token: str) -> bytes:
    """Return the bytes of a GET."""
    target = urlsplit(url)
    path = f"{target.path}?{target.query}" if target.query else target.path
    return (
        f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def post(url: str, token: str, body: bytes) -> bytes:
    """Return the bytes of a POST of JSON."""
    return _with_body("POST", url, token, body)


def patch(url: str, token: str, body: bytes) -> bytes:
    """Return the bytes of a PATCH with JSON."""
    return _with_body("PATCH", url, token, body)


def _with_body(method: str, url: str, token: str, body: bytes) -> bytes:
    target = urlsplit(url)
    head = (
        f"{method} {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
