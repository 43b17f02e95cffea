"""How many streams and waiting polls there may be, apart from requests in flight (D-12.3)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.streaming import EVENTS, POLL, streaming
from tests.problems import assert_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from vasya_server.gateway import Gateway


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {
        "VASYA_STREAMS_MAX": "6",
        "VASYA_STREAMS_PER_KEY": "3",
        "VASYA_MAX_REQUESTS_IN_FLIGHT": "1",
    }


@contextlib.asynccontextmanager
async def opened(gateway: Gateway, client: httpx.AsyncClient, count: int) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(streaming(gateway, client))
        yield


async def test_a_key_has_so_many_and_humans_as_many_as_there_are(
    gateway: Gateway, client: httpx.AsyncClient, with_key: Callable[..., Any]
) -> None:
    first, second = await with_key(), await with_key()
    async with opened(gateway, first, 3):
        refused = await first.get(EVENTS)
        assert_problem(refused, 429, "too_many_streams")
        assert refused.headers["retry-after"] == "5"
        assert_problem(await first.get(POLL, params={"wait": 5}), 429, "too_many_streams")
        assert (await first.get(POLL)).status_code == 200
        async with opened(gateway, second, 1), opened(gateway, client, 2):
            assert_problem(await second.get(EVENTS), 429, "too_many_streams")
            assert_problem(await client.get(EVENTS), 429, "too_many_streams")
    async with opened(gateway, first, 3), opened(gateway, client, 3):
        pass


async def test_polls_that_wait_are_counted_until_they_answer(
    gateway: Gateway, with_key: Callable[..., Any]
) -> None:
    key = await with_key()
    polls = []
    for _ in range(3):
        polls.append(asyncio.create_task(key.get(POLL, params={"wait": 2})))
        await asyncio.sleep(0.2)
    assert_problem(await key.get(POLL, params={"wait": 1}), 429, "too_many_streams")
    assert [answer.status_code for answer in await asyncio.gather(*polls)] == [200, 200, 200]

    assert (await key.get(POLL, params={"wait": 1})).status_code == 200


async def test_what_is_open_for_long_takes_no_place_of_requests(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    poll = asyncio.create_task(client.get(POLL, params={"wait": 1}))
    async with opened(gateway, client, 4):
        await asyncio.sleep(0.2)
        assert (await client.get(f"{API}/whoami")).status_code == 200
    assert (await poll).status_code == 200
