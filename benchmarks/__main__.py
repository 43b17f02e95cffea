"""`make bench`: measure the gateway against what it stands in front of, interleaved, and print ratios."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telethon.tl.functions.messages import GetHistoryRequest, SendMessageRequest

from benchmarks.http_load import Measured, get, load, patch, post
from vasya_sandbox.client import open_client, trust

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BIN = Path(sys.executable).parent
CHAT = "me"
HISTORY = 20


@contextlib.contextmanager
def running(*command: str) -> Iterator[str]:
    """Run *command* and yield the line that says where it listens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        yield next(line for line in lines if line.startswith("READY ") or line.strip().isdigit())
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


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


async def bench(ready: dict[str, Any], bare_port: int, *, rounds: int, scale: float) -> None:
    info = json.loads(Path(ready["sandbox"]).read_text())
    host, _, port = info["address"].rpartition(":")
    trust(Path(info["publicKey"]).read_text())
    owner = info["users"][0]
    client = open_client((host, int(port)), owner["session"], receive_updates=False)
    await client.connect()
    me = await client.get_input_entity("me")
    api, token = f"{ready['url']}/api/v1", ready["token"]
    messages = f"{api}/accounts/{ready['accountId']}/chats/{CHAT}/messages"
    print("| path | gateway | denominator | ratio | added p50 |\n|---|---|---|---|---|")

    whoami, bare = get(f"{api}/whoami", token), get(f"http://127.0.0.1:{bare_port}/bare", token)
    total = int(4000 * scale)
    await compare(
        "whoami, 32 at once / bare Litestar",
        lambda: load(api, lambda _: whoami, concurrency=32, total=total),
        lambda: load(f"http://127.0.0.1:{bare_port}", lambda _: bare, concurrency=32, total=total),
        rounds,
    )
    account = f"{api}/accounts/{ready['accountId']}"
    change = patch(account, token, b'{"keepConnected": false}')
    total = int(2000 * scale)
    await compare(
        "durable, audited change, 32 at once / bare Litestar",
        lambda: load(account, lambda _: change, concurrency=32, total=total),
        lambda: load(f"http://127.0.0.1:{bare_port}", lambda _: bare, concurrency=32, total=total),
        rounds,
    )
    history = get(f"{messages}?limit={HISTORY}", token)
    request = GetHistoryRequest(me, 0, None, 0, HISTORY, 0, 0, 0)
    for concurrency, count in ((32, 1200), (1, 400)):
        total = int(count * scale)
        await compare(
            f"history of {HISTORY}, {concurrency} at once / raw Telethon",
            lambda c=concurrency, n=total: load(
                messages, lambda _: history, concurrency=c, total=n
            ),
            lambda c=concurrency, n=total: raw(lambda: client(request), concurrency=c, total=n),
            rounds,
        )
    send = post(messages, token, b'{"text": "benchmark", "format": "plain"}')
    for concurrency, count in ((32, 600), (1, 200)):
        total = int(count * scale)
        await compare(
            f"send, {concurrency} at once / raw Telethon",
            lambda c=concurrency, n=total: load(messages, lambda _: send, concurrency=c, total=n),
            lambda c=concurrency, n=total: raw(
                lambda: client(SendMessageRequest(me, "benchmark")), concurrency=c, total=n
            ),
            rounds,
        )
    await client.disconnect()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 21))
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests")
    arguments = parser.parse_args()
    with (
        running(str(BIN / "vasya-server"), "demo") as ready,
        running(sys.executable, "-m", "benchmarks.bare") as bare,
    ):
        parts = json.loads(ready.removeprefix("READY "))
        asyncio.run(bench(parts, int(bare), rounds=arguments.rounds, scale=arguments.scale))


if __name__ == "__main__":
    main()
