"""A human is asked about so much and no more; what was decided makes room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.approving import ALWAYS, TEXT, decide
from tests.api.conftest import API
from tests.api.walking import UNLIMITED
from tests.problems import assert_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


async def test_a_hundred_actions_of_a_key_wait_and_no_more(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    client: httpx.AsyncClient,
    to_bob: str,
) -> None:
    asking, other = await with_key(**ALWAYS), await with_key(**ALWAYS)
    for _ in range(100):
        assert (await asking.post(to_bob, json=TEXT)).status_code == 202

    too_many = await asking.post(to_bob, json=TEXT)
    of_another = await other.post(to_bob, json=TEXT)
    (newest,) = (await asking.get(f"{API}/actions?limit=1")).json()["items"]
    await decide(client, newest, "reject")
    one_more = await asking.post(to_bob, json=TEXT)

    assert_problem(too_many, 409, "too_many_actions")
    assert of_another.status_code == 202
    assert one_more.status_code == 202
