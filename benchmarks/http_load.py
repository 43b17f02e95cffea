"""A load on loopback that costs little itself: open connections, one request after the other, a fixed number in all.

It runs in a process of its own on uvloop and reads no more of an answer than where it ends: a load that is slower than
what it measures would measure itself.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls a second, and the median time of one call."""

    per_sec: float
    p50_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent, over and over."""

    port: int
    data: bytes


async def load(request: Request, *, concurrency: int, total: int) -> Measured:
    """Send *total* requests over *concurrency* connections; any answer but a 2xx ends the run."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.http_load",
        str(request.port),
        str(concurrency),
        str(total),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate(request.data)
    if process.returncode:
        raise RuntimeError("the load broke off")
    return Measured(**json.loads(out))


class _Client(asyncio.Protocol):
    """One connection that asks again whenever it was answered."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._head = b""
        self._left = 0
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._left:
            data = self._head + data
            head, end, data = data.partition(_END)
            if not end:
                self._head = head
                return
            self._head = b""
            if not head.startswith(b"HTTP/1.1 2"):
                self._run.break_off(head.decode())
                return
            length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
            self._left = int(length or 0)
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._run.took.append(time.perf_counter() - self._asked_at)
            self._ask()

    def _ask(self) -> None:
        if self._run.may_ask():
            self._asked_at = time.perf_counter()
            self._transport.write(self._run.data)
        else:
            self._transport.close()


class _Run:
    """What the connections share."""

    def __init__(self, data: bytes, total: int) -> None:
        self.data = data
        self.took: list[float] = []
        self._left, self._total = total, total
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def may_ask(self) -> bool:
        self._left -= 1
        if len(self.took) >= self._total and not self.done.done():
            self.done.set_result(None)
        return self._left >= 0

    def break_off(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))


async def _main(port: int, concurrency: int, total: int) -> None:
    loop = asyncio.get_running_loop()
    run = _Run(sys.stdin.buffer.read(), total)
    start = time.perf_counter()
    for _ in range(concurrency):
        await loop.create_connection(lambda: _Client(run), "127.0.0.1", port)
    await run.done
    per_sec = total / (time.perf_counter() - start)
    print(json.dumps({"per_sec": per_sec, "p50_ms": statistics.median(run.took) * 1000}))


def get(url: str, token: str) -> Request:
    """Return a GET."""
    return _request("GET", url, token, b"")


def post(url: str, token: str, body: bytes = b"") -> Request:
    """Return a POST of JSON, or of nothing."""
    return _request("POST", url, token, body)


def _request(method: str, url: str, token: str, body: bytes) -> Request:
    target = urlsplit(url)
    if target.hostname != "127.0.0.1" or target.port is None:
        raise ValueError(url)
    path = f"{target.path}?{target.query}" if target.query else target.path
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {target.netloc}",
        f"Authorization: Bearer {token}",
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return Request(port=target.port, data="\r\n".join([*lines, "", ""]).encode() + body)


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:])))
