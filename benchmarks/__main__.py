"""`make bench`: measure the gateway against what it stands in front of, interleaved, and print ratios."""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from telethon.tl.functions.messages import GetHistoryRequest, SendMessageRequest

from benchmarks.events import Place, fan_out, latency
from benchmarks.http_load import Measured, Request, get, load, post
from benchmarks.kills import storm
from benchmarks.mcp import bench_mcp
from benchmarks.media import bench_media
from benchmarks.processes import Running, running
from vasya_sandbox.client import open_client, trust

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BIN = Path(sys.executable).parent
CHAT = "me"
HISTORY = 20
# What is measured is what a request costs, not what a key may spend.
UNLIMITED = {
    **{
        f"VASYA_LIMIT_{name}": "1000000"
        for name in (
            *("READ_PER_MIN", "READ_BURST", "MUTATE_PER_MIN", "MUTATE_BURST", "CHAT_PER_HOUR"),
            "NEW_CHATS_PER_DAY",
        )
    },
    "VASYA_PACING": "off",
}


def ask(url: str, token: str, body: dict[str, Any] | None = None) -> str:
    """Return the answer to one request."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.request("GET" if body is None else "POST", url, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.text


def make_key(api: str, token: str, account_id: str) -> str:
    """Return an agent key that is checked in every way: scope, account, chat list and limit."""
    body = {
        "name": "benchmark",
        "preset": "reader",
        "accountIds": [account_id],
        "chats": {"read": {"ids": [CHAT]}},
    }
    return str(json.loads(ask(f"{api}/agent-keys", token, body))["secret"])


async def raw(call: Callable[[], Awaitable[Any]], *, concurrency: int, total: int) -> Measured:
    """Do what `load` does, by Telethon alone in this process."""
    numbers = iter(range(total))
    took: list[float] = []

    async def worker() -> None:
        for _ in numbers:
            start = time.perf_counter()
            await call()
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return Measured(total / (time.perf_counter() - start), statistics.median(took) * 1000)


async def compare(name: str, ours: Any, theirs: Any, rounds: int) -> None:
    """Measure both in turn and print the ratio of their medians."""
    mine: list[Measured] = []
    other: list[Measured] = []
    for _ in range(rounds):
        other.append(await theirs())
        mine.append(await ours())
    a = statistics.median(m.per_sec for m in mine)
    b = statistics.median(m.per_sec for m in other)
    added = statistics.median(m.p50_ms for m in mine) - statistics.median(m.p50_ms for m in other)
    print(f"| {name} | {a:,.0f}/s | {b:,.0f}/s | {a / b:.2f} | {added:+.2f} ms |", flush=True)


async def bench(ready: dict[str, Any], *, rounds: int, scale: float) -> None:
    info = json.loads(Path(ready["sandbox"]).read_text())
    host, _, port = info["address"].rpartition(":")
    trust(Path(info["publicKey"]).read_text())
    owner = info["users"][0]
    client = open_client((host, int(port)), owner["session"], receive_updates=False)
    await client.connect()
    me = await client.get_input_entity("me")
    api, token = f"{ready['url']}/api/v1", ready["token"]
    account = f"{api}/accounts/{ready['accountId']}"
    messages = f"{account}/chats/{CHAT}/messages"
    key = make_key(api, token, ready["accountId"])
    print("| path | gateway | denominator | ratio | added p50 |\n|---|---|---|---|---|")
    with running(sys.executable, "-m", "benchmarks.bare", stdin=ask(f"{api}/whoami", key)) as other:
        bare = get(f"http://127.0.0.1:{int(other.line)}/bare", token)

        async def against_bare(name: str, request: Request, count: int) -> None:
            total = int(count * scale)
            await compare(
                f"{name}, 32 at once / bare Litestar",
                lambda: load(request, concurrency=32, total=total),
                lambda: load(bare, concurrency=32, total=total),
                rounds,
            )

        await against_bare("whoami by agent key", get(f"{api}/whoami", key), 20_000)
        change = post(f"{account}/connect", token)
        await against_bare("durable, audited change", change, 10_000)

    async def against_raw(
        name: str, request: Request, call: Callable[[], Awaitable[Any]], counts: dict[int, int]
    ) -> None:
        for concurrency, count in counts.items():
            total = int(count * scale)
            await compare(
                f"{name}, {concurrency} at once / raw Telethon",
                functools.partial(load, request, concurrency=concurrency, total=total),
                functools.partial(raw, call, concurrency=concurrency, total=total),
                rounds,
            )

    history = GetHistoryRequest(me, 0, None, 0, HISTORY, 0, 0, 0)
    await against_raw(
        f"history of {HISTORY}",
        get(f"{messages}?limit={HISTORY}", key),
        lambda: client(history),
        {32: 2000, 1: 600},
    )
    await against_raw(
        "send",
        post(messages, token, b'{"text": "benchmark", "format": "plain"}'),
        lambda: client(SendMessageRequest(me, "benchmark")),
        {32: 2000, 1: 400},
    )
    await client.disconnect()


async def bench_events(server: Running, ready: dict[str, Any], *, rounds: int) -> None:
    info = json.loads(Path(ready["sandbox"]).read_text())
    trust(Path(info["publicKey"]).read_text())
    place = Place(server, ready["url"], ready["token"], info)
    await latency(place, rounds=rounds)
    await fan_out(place)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 21))
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests")
    parser.add_argument("--only", choices=("requests", "events", "media", "mcp", "kills"))
    parser.add_argument(
        "--media-bytes", type=int, default=268_435_456, help="size of a file that is moved"
    )
    arguments = parser.parse_args()
    os.environ |= UNLIMITED
    if arguments.only in {None, "requests"}:
        with running(str(BIN / "vasya-server"), "demo") as server:
            parts = json.loads(server.line.removeprefix("READY "))
            asyncio.run(bench(parts, rounds=arguments.rounds, scale=arguments.scale))
    # A server of its own: its memory is measured, too.
    if arguments.only in {None, "events"}:
        with running(str(BIN / "vasya-server"), "demo") as server:
            parts = json.loads(server.line.removeprefix("READY "))
            asyncio.run(bench_events(server, parts, rounds=arguments.rounds))
    if arguments.only in {None, "media"}:
        with running(str(BIN / "vasya-server"), "demo") as server:
            parts = json.loads(server.line.removeprefix("READY "))
            trust(Path(json.loads(Path(parts["sandbox"]).read_text())["publicKey"]).read_text())
            size_bytes, rounds = arguments.media_bytes, arguments.rounds
            asyncio.run(bench_media(server, parts, size_bytes=size_bytes, rounds=rounds))
    if arguments.only in {None, "mcp"}:
        with running(str(BIN / "vasya-server"), "demo") as server:
            parts = json.loads(server.line.removeprefix("READY "))
            key = make_key(f"{parts['url']}/api/v1", parts["token"], parts["accountId"])
            adapter = BIN / "vasya-mcp"
            asyncio.run(bench_mcp(adapter, parts["url"], key, rounds=arguments.rounds))
    if arguments.only in {None, "kills"}:
        storm()


if __name__ == "__main__":
    main()
