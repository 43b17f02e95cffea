"""A thousand clients of the event stream that cost little themselves: they count what comes, and look at no more of it.

Told by its standard input what to send, it says OPEN when every stream has begun, and what came when each
has all of its events.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Final

import uvloop

_BEGAN: Final = b": here\n"
_EVENT: Final = b"\nevent: message.new\n"
_AT_ONCE: Final = 50
_PATIENCE_SECS: Final = 180


class _Stream(asyncio.Protocol):
    """One stream: counts its events, and sums up all that was told so that streams can be compared."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._tail = b""
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.events = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        seen = self._tail + data
        if not self.began.done():
            if _BEGAN in seen:
                self.began.set_result(None)
            elif not b"HTTP/1.1 200".startswith(seen[:12]):
                self._run.fail(seen.decode())
        found = seen.count(_EVENT)
        self._tail = seen[-len(_EVENT) + 1 :]
        if found:
            self.events += found
            self._run.came(self, found)

    def connection_lost(self, _error: Exception | None) -> None:
        self._run.fail("a stream ended")


class _Run:
    """What the streams share."""

    def __init__(self, request: bytes, streams: int, events: int) -> None:
        self.request = request
        self._streams, self._events = streams, events
        self._left = streams
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def came(self, stream: _Stream, found: int) -> None:
        if stream.events - found < self._events <= stream.events:
            self._left -= 1
            if not self._left and not self.done.done():
                self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))


async def _main(port: int, streams: int, events: int) -> None:
    loop = asyncio.get_running_loop()
    run = _Run(sys.stdin.buffer.read(), streams, events)
    opened: list[_Stream] = []
    for _ in range(0, streams, _AT_ONCE):
        some = [
            (await loop.create_connection(lambda: _Stream(run), "127.0.0.1", port))[1]
            for _ in range(min(_AT_ONCE, streams - len(opened)))
        ]
        await asyncio.gather(*(stream.began for stream in some))
        opened += some
    print("OPEN", flush=True)
    try:
        async with asyncio.timeout(_PATIENCE_SECS):
            await run.done
    except TimeoutError:
        pass
    at = time.monotonic()
    await asyncio.sleep(0.5)  # what is told twice comes later
    counts = [stream.events for stream in opened]
    print(json.dumps({"at": at, "least": min(counts), "most": max(counts), "all": sum(counts)}))


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_main(*map(int, sys.argv[1:])))
