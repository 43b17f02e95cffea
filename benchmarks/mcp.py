"""What the MCP adapter adds to the request that a tool call is, and how long it takes to be there."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

CALLS: Final = 300
ARGUMENTS: Final = {"limit": 5}


async def bench_mcp(adapter: Path, url: str, key: str, *, rounds: int) -> None:
    """Print the row: `tools/call` over stdio beside the same request over REST, one at a time, in turn."""
    told = {"VASYA_AGENT_KEY": key, "VASYA_API_URL": url, "PATH": os.environ["PATH"]}
    started = StdioServerParameters(command=str(adapter), env=told)
    begun = time.perf_counter()
    async with Client(stdio_client(started)) as client:
        tools = (await client.list_tools()).tools
        cold_secs = time.perf_counter() - begun
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers) as http:

            async def by_tool() -> None:
                answer = await client.call_tool("tg_list_chats", ARGUMENTS)
                assert not answer.is_error

            async def by_rest() -> None:
                answer = await http.get("/accounts/me/chats", params=ARGUMENTS)
                assert answer.is_success

            found: dict[str, list[float]] = {"tool": [], "rest": []}
            for _ in range(rounds):
                found["rest"].append(await _median_ms(by_rest))
                found["tool"].append(await _median_ms(by_tool))
    tool, rest = statistics.median(found["tool"]), statistics.median(found["rest"])
    print(
        f"| `tools/call` over stdio / the same request | {tool:.1f} ms | {rest:.1f} ms | < 2 ms "
        f"| {tool - rest:+.1f} ms |",
        flush=True,
    )
    print(f"cold start to the first `tools/list` of {len(tools)}: {cold_secs:.2f} s", flush=True)


async def _median_ms(call: Callable[[], Awaitable[Any]]) -> float:
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000
