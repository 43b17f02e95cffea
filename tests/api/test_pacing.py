"""How fast an account sends, over HTTP: like a person, whoever asks (`VASYA_PACING`)."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.conftest import API, BASE_URL, TOKEN, transport
from tests.problems import assert_problem
from vasya_server.auth.embedded import EmbeddedToken
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.operations.pacing import is_paced
from vasya_server.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    del environment["VASYA_PACING"]
    # Three of the longest pauses take longer than the part of six seconds for which a send waits.
    if request.node.get_closest_marker("short_deadlines") is not None:
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


@pytest.mark.short_deadlines
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


async def test_an_owner_may_have_a_test_server_send_without_pauses(
    client: httpx.AsyncClient, to_bob: str, account: str, scene: Scene
) -> None:
    await client.get(to_bob)
    set_off = await client.patch(f"{API}/settings", json={"pacing": "off"})

    sent = [await client.post(to_bob, json={"text": f"quick {n}"}) for n in range(8)]

    assert set_off.json()["pacing"] == "off"
    assert [answer.status_code for answer in sent] == [201] * 8
    assert texts(scene)[-1] == "quick 7"
    limits = (await client.get(f"{account}/limits")).json()
    assert "account" not in [bucket["name"] for bucket in limits["buckets"]]
    back = await client.patch(f"{API}/settings", json={"pacing": "human"})
    assert "pacing" not in back.json()
    limits = (await client.get(f"{account}/limits")).json()
    assert "account" in [bucket["name"] for bucket in limits["buckets"]]


async def test_nobody_sends_without_pauses_through_telegrams_own_data_centres(
    environment: dict[str, str],
) -> None:
    settings = load(
        {
            name: value
            for name, value in environment.items()
            if not name.startswith("VASYA_TELEGRAM_DC")
        }
    )
    async with (
        open_gateway(
            settings,
            clock=SystemClock(),
            key=parse_master_key(secrets.token_hex(32)),
            token=EmbeddedToken(TOKEN),
        ) as gateway,
        httpx.AsyncClient(
            transport=transport(gateway),
            base_url=BASE_URL,
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client,
    ):
        refused = await client.patch(f"{API}/settings", json={"pacing": "off"})
        # As one that was set while the server faced another data centre.
        await gateway.owner_settings.change(gateway.owner, pacing="off")

        assert is_paced(gateway, gateway.owner)

    problem = assert_problem(refused, 422, "validation_failed")
    assert problem["errors"] == [
        {"pointer": "/pacing", "code": "not_allowed", "allowed": ["human"]}
    ]
