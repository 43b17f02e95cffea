"""Every guard against every change at Telegram, by an agent that holds every scope: what answers, and what is never sent.

The table is written by hand. A line is a guard, in the order of the contract; a column is a change.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API, followed
from tests.api.test_dry_run import of_bob
from tests.problems import assert_problem
from vasya_sandbox.client import open_client
from vasya_sandbox.faults import Action, Fault
from vasya_server.api.routes import OPERATIONS, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

OPS = (
    "send_message",
    "forward_messages",
    "edit_message",
    "delete_message",
    "delete_messages",
    "pin_message",
    "unpin_message",
    "set_reaction",
    "delete_reaction",
    "mark_read",
    "show_typing",
)
SHUT = (403, "sending_disabled")
ASKED = (202, "awaiting_approval")
SPENT = (429, "budget_exhausted")
HELD = (409, "owner_active")
FROZEN = (403, "account_frozen")
DONE = (0, "")

# fmt: off
TABLE: dict[str, tuple[tuple[int, str], ...]] = {
    #                 send    forward edit    delete  deletes pin     unpin   react   unreact read    typing
    "server gate":   (SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT),
    "owner's gate":  (SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT),
    "account's gate":(SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT,   SHUT),
    "approval":      (ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED,  ASKED),
    "frozen":        (FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN, FROZEN),
    "budget":        (SPENT,  SPENT,  DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE),
    "takeover":      (HELD,   HELD,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE),
    "none":          (DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE,   DONE),
}
# fmt: on
CHANGES = {
    "messages.SendMessage",
    "messages.ForwardMessages",
    "messages.EditMessage",
    "messages.DeleteMessages",
    "messages.UpdatePinnedMessage",
    "messages.SendReaction",
    "messages.ReadHistory",
    "messages.SetTyping",
}
# What says so in a dry run.
REASON = {202: "approval_required"}


def test_the_table_has_a_column_for_every_change_in_a_chat() -> None:
    in_chats = {o.name for o in OPERATIONS if o.kind is Kind.TELEGRAM and "{chat}" in o.path}
    assert set(OPS) == in_chats
    assert {len(row) for row in TABLE.values()} == {len(OPS)}


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
        scopes = ("send", "forward", "delete", "react")
        more["approval"] = {f"messages:{scope}": "always" for scope in scopes}
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


@pytest.mark.parametrize("guard", TABLE)
async def test_every_change_meets_every_guard(
    guard: str,
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    scene: Scene,
    dc: DataCentre,
    gateway: Gateway,
) -> None:
    agent = await guarded(guard, client, with_key, account, scene, dc, gateway)
    changes, chat = of_bob(scene), f"{account}/chats/{scene.bob.id}"
    # What is deleted for good comes last, so that every other change finds its message.
    for name in sorted(OPS, key=lambda each: each.startswith("delete_message")):
        status, code = TABLE[guard][OPS.index(name)]
        method, path, body = changes[name]
        dc.reset_counters()

        sign = "&" if "?" in path else "?"
        rehearsed = await agent.request(method, f"{chat}/{path}{sign}dryRun=true", json=body)
        assert rehearsed.status_code == 200, (name, rehearsed.text)
        told = rehearsed.json()
        assert told["wouldExecute"] is (status == 0), name
        assert [reason["code"] for reason in told.get("reasons", [])] == (
            [REASON.get(status, code)] if status else []
        ), name
        assert not CHANGES & set(dc.requests), name

        answered = await agent.request(method, f"{chat}/{path}", json=body)
        if status == 0:
            # The message may be gone by now: that Telegram was asked is what counts.
            assert answered.is_success or answered.status_code == 404, (name, answered.text)
        elif status == 202:
            assert answered.status_code == 202, (name, answered.text)
            assert answered.json()["status"] == code, name
        else:
            problem = assert_problem(answered, status, code)
            assert problem["remedy"], name
        if status:
            assert not CHANGES & set(dc.requests), name


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
