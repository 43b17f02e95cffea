"""What waits for a human has its share of the budgets already, and gives it back where nothing comes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.test_budgets import KEY, calling_with, import_account, left, say
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre

ASKS = {
    "name": "asks",
    "scopes": ["messages:send", "messages:read"],
    "approval": {"messages:send": "always"},
    "budgets": {"sendsPerDay": 1},
}


async def make_asking(human: httpx.AsyncClient) -> str:
    made = await human.post(f"{API}/agent-keys", json=ASKS)
    assert made.status_code == 201, made.text
    secret: str = made.json()["secret"]
    return secret


async def decide(human: httpx.AsyncClient, asked: dict[str, Any], decision: str) -> None:
    path = f"{API}/actions/{asked['actionId']}/{decision}"
    body = {"digest": asked["digest"]} if decision == "approve" else None
    decided = await human.post(path, json=body)
    assert decided.status_code == 200, decided.text


@pytest.mark.parametrize("decision", ["reject", "cancel"])
async def test_a_question_reserves_and_a_no_gives_back(
    serve: Serve, scene: Scene, dc: DataCentre, decision: str
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        async with calling_with(gateway, await make_asking(human)) as agent:
            asked = await say(agent, to_bob, "may I?")
            assert asked.status_code == 202, asked.text
            assert await left(agent) == 0
            assert_problem(await say(agent, to_bob, "and this?"), 429, "budget_exhausted")

            await decide(human, asked.json(), decision)

            assert await left(agent) == 1
            assert (await say(agent, to_bob, "then this")).status_code == 202


async def test_what_is_agreed_to_counts_once_and_from_when_it_is_sent(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        secret = await make_asking(human)
        async with calling_with(gateway, secret) as agent:
            asked = (await say(agent, to_bob, "may I?", headers=KEY)).json()
            clock.ahead = timedelta(hours=20)
            await decide(human, asked, "approve")
            assert dc.requests["messages.SendMessage"] == 1
            assert await left(agent) == 0
    async with serve() as (gateway, _), calling_with(gateway, secret) as agent:
        clock.ahead = timedelta(hours=30)
        assert await left(agent) == 0
        clock.ahead = timedelta(hours=44, seconds=2)
        assert await left(agent) == 1


async def test_what_is_agreed_to_and_refused_by_telegram_is_given_back(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        secret = await make_asking(human)
        async with calling_with(gateway, secret) as agent:
            asked = (await say(agent, to_bob, "may I?")).json()
            dc.faults.add(
                Fault(
                    action=Action.RPC_ERROR,
                    request="messages.SendMessage",
                    code=400,
                    text="USER_IS_BLOCKED",
                )
            )
            await decide(human, asked, "approve")
            assert await left(agent) == 1
    async with serve() as (gateway, _), calling_with(gateway, secret) as agent:
        assert await left(agent) == 1


async def test_a_reservation_survives_a_restart_and_so_does_its_return(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        secret = await make_asking(human)
        async with calling_with(gateway, secret) as agent:
            asked = (await say(agent, to_bob, "may I?")).json()
    async with serve() as (gateway, human), calling_with(gateway, secret) as agent:
        assert await left(agent) == 0
        await decide(human, asked, "reject")
        assert await left(agent) == 1
    async with serve() as (gateway, _), calling_with(gateway, secret) as agent:
        assert await left(agent) == 1


async def test_a_question_that_nobody_answers_in_time_gives_back(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await human.post(f"{API}/agent-keys", json={**ASKS, "approvalTtlSecs": 3600})
        secret = made.json()["secret"]
        async with calling_with(gateway, secret) as agent:
            asked = await say(agent, f"{account}/chats/{scene.bob.id}/messages", "may I?")
            assert asked.status_code == 202
    clock.ahead = timedelta(hours=2)
    async with serve() as (gateway, _), calling_with(gateway, secret) as agent, asyncio.timeout(5):
        while await left(agent) == 0:
            await asyncio.sleep(0.05)


async def test_a_new_chat_that_was_approved_counts_once_for_its_account(
    environment: dict[str, str], serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    environment["VASYA_LIMIT_NEW_CHATS_PER_DAY"] = "1"
    scene.world.add_user("Stranger", None, "stranger_1")
    scene.world.add_user("Other", None, "stranger_2")
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await human.post(f"{API}/agent-keys", json={**ASKS, "budgets": None})
        async with calling_with(gateway, made.json()["secret"]) as agent:
            asked = await say(agent, f"{account}/chats/@stranger_1/messages", "hello")
            assert asked.status_code == 202, asked.text
            other = await say(agent, f"{account}/chats/@stranger_2/messages", "hello")
            assert assert_problem(other, 429, "rate_limited")["violatedPolicies"] == ["newpeer"]

            await decide(human, asked.json(), "approve")

            assert dc.requests["messages.SendMessage"] == 1
