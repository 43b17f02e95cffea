from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from telethon import functions

from tests.api.conftest import API, BASE_URL, TOKEN, listening, transport
from tests.api.test_idempotency import repeated
from tests.problems import assert_problem
from tests.waiting import until_asked
from vasya_sandbox import scheduling
from vasya_sandbox.faults import Action, Fault
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


class _Row(msgspec.Struct, frozen=True):
    chat: bytes


_ACTIVITY = Query("SELECT chat FROM owner_activity")


async def take_over(client: httpx.AsyncClient, secs: int) -> None:
    response = await client.patch(f"{API}/settings", json={"takeoverSecs": secs})
    assert response.status_code == 200, response.text


async def heard(gateway: Gateway, scene: Scene, chat_id: int) -> bool:
    """Tell whether it is known within a moment that the owner wrote there."""
    (account,) = gateway.accounts.list(gateway.owner)
    for _ in range(100):
        if await gateway.guards.takeover.left_secs(account, chat_id):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_agents_answer_after_the_owners_is_held_back(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await take_over(client, 600)
    await listening(gateway)
    assert (await agent.post(to_bob, json={"text": "hello"})).status_code == 201
    await phone.send_message("bob_b", "I am here myself")
    assert await heard(gateway, scene, scene.bob.id)
    refused = await agent.post(to_bob, json={"text": "me too"})
    problem = assert_problem(refused, 409, "owner_active")
    assert 590 <= problem["retryAfterSecs"] <= 600
    assert refused.headers["retry-after"] == str(problem["retryAfterSecs"])
    assert problem["isRetryable"] is True
    # The other chats are not meant, and neither are people, edits and marks.
    to_carol = f"{account}/chats/{scene.carol.id}/messages"
    assert (await agent.post(to_carol, json={"text": "hello"})).status_code == 201
    assert (await client.post(to_bob, json={"text": "by hand"})).status_code == 201
    assert (await agent.post(f"{account}/chats/{scene.bob.id}/read")).status_code == 204


async def test_a_forward_and_an_undoable_send_are_held_back_too(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await take_over(client, 600)
    await listening(gateway)
    await phone.send_message("bob_b", "I am here myself")
    assert await heard(gateway, scene, scene.bob.id)
    post = scene.world.post(scene.carol, scene.alice, "news").message.copies[scene.alice.id]
    forward = {"fromChat": str(scene.carol.id), "messageIds": [post]}
    assert_problem(await agent.post(f"{to_bob}/forward", json=forward), 409, "owner_active")
    assert_problem(
        await agent.post(to_bob, json={"text": "x", "undoSecs": 60}), 409, "owner_active"
    )


async def test_a_dry_run_says_that_the_owner_is_active(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await take_over(client, 600)
    await listening(gateway)
    await phone.send_message("bob_b", "I am here myself")
    assert await heard(gateway, scene, scene.bob.id)
    told = await agent.post(to_bob, params={"dryRun": "true"}, json={"text": "me too"})
    assert told.json()["wouldExecute"] is False
    assert [each["code"] for each in told.json()["reasons"]] == ["owner_active"]


async def test_without_takeover_nobody_is_held_back(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    assert "takeoverSecs" not in (await client.get(f"{API}/settings")).json()
    await client.post(to_bob, json={"text": "connects"})
    await listening(gateway)
    await phone.send_message("bob_b", "I am here myself")
    await asyncio.sleep(0.2)
    assert (await agent.post(to_bob, json={"text": "me too"})).status_code == 201


async def test_only_a_human_sets_the_takeover_and_within_a_day(
    client: httpx.AsyncClient, agent: httpx.AsyncClient
) -> None:
    assert_problem(
        await agent.patch(f"{API}/settings", json={"takeoverSecs": 0}), 403, "human_required"
    )
    for wrong in (-1, 86_401):
        assert_problem(
            await client.patch(f"{API}/settings", json={"takeoverSecs": wrong}),
            422,
            "validation_failed",
        )
    await take_over(client, 300)
    assert (await client.get(f"{API}/settings")).json()["takeoverSecs"] == 300


async def test_the_gateways_own_sends_never_trigger_it(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
) -> None:
    await take_over(client, 600)
    garden = f"{account}/chats/{scene.supergroup.peer_id}/messages"
    for n in range(3):
        assert (await client.post(to_bob, json={"text": f"by hand {n}"})).status_code == 201
        assert (await agent.post(to_bob, json={"text": f"answer {n}"})).status_code == 201
        assert (await agent.post(garden, json={"text": f"answer {n}"})).status_code == 201
    # One that waited, and one whose answer was lost with the connection, so that a difference tells it.
    undoable = await agent.post(to_bob, json={"text": "waits", "undoSecs": 60})
    scheduling.send_due(
        dc, scene.alice, scheduling.outbox(scene.world, scene.alice).within(scene.bob.id)
    )
    done = await agent.get(f"{API}/actions/{undoable.json()['actionId']}", params={"wait": 5})
    assert done.json()["status"] == "done"
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=1))
    assert (await agent.post(to_bob, json={"text": "over a loss"})).status_code == 201
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=1))
    assert (await agent.post(garden, json={"text": "over a loss"})).status_code == 201
    await asyncio.sleep(0.5)
    for path in (to_bob, garden):
        assert (await agent.post(path, json={"text": "goes on"})).status_code == 201


