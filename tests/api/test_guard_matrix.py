"""Every guard against every change at Telegram, by an agent that holds every scope: what answers, and what is never sent.

What is expected is written by hand with the changes (tests/api/changes).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.changes import FROZEN, GUARDS, PARTS, SPENT, all_changes, changes
from tests.api.conftest import API, followed
from tests.problems import assert_problem
from vasya_sandbox.client import open_client
from vasya_sandbox.faults import Action, Fault
from vasya_server.api.routes import OPERATIONS, Kind
from vasya_server.auth.policy import ASKABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

# What says so in a dry run.
REASON = {202: "approval_required"}
# What ends sessions, and what names an upload, stands in its own tests.
ELSEWHERE = {"delete_account", "end_device", "end_other_devices", "set_avatar", "set_chat_photo"}


def test_every_change_at_telegram_is_tried_here(scene: Scene) -> None:
    known = {o.name for o in OPERATIONS if o.kind is Kind.TELEGRAM}
    assert set(all_changes(scene)) == known - ELSEWHERE


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    if "server gate" in request.node.name:
        environment["VASYA_SEND"] = "off"
    return environment


async def guarded(
    guard: str,
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    scene: Scene,
    dc: DataCentre,
    gateway: Gateway,
) -> httpx.AsyncClient:
    """Put the guard up, and return an agent."""
    await client.get(f"{account}/chats/{scene.bob.id}/messages")
    await followed(dc)
    more: dict[str, Any] = {}
    if guard == "owner's gate":
        await client.patch(f"{API}/settings", json={"sendGate": "off"})
    elif guard == "account's gate":
        await client.patch(account, json={"canSend": False})
    elif guard == "approval":
        scopes = {o.access for o in OPERATIONS if o.kind is Kind.TELEGRAM} & ASKABLE
        more["approval"] = dict.fromkeys(scopes, "always")
    elif guard == "budget":
        more["budgets"] = {"sendsPerDay": 0}
    elif guard == "frozen":
        fault = Fault(
            action=Action.RPC_ERROR,
            request="messages.SetTyping",
            code=420,
            text="FROZEN_METHOD_INVALID",
        )
        dc.faults.add(fault)
        frozen = await client.post(f"{account}/chats/{scene.bob.id}/typing")
        assert_problem(frozen, *FROZEN)
    elif guard == "takeover":
        await client.patch(f"{API}/settings", json={"takeoverSecs": 3600})
        await _owner_writes(account, scene, dc, gateway)
    return await with_key(**more)


async def _owner_writes(account: str, scene: Scene, dc: DataCentre, gateway: Gateway) -> None:
    (runtime,) = gateway.accounts.list(gateway.owner)
    async with asyncio.timeout(10):
        while not runtime.following.is_current.is_set():
            await asyncio.sleep(0.02)
        async with open_client(dc.address, dc.mint(scene.alice)) as phone:
            await phone.send_message("bob_b", "let me answer that")
        while not await gateway.guards.takeover.left_secs(runtime, scene.bob.id):
            await asyncio.sleep(0.02)
    assert account


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("guard", GUARDS)
async def test_every_change_meets_every_guard(
    guard: str,
    part: str,
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    scene: Scene,
    dc: DataCentre,
    gateway: Gateway,
) -> None:
    asked_for = changes(part, scene)
    agent = await guarded(guard, client, with_key, account, scene, dc, gateway)
    for name, change in asked_for.items():
        status, code = change.guards[GUARDS.index(guard)]
        path = f"{account}/{change.path}"
        dc.reset_counters()

        sign = "&" if "?" in path else "?"
        rehearsed = await agent.request(change.method, f"{path}{sign}dryRun=true", json=change.body)
        assert rehearsed.status_code == 200, (name, rehearsed.text)
        told = rehearsed.json()
        assert told["wouldExecute"] is (status == 0), name
        assert [reason["code"] for reason in told.get("reasons", [])] == (
            [REASON.get(status, code)] if status else []
        ), name
        assert not set(change.sends) & set(dc.requests), name

        answered = await agent.request(change.method, path, json=change.body)
        if status == 0:
            assert answered.is_success, (name, answered.text)
            assert set(change.sends) & set(dc.requests), name
        elif status == 202:
            assert answered.status_code == 202, (name, answered.text)
            assert answered.json()["status"] == code, name
        else:
            problem = assert_problem(answered, status, code)
            assert problem["remedy"], name
        if status:
            assert not set(change.sends) & set(dc.requests), name


async def test_dry_runs_have_used_nothing_up(
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    scene: Scene,
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 1})
    chat = f"{account}/chats/{scene.bob.id}/messages"
    for _ in range(5):
        assert (await agent.post(f"{chat}?dryRun=true", json={"text": "x"})).json()["wouldExecute"]

    assert (await agent.get(f"{API}/whoami")).json()["budgets"]["sendsPerDay"]["remaining"] == 1
    assert (await agent.get(f"{API}/actions")).json()["items"] == []
    assert (await agent.post(chat, json={"text": "x"})).status_code == 201
    assert_problem(await agent.post(chat, json={"text": "y"}), *SPENT)
