"""What the owner is told in the chat: the day's digest, and what went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from tests.api.approving import TEXT
from tests.api.conftest import API, BASE_URL, listening, transport
from tests.api.lining import answered, notes, nothing_new, open_line
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre


async def import_alice(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    body = {"session": dc.mint(scene.alice)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    return str(made.json()["accountId"])


async def test_the_digest_counts_a_day_and_comes_once(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    # An hour ahead, so that its time has not come when the line is opened; never over midnight.
    clock.ahead = datetime.now(UTC).replace(hour=12, minute=30) - datetime.now(UTC)
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id, digestAt="13:00")
        await listening(gateway)
        body = {"name": "agent", "scopes": ["messages:send", "chats:read"]}
        body["budgets"] = {"sendsPerDay": 2}  # type: ignore[assignment]
        made = await client.post(f"{API}/agent-keys", json=body)
        headers = {"Authorization": f"Bearer {made.json()['secret']}"}
        async with httpx.AsyncClient(
            transport=transport(gateway), base_url=BASE_URL, headers=headers
        ) as agent:
            path = f"{API}/accounts/{account_id}/chats/{scene.bob.id}/messages"
            for _ in range(2):
                assert (await agent.post(path, json=TEXT)).status_code == 201
            assert_problem(await agent.post(path, json=TEXT), 429, "budget_exhausted")
        assert await answered(scene, "Vasya: the budget of “agent” is used up.")
    clock.ahead += timedelta(hours=1)
    async with serve() as (gateway, client):
        await listening(gateway)
        said = await answered(scene, "Vasya: your day.")
        await nothing_new(scene, notes(scene))
    assert said == (
        "Vasya: your day. Messages that agents sent: 2, refused: 1, waiting for you: 0, floods: 0."
    )
    async with serve() as (gateway, client):
        await listening(gateway)
        await nothing_new(scene, notes(scene))
    assert sum(each.startswith("Vasya: your day.") for each in notes(scene)) == 1


async def test_nothing_is_said_of_a_quiet_day(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    clock.ahead = datetime.now(UTC).replace(hour=12, minute=30) - datetime.now(UTC)
    async with serve() as (gateway, client):
        await open_line(client, await import_alice(client, dc, scene), digestAt="13:00")
        await listening(gateway)
        await nothing_new(scene, [])
    clock.ahead += timedelta(hours=1)
    async with serve() as (gateway, client):
        await listening(gateway)
        await nothing_new(scene, [])


async def test_a_limited_account_is_told_of(serve: Serve, dc: DataCentre, scene: Scene) -> None:
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
        dc.faults.add(
            Fault(
                action=Action.RPC_ERROR, request="messages.SendMessage", code=400, text="PEER_FLOOD"
            )
        )
        path = f"{API}/accounts/{account_id}/chats/{scene.bob.id}/messages"
        assert_problem(await client.post(path, json=TEXT), 429, "account_spam_limited")
        said = await answered(scene, "Vasya: Telegram limits this account for writing to strangers")
    assert "Chats in which something was said already go on." in said
