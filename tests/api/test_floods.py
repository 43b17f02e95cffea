"""What Telegram asks to be left alone is left alone: answered at once, without asking it again, and after a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.test_budgets import calling_with, import_account, make, say
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User
    from vasya_server.gateway import Gateway

SEND = "messages.SendMessage"


@pytest.fixture
async def gateway(serve: Serve) -> AsyncIterator[Gateway]:
    """Return a gateway whose clock the test sets."""
    async with serve() as (gateway, _):
        yield gateway


@pytest.fixture
def stranger(scene: Scene) -> User:
    """Add somebody with whom Alice has never exchanged a message."""
    return scene.world.add_user("Stranger", None, "stranger_1")


def flood(dc: DataCentre, request: str, secs: int) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request=request, secs=secs))


def refuse(dc: DataCentre, code: int, text: str, request: str = SEND) -> None:
    dc.faults.add(Fault(action=Action.RPC_ERROR, request=request, code=code, text=text))


async def told(gateway: Gateway, kind: str) -> list[Any]:
    found, _ = await gateway.events.stored(gateway.owner, 0, 200)
    return [event.draft for event in found if event.draft.type == kind]


async def restrictions(client: httpx.AsyncClient, account: str) -> list[Any]:
    """Return what the account, its limits and whoami say, which is the same."""
    said = (await client.get(account)).json().get("restrictions", [])
    assert (await client.get(f"{account}/limits")).json().get("restrictions", []) == said
    whoami = (await client.get(f"{API}/whoami")).json().get("restrictions", [])
    account_id = (await client.get(account)).json()["accountId"]
    assert whoami == [{**each, "accountId": account_id} for each in said]
    return list(said)


async def test_a_flood_wait_is_told_at_once_and_kept_to_without_asking_again(
    client: httpx.AsyncClient,
    account: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    clock: MovableClock,
) -> None:
    mine = (await say(client, to_bob, "before")).json()["id"]
    other = await import_account(client, dc, scene.bob)
    flood(dc, SEND, 33)
    dc.reset_counters()

    first = await say(client, to_bob, "hi")
    again = await say(client, to_bob, "hi")

    assert assert_problem(first, 429, "telegram_flood_wait")["retryAfterSecs"] == 33
    assert first.headers["retry-after"] == "33"
    problem = assert_problem(again, 429, "telegram_flood_wait")
    assert problem["retryAfterSecs"] in {32, 33}
    assert problem["telegramError"] == "FLOOD_WAIT"
    assert dc.requests[SEND] == 1
    # Other methods, and other accounts, go on.
    assert (await client.patch(f"{to_bob}/{mine}", json={"text": "edited"})).status_code == 200
    assert (await client.get(to_bob)).status_code == 200
    assert (await say(client, f"{other}/chats/@alice_a/messages", "me too")).status_code == 201
    clock.ahead += timedelta(seconds=34)
    assert (await say(client, to_bob, "now")).status_code == 201


async def test_a_flood_wait_survives_a_restart(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (_, client):
        account = await import_account(client, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        flood(dc, SEND, 600)
        assert_problem(await say(client, to_bob, "hi"), 429, "telegram_flood_wait")
    async with serve() as (_, client):
        dc.reset_counters()
        refused = await say(client, to_bob, "hi")

        assert assert_problem(refused, 429, "telegram_flood_wait")["retryAfterSecs"] > 590
        assert dc.requests[SEND] == 0
        clock.ahead += timedelta(seconds=601)
        assert (await say(client, to_bob, "hi")).status_code == 201


async def test_a_flood_wait_of_a_read_stops_that_read_alone(
    client: httpx.AsyncClient, to_bob: str, account: str, dc: DataCentre
) -> None:
    assert (await client.get(to_bob)).status_code == 200
    flood(dc, "messages.GetHistory", 50)
    dc.reset_counters()

    for _ in range(3):
        refused = await client.get(to_bob)
        assert assert_problem(refused, 429, "telegram_flood_wait")["retryAfterSecs"] >= 49

    assert dc.requests["messages.GetHistory"] == 1
    assert (await client.get(f"{account}/chats")).status_code == 200
    assert (await say(client, to_bob, "hi")).status_code == 201


async def test_what_is_left_alone_is_told_in_plain_words_and_counted(
    client: httpx.AsyncClient, account: str, to_bob: str, dc: DataCentre, clock: MovableClock
) -> None:
    assert await restrictions(client, account) == []
    flood(dc, SEND, 10)
    await say(client, to_bob, "hi")
    clock.ahead += timedelta(seconds=11)
    assert await restrictions(client, account) == []
    flood(dc, SEND, 600)
    await say(client, to_bob, "hi")

    (restriction,) = await restrictions(client, account)
    (seen,) = (await client.get(f"{account}/limits")).json()["floods"]

    assert restriction["kind"] == "telegram_flood_wait"
    assert "messages.sendMessage is not called until" in restriction["cause"]
    assert "Everything else goes on." in restriction["cause"]
    assert (seen["method"], seen["count"]) == ("messages.sendMessage", 2)
    assert seen["until"] == restriction["until"]


async def test_a_dry_run_says_that_a_method_is_left_alone(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    flood(dc, SEND, 600)
    await say(client, to_bob, "hi")
    dc.reset_counters()

    rehearsed = await say(client, f"{to_bob}?dryRun=true", "hi")

    assert rehearsed.status_code == 200
    assert rehearsed.json()["wouldExecute"] is False
    assert [r["code"] for r in rehearsed.json()["reasons"]] == ["telegram_flood_wait"]
    assert dc.requests[SEND] == 0


async def test_slow_mode_stops_that_chat_alone_and_survives_a_restart(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (_, client):
        account = await import_account(client, dc, scene.alice)
        slow = f"{account}/chats/{scene.supergroup.peer_id}/messages"
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        ids = scene.world.ids(scene.alice, scene.bob)[:1]
        forwarded = {"fromChat": "@bob_b", "messageIds": ids}
        refuse(dc, 420, "SLOWMODE_WAIT_60")
        dc.reset_counters()

        first, again = await say(client, slow, "hi"), await say(client, slow, "hi")

        assert assert_problem(first, 429, "telegram_slowmode")["retryAfterSecs"] == 60
        assert assert_problem(again, 429, "telegram_slowmode")["retryAfterSecs"] in {59, 60}
        refused = await client.post(f"{slow}/forward", json=forwarded)
        assert_problem(refused, 429, "telegram_slowmode")
        assert (dc.requests[SEND], dc.requests["messages.ForwardMessages"]) == (1, 0)
        assert (await say(client, to_bob, "hi")).status_code == 201
        assert (await client.get(slow)).status_code == 200
        rehearsed = (await say(client, f"{slow}?dryRun=true", "hi")).json()
        assert [r["code"] for r in rehearsed["reasons"]] == ["telegram_slowmode"]
    async with serve() as (_, client):
        assert_problem(await say(client, slow, "hi"), 429, "telegram_slowmode")
        assert dc.requests[SEND] == 2
        clock.ahead += timedelta(seconds=61)
        assert (await say(client, slow, "hi")).status_code == 201


async def test_an_account_that_is_limited_for_spam_writes_to_no_stranger_for_a_day(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock, stranger: User
) -> None:
    async with serve() as (gateway, client):
        account = await import_account(client, dc, scene.alice)
        to_stranger = f"{account}/chats/@{stranger.username}/messages"
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        made, other = await make(client), await make(client)
        async with calling_with(gateway, made["secret"]) as agent:
            refuse(dc, 400, "PEER_FLOOD")
            dc.reset_counters()
            first = await say(agent, to_stranger, "hi")
            again = await say(client, to_stranger, "hi")
            assert (await say(agent, to_bob, "we know each other")).status_code == 201
            (mine,) = await restrictions(agent, account)
        async with calling_with(gateway, other["secret"]) as stranger_to_it:
            (others,) = await restrictions(stranger_to_it, account)

        assert assert_problem(first, 429, "account_spam_limited")["retryAfterSecs"] == 86_400
        assert first.headers["retry-after"] == "86400"
        assert assert_problem(again, 429, "account_spam_limited")["retryAfterSecs"] > 86_390
        assert dc.requests[SEND] == 2
        rehearsed = (await say(client, f"{to_stranger}?dryRun=true", "hi")).json()
        assert [r["code"] for r in rehearsed["reasons"]] == ["account_spam_limited"]
        (restriction,) = await restrictions(client, account)
        assert restriction == mine
        assert restriction["kind"] == "account_spam_limited"
        assert restriction["keyId"] == made["id"]
        assert "keyId" not in others
        assert "Chats in which something was said already go on." in restriction["cause"]
        (event,) = await told(gateway, "account.limited")
        assert event.key_id == made["id"]
        assert event.data.restriction.kind == "account_spam_limited"
    async with serve() as (_, client):
        assert_problem(await say(client, to_stranger, "hi"), 429, "account_spam_limited")
        assert (await say(client, to_bob, "still")).status_code == 201
        clock.ahead += timedelta(hours=24, seconds=1)
        assert (await say(client, to_stranger, "hi")).status_code == 201
        assert await restrictions(client, account) == []


async def test_a_frozen_account_changes_nothing_and_is_still_read(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        account = await import_account(client, dc, scene.alice)
        to_bob = f"{account}/chats/{scene.bob.id}/messages"
        mine = (await say(client, to_bob, "before")).json()["id"]
        refuse(dc, 420, "FROZEN_METHOD_INVALID")
        dc.reset_counters()

        first = await say(client, to_bob, "hi")

        assert assert_problem(first, 403, "account_frozen")["retryAfterSecs"] == 3600
        for answer in (
            await say(client, to_bob, "hi"),
            await client.patch(f"{to_bob}/{mine}", json={"text": "edited"}),
            await client.put(f"{to_bob}/{mine}/reaction", json={"emoji": "👍"}),
        ):
            assert_problem(answer, 403, "account_frozen")
        changes = {SEND, "messages.EditMessage", "messages.SendReaction"}
        assert sum(dc.requests[name] for name in changes) == 1
        assert (await client.get(to_bob)).status_code == 200
        rehearsed = (await say(client, f"{to_bob}?dryRun=true", "hi")).json()
        assert [r["code"] for r in rehearsed["reasons"]] == ["account_frozen"]
        (restriction,) = await restrictions(client, account)
        assert restriction["kind"] == "account_frozen"
        assert "Reading goes on." in restriction["cause"]
        assert len(await told(gateway, "account.limited")) == 1
    async with serve() as (gateway, client):
        assert_problem(await say(client, to_bob, "hi"), 403, "account_frozen")
        assert dc.requests[SEND] == 1

        clock.ahead += timedelta(hours=1, seconds=1)
        refuse(dc, 420, "FROZEN_METHOD_INVALID")
        rehearsed = (await say(client, f"{to_bob}?dryRun=true", "hi")).json()
        assert rehearsed["wouldExecute"] is True
        assert_problem(await say(client, to_bob, "tried"), 403, "account_frozen")
        assert_problem(await say(client, to_bob, "not tried"), 403, "account_frozen")
        assert dc.requests[SEND] == 2
        assert len(await told(gateway, "account.limited")) == 1

        clock.ahead += timedelta(hours=1, seconds=1)
        assert (await say(client, to_bob, "thawed")).status_code == 201
        assert await restrictions(client, account) == []
        assert (await say(client, to_bob, "as before")).status_code == 201


@pytest.mark.short_deadlines
async def test_while_one_change_tries_a_frozen_account_the_others_wait_for_what_comes_of_it(
    client: httpx.AsyncClient,
    account: str,
    to_bob: str,
    dc: DataCentre,
    clock: MovableClock,
) -> None:
    refuse(dc, 420, "FROZEN_METHOD_INVALID")
    assert_problem(await say(client, to_bob, "hi"), 403, "account_frozen")
    clock.ahead += timedelta(hours=1, seconds=1)
    dc.faults.add(Fault(action=Action.SILENCE, request=SEND, times=4))
    dc.reset_counters()

    lost = await say(client, to_bob, "the one that tries")

    assert_problem(lost, 409, "outcome_unknown")
    problem = assert_problem(await say(client, to_bob, "another"), 403, "account_frozen")
    assert problem["retryAfterSecs"] <= 60


async def test_what_is_stored_is_sealed(
    gateway: Gateway, client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    refuse(dc, 420, "SLOWMODE_WAIT_600")
    slow = f"{account}/chats/{scene.supergroup.peer_id}/messages"
    assert_problem(await say(client, slow, "hi"), 429, "telegram_slowmode")
    flood(dc, SEND, 600)
    await say(client, f"{account}/chats/{scene.bob.id}/messages", "hi")

    stored = b"".join(file.read_bytes() for file in gateway.settings.data_dir.glob("vasya.db*"))

    assert b"sendMessage" not in stored
