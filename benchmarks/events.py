"""What an event costs: on its way from the data centre to a client, and to a thousand of them at once."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from telethon import events
from telethon.tl.types import UpdateNewMessage

from vasya_sandbox.client import open_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.processes import Running

SENDER, LISTENER = "lucia_fernandez", "james_oneill"
STREAMS, BURST = 1000, 1000
PAUSE_SECS = 0.005
SETTLE_SECS = 3.0
STREAM_PATH = "/api/v1/events?type=message.new"


@dataclass(frozen=True, slots=True)
class Place:
    """The gateway and the data centre that are measured."""

    server: Running
    url: str
    token: str
    info: dict[str, Any]

    def user(self, name: str) -> dict[str, Any]:
        return next(user for user in self.info["users"] if user["username"] == name)

    @property
    def owner_id(self) -> int:
        return int(self.info["users"][0]["id"])

    def stream_request(self) -> tuple[int, bytes]:
        target = urlsplit(self.url)
        assert target.port is not None
        lines = [
            f"GET {STREAM_PATH} HTTP/1.1",
            f"Host: {target.netloc}",
            f"Authorization: Bearer {self.token}",
            "Accept: text/event-stream",
        ]
        return target.port, "\r\n".join([*lines, "", ""]).encode()

    async def send(self, to: int, text: str, count: int = 1) -> asyncio.StreamReader:
        """Have somebody's phone send; the answer is there to be read when there is time."""
        control = urlsplit(self.info["control"])
        reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
        body = json.dumps({"from": SENDER, "to": to, "text": text, "count": count}).encode()
        head = (
            f"POST /send HTTP/1.1\r\nHost: {control.netloc}\r\nContent-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return reader


async def _ages(
    place: Place, to: int, arrived: asyncio.Queue[tuple[str, int]], count: int
) -> list[float]:
    """Return how many ms each of so many messages took, sent one after the other."""
    took = []
    for _ in range(count):
        await asyncio.sleep(PAUSE_SECS)
        sent_at = time.perf_counter_ns()
        answer = await place.send(to, str(sent_at))
        async with asyncio.timeout(10):
            text, at = await arrived.get()
            assert text == str(sent_at)
            await answer.read()
        took.append((at - sent_at) / 1e6)
    return took


async def latency(place: Place, *, rounds: int, count: int = 200) -> None:
    """Measure a stream and a Telethon handler in turn, one message at a time."""
    host, _, port = place.info["address"].rpartition(":")
    listener = place.user(LISTENER)
    client = open_client((host, int(port)), listener["session"])
    by_handler: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    by_stream: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def heard(update: Any) -> None:
        by_handler.put_nowait((update.message.message, time.perf_counter_ns()))

    client.add_event_handler(heard, events.Raw(UpdateNewMessage))
    await client.connect()
    await client.get_me()
    reading = asyncio.create_task(_read(place, by_stream))
    await asyncio.sleep(SETTLE_SECS)

    ways: dict[str, Callable[[], Awaitable[list[float]]]] = {
        "handler": lambda: _ages(place, listener["id"], by_handler, count),
        "stream": lambda: _ages(place, place.owner_id, by_stream, count),
    }
    took: dict[str, list[float]] = {"handler": [], "stream": []}
    for _ in range(rounds):
        for name, measure in ways.items():
            took[name].append(statistics.median(await measure()))
    reading.cancel()
    await client.disconnect()
    theirs, ours = (statistics.median(took[name]) for name in ("handler", "stream"))
    print(
        f"| Telegram update to stream / raw Telethon handler | {ours:.2f} ms | {theirs:.2f} ms "
        f"| {theirs / ours:.2f} | {ours - theirs:+.2f} ms |",
        flush=True,
    )


async def _read(place: Place, arrived: asyncio.Queue[tuple[str, int]]) -> None:
    port, request = place.stream_request()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async for line in reader:
        if line.startswith(b"data: "):
            at = time.perf_counter_ns()
            arrived.put_nowait((json.loads(line[6:])["data"]["message"]["text"], at))


async def fan_out(place: Place) -> None:
    """Open a thousand streams, and have a thousand messages told to each."""
    port, request = place.stream_request()
    before_kb = place.server.resident_kb
    clients = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.stream_load",
        *map(str, (port, STREAMS, BURST)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert clients.stdin is not None
    assert clients.stdout is not None
    clients.stdin.write(request)
    clients.stdin.close()
    assert (await clients.stdout.readline()).strip() == b"OPEN"
    await asyncio.sleep(SETTLE_SECS)
    idle_kb = (place.server.resident_kb - before_kb) / STREAMS
    began_at = time.monotonic()
    await (await place.send(place.owner_id, "burst", BURST)).read()
    told = json.loads(await clients.stdout.readline())
    await clients.wait()
    secs = told["at"] - began_at
    print(
        f"\n{STREAMS:,} streams were told between {told['least']:,} and {told['most']:,} of {BURST:,} events: "
        f"{told['all'] / secs:,.0f} deliveries a second; {idle_kb:.0f} kB for an idle stream, "
        f"{(place.server.resident_kb - before_kb) / STREAMS:.0f} kB after the burst",
        flush=True,
    )
    assert told["least"] == told["most"] == BURST
