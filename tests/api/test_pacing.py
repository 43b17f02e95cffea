"""How fast an account sends, over HTTP: like a person, whoever asks (`VASYA_PACING`)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    del environment["VASYA_PACING"]
    environment["VASYA_SEND_DEADLINE_SECS"] = "6"
    return environment


def texts(scene: Scene) -> list[str]:
    world = scene.world
    found = [world.message(scene.bob, scene.alice, i) for i in world.ids(scene.bob, scene.alice)]
    return [message.text for message in found if message is not None]


async def test_sends_wait_for_their_turn_and_go_in_the_order_in_which_they_came(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    await client.get(to_bob)
    began_at = time.monotonic()
    sending = []
    for n in range(4):
        sending.append(asyncio.create_task(client.post(to_bob, json={"text": f"no {n}"})))
        await asyncio.sleep(0.05)

    answers = await asyncio.gather(*sending)

    assert [answer.status_code for answer in answers] == [201] * 4
    assert texts(scene)[-4:] == ["no 0", "no 1", "no 2", "no 3"]
    # Three at once, with the shortest pauses, and the fourth a second after the first.
    assert time.monotonic() - began_at >= 0.9


async def test_what_would_come_too_late_is_refused_before_it_is_claimed(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    dc: DataCentre,
    log: Path,
) -> None:
    both = [client, agent] * 6
    answers = await asyncio.gather(
        *(each.post(to_bob, json={"text": f"no {n}"}) for n, each in enumerate(both))
    )

    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    for answer in refused:
        problem = assert_problem(answer, 429, "rate_limited")
        assert problem["violatedPolicies"] == ["account"]
        assert problem["isRetryable"] is True
        assert "VASYA_PACING" in problem["remedy"]
        assert answer.headers["retry-after"] == str(problem["retryAfterSecs"])
    sent = len(answers) - len(refused)
    assert dc.requests["messages.SendMessage"] == sent
    lines = log.read_text().splitlines()
    assert sum('"kind":"intent"' in line and '"message:send"' in line for line in lines) == sent


async def test_a_send_that_nobody_waits_for_any_more_is_not_made(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    for n in range(3):
        await client.post(to_bob, json={"text": f"no {n}"})
    waiting = asyncio.create_task(client.post(to_bob, json={"text": "never"}))
    await asyncio.sleep(0.1)

    waiting.cancel()
    await asyncio.wait({waiting})

    assert (await client.post(to_bob, json={"text": "the last"})).status_code == 201
    assert texts(scene)[-1] == "the last"
    assert "never" not in texts(scene)
    assert dc.requests["messages.SendMessage"] == 4


async def test_what_makes_no_message_waits_for_no_turn(
    client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    made = [await client.post(to_bob, json={"text": f"no {n}"}) for n in range(3)]
    began_at = time.monotonic()

    for answer in made:
        path = f"{to_bob}/{answer.json()['id']}"
        assert (await client.patch(path, json={"text": "edited"})).status_code == 200

    (pace,) = [
        bucket
        for bucket in (await client.get(f"{account}/limits")).json()["buckets"]
        if bucket["name"] == "account"
    ]
    assert (pace["quota"], pace["windowSecs"]) == (3, 3)
    # However slow the machine is, no turn of a second was waited for three times.
    assert pace.get("remaining", 0) < 3 or time.monotonic() - began_at >= 1


async def test_a_dry_run_waits_for_nothing_and_takes_no_turn(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    for _ in range(5):
        told = (await client.post(f"{to_bob}?dryRun=true", json={"text": "hi"})).json()
        assert told["wouldExecute"] is True
