"""What a human lets a key send in a day: counted exactly, by whatever way it is sent and whatever goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.conftest import API, BASE_URL, transport
from tests.api.test_keys_tampering import database, key_row, put
from tests.api.test_uploads import upload_pictures
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User
    from vasya_server.gateway import Gateway

A_DAY = timedelta(hours=24)
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@pytest.fixture
async def gateway(serve: Serve) -> AsyncIterator[Gateway]:
    """Return a gateway whose clock the test sets."""
    async with serve() as (gateway, _):
        yield gateway


@pytest.fixture
def strangers(scene: Scene) -> list[User]:
    """Add people with whom Alice has never exchanged a message."""
    return [scene.world.add_user(f"Stranger {n}", None, f"stranger_{n}") for n in range(1, 5)]


@contextlib.asynccontextmanager
async def calling_with(gateway: Gateway, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        transport=transport(gateway), base_url=BASE_URL, headers=headers
    ) as client:
        yield client


async def make(human: httpx.AsyncClient, **budgets: int) -> dict[str, Any]:
    scopes = [scope.value for scope in Scope]
    body = {"name": "agent", "scopes": scopes, "budgets": budgets}
    made = await human.post(f"{API}/agent-keys", json=body)
    assert made.status_code == 201, made.text
    told: dict[str, Any] = made.json()
    return told


async def say(client: httpx.AsyncClient, path: str, text: str, **more: Any) -> httpx.Response:
    return await client.post(path, json={"text": text}, **more)


async def left(client: httpx.AsyncClient, budget: str = "sendsPerDay") -> int:
    told = (await client.get(f"{API}/whoami")).json()["budgets"][budget]
    return int(told.get("remaining", 0))


async def import_account(human: httpx.AsyncClient, dc: DataCentre, user: User) -> str:
    body = {"session": dc.mint(user)}
    imported = await human.post(f"{API}/telegram/login/session", json=body)
    return f"{API}/accounts/{imported.json()['accountId']}"


async def events(gateway: Gateway) -> list[Any]:
    found, _ = await gateway.events.stored(gateway.owner, 0, 200)
    return [e.draft for e in found if e.draft.type == "budget.exhausted"]


async def test_what_is_allowed_is_sent_and_not_one_message_more(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, dc: DataCentre
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 2})
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    first, second = await say(agent, to_bob, "one"), await say(agent, to_bob, "two")
    assert (first.status_code, second.status_code) == (201, 201)

    refused = await say(agent, to_bob, "three", headers=KEY)

    problem = assert_problem(refused, 429, "budget_exhausted")
    assert problem["violatedPolicies"] == ["sends_per_day"]
    assert 86_390 <= problem["retryAfterSecs"] <= 86_400
    assert refused.headers["retry-after"] == str(problem["retryAfterSecs"])
    assert f"PATCH /api/v1/agent-keys/{key_id}" in problem["remedy"]
    assert dc.requests["messages.SendMessage"] == 2
    assert first.headers["ratelimit-policy"].endswith('"sends_per_day";q=2;w=86400')
    assert '"sends_per_day";r=1;t=86400' in first.headers["ratelimit"]
    assert '"sends_per_day";r=0;t=86' in refused.headers["ratelimit"]


async def test_the_window_rolls_and_a_day_later_the_same_key_sends_again(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, clock: MovableClock
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 2})
    assert (await say(agent, to_bob, "morning")).status_code == 201
    clock.ahead = timedelta(hours=10)
    assert (await say(agent, to_bob, "evening")).status_code == 201
    assert_problem(await say(agent, to_bob, "night"), 429, "budget_exhausted")

    clock.ahead = A_DAY + timedelta(seconds=2)

    assert (await say(agent, to_bob, "next morning")).status_code == 201
    assert_problem(await say(agent, to_bob, "again"), 429, "budget_exhausted")


async def test_albums_and_forwards_count_by_the_message(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 10})
    album = {"media": await upload_pictures(agent, account, 3)}
    ids = scene.world.ids(scene.alice, scene.bob)[:5]
    five = {"fromChat": "@bob_b", "messageIds": ids}

    assert (await agent.post(to_bob, json=album)).status_code == 201
    assert await left(agent) == 7
    assert (await agent.post(f"{to_bob}/forward", json=five)).status_code == 201
    assert await left(agent) == 2

    problem = assert_problem(
        await agent.post(f"{to_bob}/forward", json=five), 429, "budget_exhausted"
    )
    assert problem["isRetryable"] is True
    assert await left(agent) == 2


async def test_more_than_a_day_allows_is_not_promised_for_later(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, scene: Scene
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 2})
    ids = scene.world.ids(scene.alice, scene.bob)[:3]

    refused = await agent.post(f"{to_bob}/forward", json={"fromChat": "@bob_b", "messageIds": ids})

    problem = assert_problem(refused, 429, "budget_exhausted")
    assert problem["isRetryable"] is False
    assert "retry-after" not in refused.headers


async def test_none_is_none(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, dc: DataCentre
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 0})

    assert_problem(await say(agent, to_bob, "hi"), 429, "budget_exhausted")
    assert dc.requests["messages.SendMessage"] == 0
    assert (await agent.get(f"{API}/whoami")).json()["budgets"] == {
        "sendsPerDay": {"limit": 0, "remaining": 0, "resetSecs": 0}
    }


async def test_parallel_sends_do_not_slip_through_together(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, dc: DataCentre
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 3})

    answers = await asyncio.gather(*(say(agent, to_bob, f"{n}") for n in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
    assert dc.requests["messages.SendMessage"] == 3


async def test_what_telegram_refuses_is_given_back(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, dc: DataCentre
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 1})
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="messages.SendMessage",
            code=400,
            text="USER_IS_BLOCKED",
        )
    )

    assert_problem(await say(agent, to_bob, "no"), 403, "chat_write_forbidden")

    assert await left(agent) == 1
    assert (await say(agent, to_bob, "yes")).status_code == 201


@pytest.mark.short_deadlines
async def test_an_unknown_outcome_keeps_its_share_once(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        to_bob = f"{account}/chats/@bob_b/messages"
        made = await make(human, sendsPerDay=2)
        async with calling_with(gateway, made["secret"]) as agent:
            dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=3))
            lost = await say(agent, to_bob, "lost?", headers=KEY)
            assert_problem(lost, 409, "outcome_unknown")
            assert await left(agent) == 1
    async with serve() as (gateway, _), calling_with(gateway, made["secret"]) as agent:
        assert await left(agent) == 1
        dc.faults.clear()
        assert (await say(agent, to_bob, "lost?", headers=KEY)).status_code == 201
        assert await left(agent) == 1


@pytest.mark.short_deadlines
async def test_an_unknown_outcome_that_turns_out_refused_is_given_back(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await make(human, sendsPerDay=1)
        to_bob = f"{account}/chats/@bob_b/messages"
        async with calling_with(gateway, made["secret"]) as agent:
            dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=3))
            assert_problem(await say(agent, to_bob, "hm", headers=KEY), 409, "outcome_unknown")
    dc.faults.clear()
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="messages.SendMessage",
            code=400,
            text="USER_IS_BLOCKED",
        )
    )
    async with serve() as (gateway, _), calling_with(gateway, made["secret"]) as agent:
        assert_problem(await say(agent, to_bob, "hm", headers=KEY), 403, "chat_write_forbidden")
        assert await left(agent) == 1
    async with serve() as (gateway, _), calling_with(gateway, made["secret"]) as agent:
        assert await left(agent) == 1


async def test_a_restart_and_a_rotation_forget_nothing(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await make(human, sendsPerDay=2)
        to_bob = f"{account}/chats/@bob_b/messages"
        async with calling_with(gateway, made["secret"]) as agent:
            assert (await say(agent, to_bob, "one")).status_code == 201
    async with serve() as (gateway, human):
        rotated = await human.post(f"{API}/agent-keys/{made['id']}/rotate", json={})
        assert rotated.json()["budgets"] == {"sendsPerDay": 2}
        async with calling_with(gateway, rotated.json()["secret"]) as agent:
            assert await left(agent) == 1
            assert (await say(agent, to_bob, "two")).status_code == 201
            assert_problem(await say(agent, to_bob, "three"), 429, "budget_exhausted")


async def test_a_human_narrows_and_widens_what_is_used_already(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await make(human, sendsPerDay=5)
        path, to_bob = f"{API}/agent-keys/{made['id']}", f"{account}/chats/@bob_b/messages"
        async with calling_with(gateway, made["secret"]) as agent:
            for text in ("one", "two"):
                assert (await say(agent, to_bob, text)).status_code == 201

            narrowed = await human.patch(path, json={"budgets": {"sendsPerDay": 2}})
            assert narrowed.json()["budgets"] == {"sendsPerDay": 2}
            assert_problem(await say(agent, to_bob, "three"), 429, "budget_exhausted")

            await human.patch(path, json={"name": "renamed"})
            assert (await human.get(path)).json()["budgets"] == {"sendsPerDay": 2}
            await human.patch(path, json={"budgets": {"sendsPerDay": 3, "newChatsPerDay": 0}})
            assert (await say(agent, to_bob, "three")).status_code == 201
            assert await left(agent) == 0

            freed = await human.patch(path, json={"budgets": None})
            assert "budgets" not in freed.json()
            assert "budgets" not in (await agent.get(f"{API}/whoami")).json()
            assert (await say(agent, to_bob, "four")).status_code == 201


@pytest.mark.parametrize(
    "budgets", [{"sendsPerDay": -1}, {"sendsPerDay": 100_001}, {"perDay": 1}, 5]
)
async def test_a_budget_that_is_none_makes_no_key(client: httpx.AsyncClient, budgets: Any) -> None:
    body = {"name": "agent", "scopes": ["messages:send"], "budgets": budgets}

    assert_problem(await client.post(f"{API}/agent-keys", json=body), 422, "validation_failed")


async def test_a_new_chat_is_one_in_which_nobody_has_said_anything(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    to_bob: str,
    strangers: list[User],
    scene: Scene,
) -> None:
    agent = await with_key(budgets={"newChatsPerDay": 1})
    scene.world.post(strangers[2], scene.alice, "I wrote first")

    assert (await say(agent, to_bob, "we know each other")).status_code == 201
    first = f"{account}/chats/@stranger_1/messages"
    assert (await say(agent, first, "hello, stranger")).status_code == 201
    assert (await say(agent, first, "it is me again")).status_code == 201
    wrote_first = f"{account}/chats/@stranger_3/messages"
    assert (await say(agent, wrote_first, "hello back")).status_code == 201

    refused = await say(agent, f"{account}/chats/@stranger_2/messages", "hello, other")

    problem = assert_problem(refused, 429, "budget_exhausted")
    assert problem["violatedPolicies"] == ["new_chats_per_day"]
    assert scene.world.ids(strangers[1], scene.alice) == []
    assert await left(agent, "newChatsPerDay") == 0


async def test_the_servers_limit_of_new_chats_binds_all_keys_together_and_no_human(
    environment: dict[str, str],
    serve: Serve,
    scene: Scene,
    dc: DataCentre,
    strangers: list[User],
) -> None:
    environment["VASYA_LIMIT_NEW_CHATS_PER_DAY"] = "2"
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        paths = [f"{account}/chats/@{user.username}/messages" for user in strangers]
        for path in paths[:2]:
            made = await make(human)
            async with calling_with(gateway, made["secret"]) as agent:
                assert (await say(agent, path, "hello")).status_code == 201

        async with calling_with(gateway, (await make(human))["secret"]) as agent:
            problem = assert_problem(await say(agent, paths[2], "hello"), 429, "rate_limited")
            assert (await say(agent, paths[0], "again")).status_code == 201

        assert problem["violatedPolicies"] == ["newpeer"]
        assert problem["retryAfterSecs"] > 43_000
        assert (await say(human, paths[2], "hello from me")).status_code == 201


async def test_a_new_chat_that_telegram_refuses_is_given_back_to_the_account(
    environment: dict[str, str], serve: Serve, scene: Scene, dc: DataCentre, strangers: list[User]
) -> None:
    environment["VASYA_LIMIT_NEW_CHATS_PER_DAY"] = "1"
    async with serve() as (gateway, human):
        account = await import_account(human, dc, scene.alice)
        made = await make(human, newChatsPerDay=1)
        path = f"{account}/chats/@{strangers[0].username}/messages"
        async with calling_with(gateway, made["secret"]) as agent:
            dc.faults.add(
                Fault(
                    action=Action.RPC_ERROR,
                    request="messages.SendMessage",
                    code=400,
                    text="USER_IS_BLOCKED",
                )
            )
            assert_problem(await say(agent, path, "hello"), 403, "chat_write_forbidden")
            assert (await say(agent, path, "hello")).status_code == 201


async def test_a_dry_run_says_that_a_budget_is_used_up_and_takes_nothing(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 1})

    for _ in range(3):
        told = (await say(agent, f"{to_bob}?dryRun=true", "hi")).json()
        assert told["wouldExecute"] is True
    assert await left(agent) == 1
    await say(agent, to_bob, "hi")
    told = (await say(agent, f"{to_bob}?dryRun=true", "hi")).json()

    assert told["wouldExecute"] is False
    assert [reason["code"] for reason in told["reasons"]] == ["budget_exhausted"]
    assert "sendsPerDay" in told["reasons"][0]["remedy"]


async def test_a_budget_that_runs_out_is_told_once(
    gateway: Gateway,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    to_bob: str,
    clock: MovableClock,
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 1})
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    await say(agent, to_bob, "hi")
    assert await events(gateway) == []

    for _ in range(3):
        assert_problem(await say(agent, to_bob, "more"), 429, "budget_exhausted")

    (told,) = await events(gateway)
    assert (told.key_id, told.data.budget, told.data.limit) == (key_id, "sendsPerDay", 1)
    assert told.data.until is not None
    clock.ahead = A_DAY + timedelta(seconds=2)
    await say(agent, to_bob, "hi")
    assert_problem(await say(agent, to_bob, "more"), 429, "budget_exhausted")
    assert len(await events(gateway)) == 2


async def test_humans_have_no_budget(client: httpx.AsyncClient, to_bob: str) -> None:
    assert (await say(client, to_bob, "hi")).status_code == 201
    assert "budgets" not in (await client.get(f"{API}/whoami")).json()


@pytest.mark.parametrize("way", ["another key's grant", "the grant from before"])
async def test_a_writer_of_the_database_drops_no_budget(serve: Serve, way: str) -> None:
    async with serve() as (gateway, human):
        path = database(gateway)
        free = await make(human)
        held = (
            await make(human)
            if way == "the grant from before"
            else await make(human, sendsPerDay=1)
        )
        older = key_row(path, held["id"])
        await human.patch(f"{API}/agent-keys/{held['id']}", json={"budgets": {"sendsPerDay": 1}})
        row = key_row(path, held["id"])
    if way == "the grant from before":
        row = older
    else:
        row["sealed"] = key_row(path, free["id"])["sealed"]
    put(path, "agent_keys", row)

    async with serve() as (gateway, _), calling_with(gateway, held["secret"]) as agent:
        assert_problem(await agent.get(f"{API}/whoami"), 401, "invalid_token")