@pytest.mark.short_deadlines
async def test_a_send_of_unknown_outcome_does_not_trigger_it(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    dc: DataCentre,
) -> None:
    await take_over(client, 600)
    await client.post(to_bob, json={"text": "connects"})
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
    lost = await agent.post(to_bob, json={"text": "lost"}, headers={"Idempotency-Key": "k"})
    assert_problem(lost, 409, "outcome_unknown")
    dc.faults.clear()
    await listening(gateway)
    again = await repeated(lambda: agent.post(to_bob, json={"text": "goes on"}))
    assert again.status_code == 201


async def test_what_the_owner_scheduled_says_nothing_of_where_the_owner_is(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await take_over(client, 600)
    await client.post(to_bob, json={"text": "connects"})
    await phone(
        functions.messages.SendMessageRequest(
            "bob_b", "later", random_id=1, schedule_date=scene.world.now + 60
        )
    )
    scheduling.send_due(
        dc, scene.alice, scheduling.outbox(scene.world, scene.alice).within(scene.bob.id)
    )
    await asyncio.sleep(0.3)
    assert (await agent.post(to_bob, json={"text": "goes on"})).status_code == 201


async def imported(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    body = {"session": dc.mint(scene.alice)}
    response = await client.post(f"{API}/telegram/login/session", json=body)
    return f"{API}/accounts/{response.json()['accountId']}/chats/{scene.bob.id}/messages"


async def agent_of(client: httpx.AsyncClient) -> dict[str, str]:
    made = await client.post(
        f"{API}/agent-keys", json={"name": "agent", "scopes": ["messages:send"]}
    )
    return {"Authorization": f"Bearer {made.json()['secret']}"}


async def test_it_survives_a_restart_and_ends_in_time(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        to_bob, agent = await imported(client, dc, scene), await agent_of(client)
        await take_over(client, 600)
        await listening(gateway)
        await phone.send_message("bob_b", "I am here myself")
        assert await heard(gateway, scene, scene.bob.id)
    async with (
        serve() as (gateway, client),
        httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL, headers=agent) as key,
    ):
        assert_problem(await key.post(to_bob, json={"text": "x"}), 409, "owner_active")
        clock.ahead += timedelta(seconds=601)
        assert (await key.post(to_bob, json={"text": "now"})).status_code == 201


async def test_what_the_owner_wrote_while_the_server_was_down_holds_back_the_first_send(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        to_bob, agent = await imported(client, dc, scene), await agent_of(client)
        await take_over(client, 600)
        await listening(gateway)
    await phone.send_message("bob_b", "I am here myself")
    async with serve() as (_, client):
        client.headers.update(agent)
        assert_problem(await client.post(to_bob, json={"text": "x"}), 409, "owner_active")
        client.headers["Authorization"] = f"Bearer {TOKEN}"


async def test_the_log_of_where_the_owner_wrote_names_nobody(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        await imported(client, dc, scene)
        await take_over(client, 600)
        await listening(gateway)
        await phone.send_message("bob_b", "I am here myself")
        assert await heard(gateway, scene, scene.bob.id)
        rows: Any = await gateway.db.all(_ACTIVITY, _Row)
    (row,) = rows
    assert len(row.chat) == 16
    assert scene.bob.id.to_bytes(8, "big") not in row.chat


async def test_an_agent_may_ask_while_the_owner_writes_and_what_is_approved_waits_until_then(
    gateway: Gateway,
    client: httpx.AsyncClient,
    with_key: Any,
    to_bob: str,
    scene: Scene,
    phone: SandboxClient,
) -> None:
    agent = await with_key(approval={"messages:send": "always"})
    await take_over(client, 600)
    await listening(gateway)
    await phone.send_message("bob_b", "I am here myself")
    assert await heard(gateway, scene, scene.bob.id)
    asked = await agent.post(to_bob, json={"text": "may I?"})
    assert asked.status_code == 202
    action = f"{API}/actions/{asked.json()['actionId']}"
    approval = {"digest": asked.json()["digest"]}
    assert_problem(await client.post(f"{action}/approve", json=approval), 409, "owner_active")
    assert (await client.get(action)).json()["status"] == "awaiting_approval"
    await take_over(client, 0)
    approved = await client.post(f"{action}/approve", json=approval)
    assert (approved.status_code, approved.json()["status"]) == (200, "done")


async def test_what_the_owner_writes_while_an_agents_send_is_under_way_counts_all_the_same(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await take_over(client, 600)
    await listening(gateway)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.5, times=1))
    sending = asyncio.create_task(agent.post(to_bob, json={"text": "slow"}))
    await until_asked(dc, "messages.SendMessage")
    await phone.send_message("bob_b", "I am here myself")
    assert (await sending).status_code == 201
    assert await heard(gateway, scene, scene.bob.id)
    assert_problem(await agent.post(to_bob, json={"text": "and more"}), 409, "owner_active")
