"""How much an agent key is handed out: two files at a time, and so many bytes a day."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.api.test_media import DATA, document
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


@pytest.fixture
def path(account: str, scene: Scene) -> str:
    return f"{account}/{document(scene)}/media"


async def test_a_key_has_two_downloads_at_a_time_and_a_human_as_many_as_they_like(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, path: str, dc: DataCentre
) -> None:
    slow = Fault(action=Action.DELAY, request="upload.GetFile", times=999, secs=0.3)
    dc.faults.add(slow)

    answers = await asyncio.gather(*(agent.get(path) for _ in range(3)))
    people = await asyncio.gather(*(client.get(path) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert_problem(refused, 429, "too_many_downloads")
    assert refused.headers["retry-after"] == "5"
    assert [answer.status_code for answer in people] == [200, 200, 200]
    assert (await agent.get(path)).status_code == 200


async def test_a_download_that_never_began_is_not_counted(
    agent: httpx.AsyncClient, path: str, dc: DataCentre
) -> None:
    for _ in range(3):
        dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="upload.GetFile", secs=1))
        assert_problem(await agent.get(path), 429, "telegram_flood_wait")
        await asyncio.sleep(1)

    assert (await agent.get(path)).status_code == 200


class TestWithAMebibyteADay:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"VASYA_LIMIT_DOWNLOAD_BYTES_PER_DAY": str(1024 * 1024)}

    async def test_what_is_handed_out_is_counted_and_nothing_else(
        self, client: httpx.AsyncClient, agent: httpx.AsyncClient, path: str
    ) -> None:
        half = {"Range": "bytes=0-524287"}
        for _ in range(5):
            assert (await agent.head(path)).status_code == 200
        assert [(await agent.get(path, headers=half)).status_code for _ in range(2)] == [206, 206]

        refused = await agent.get(path, headers=half)

        assert_problem(refused, 429, "rate_limited")
        assert refused.json()["violatedPolicies"] == ["download"]
        assert "Range" in refused.json()["remedy"]
        assert 43_100 <= int(refused.headers["retry-after"]) <= 43_200
        assert (await agent.head(path)).status_code == 200
        assert (await client.get(path)).content == DATA
