"""The adapter as clients meet it: the official SDK, over both transports and in both eras, against the demo."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.processes import SCRIPTS, environment
from tests.e2e.test_demo import Demo, start_demo
from vasya_server.auth.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

UNLIMITED = {
    "VASYA_PACING": "off",
    **{
        f"VASYA_LIMIT_{name}": "1000000"
        for name in (
            *("READ_PER_MIN", "READ_BURST"),
            *("MUTATE_PER_MIN", "MUTATE_BURST", "CHAT_PER_HOUR", "AUTHFAIL_PER_MIN"),
        )
    },
}
# The handshake of before, and what the server is found to speak: 2026-07-28.
ERAS = ("legacy", "auto")
WAYS = ("stdio", "http")
FRIEND = "@anna_kovaleva"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = start_demo(tmp_path_factory.mktemp("demo"), settings=UNLIMITED)
    yield demo
    demo.process.stop()


def make_key(demo: Demo, **wanted: Any) -> str:
    """Return a new key of the demo's owner."""
    body = {"name": "an MCP client"} | (wanted or {"scopes": [scope.value for scope in Scope]})
    status, made = demo.api.call("POST", "/agent-keys", body)
    assert status == 201, made
    return str(made["secret"])


@pytest.fixture(scope="module")
def key(demo: Demo) -> str:
    """Return a key that may do everything."""
    return make_key(demo)


def over_stdio(
    url: str, key: str, era: str, settings: Mapping[str, str] | None = None
) -> AbstractAsyncContextManager[Client]:
    """Return a client that starts the adapter itself."""
    told = {"VASYA_AGENT_KEY": key, "VASYA_API_URL": url, **(settings or {})}
    command = str(SCRIPTS / "vasya-mcp")
    started = StdioServerParameters(command=command, env=environment(told))
    return Client(stdio_client(started), mode=era)


@contextlib.asynccontextmanager
async def over_http(url: str, key: str, era: str) -> AsyncIterator[Client]:
    """Yield a client of the server's own /mcp."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=era) as client,
    ):
        yield client


def connected(way: str, url: str, key: str, era: str) -> AbstractAsyncContextManager[Client]:
    """Return a client, connected in one of the ways."""
    return over_stdio(url, key, era) if way == "stdio" else over_http(url, key, era)


def text_of(result: Any) -> str:
    """Return the text of a result, all of it."""
    return "\n".join(each.text for each in result.content if each.type == "text")
