"""What became of a change: by its action id, for whoever asked for it, and in the audit log."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from tests.waiting import until_asked
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.errors import AccessDenied
from vasya_server.ids import OwnerId
from vasya_server.operations.actions import read_action

if TYPE_CHECKING:
    import httpx

    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEY = {"Idempotency-Key": "one-intent"}


@pytest.fixture
def to_bob(account: str) -> str:
    return f"{account}/chats/@bob_b/messages"


def lines(gateway: Gateway, action_id: str) -> list[tuple[str, str | None, str | None]]:
    """Return kind, status and code of every line of the log about an action, in its order."""
    log = (gateway.settings.data_dir / "audit.log").read_bytes().splitlines()
    about = [line for line in map(msgspec.json.decode, log) if line.get("op") == action_id]
    results = [line.get("res", {}) for line in about]
    return [
        (line["kind"], result.get("status"), result.get("code"))
        for line, result in zip(about, results, strict=True)
    ]


async def test_an_action_that_is_done_holds_what_it_answered(
    client: httpx.AsyncClient, to_bob: str, account: str
) -> None:
    sent = await client.post(to_bob, json={"text": "hi"})

    action = (await client.get(f"{API}/actions/{sent.headers['action-id']}")).json()

    assert action["status"] == "done"
    assert action["kind"] == "message:send"
    assert action["actionId"] == sent.headers["action-id"]
    assert action["accountId"] == account.rpartition("/")[2]
    assert action["result"] == sent.json()
    assert action["createdAt"] <= action["finishedAt"]
    assert "problem" not in action


async def test_an_action_that_telegram_refused_says_why(
    client: httpx.AsyncClient, account: str
) -> None:
    refused = await client.post(f"{account}/chats/@daily_news/messages", json={"text": "x"})

    action = (await client.get(f"{API}/actions/{refused.headers['action-id']}")).json()

    assert action["status"] == "failed"
    assert action["problem"] == refused.json()
    assert "result" not in action


async def test_an_action_that_was_never_sent_is_aborted(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    refused = await client.post(to_bob, json={"text": " "}, headers=KEY)

    action = (await client.get(f"{API}/actions/{refused.headers['action-id']}")).json()

    assert_problem(refused, 422, "validation_failed")
    assert action["status"] == "aborted"
    assert action["problem"]["code"] == "validation_failed"


@pytest.mark.short_deadlines
async def test_an_action_whose_outcome_nobody_knows_is_unknown_until_it_is_found_out(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
    lost = await client.post(to_bob, json={"text": "?"}, headers=KEY)
    path = f"{API}/actions/{lost.headers['action-id']}"

    unknown = (await client.get(path, params={"wait": 30})).json()
    found = await client.post(to_bob, json={"text": "?"}, headers=KEY)
    done = (await client.get(path)).json()

    assert unknown["status"] == "unknown"
    assert "finishedAt" not in unknown
    assert (done["status"], done["result"]) == ("done", found.json())


async def test_waiting_ends_with_the_action(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.5))
    sending = asyncio.create_task(client.post(to_bob, json={"text": "slow"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    busy = await client.post(to_bob, json={"text": "slow"}, headers=KEY)
    path = f"{API}/actions/{busy.headers['action-id']}"

    now = (await client.get(path)).json()
    started = time.monotonic()
    ended = (await client.get(path, params={"wait": 30})).json()

    assert_problem(busy, 409, "idempotency_in_progress")
    assert now["status"] == "dispatched"
    assert ended["status"] == "done"
    assert time.monotonic() - started < 20
    assert (await sending).json() == ended["result"]


async def test_waiting_has_its_own_end(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=3))
    sending = asyncio.create_task(client.post(to_bob, json={"text": "slow"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    busy = await client.post(to_bob, json={"text": "slow"}, headers=KEY)

    waited = await client.get(f"{API}/actions/{busy.headers['action-id']}", params={"wait": 1})

    assert waited.json()["status"] == "dispatched"
    assert (await sending).status_code == 201


async def test_waiting_ends_with_the_key_that_waits(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await agent.get(to_bob)
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=2.5))
    sending = asyncio.create_task(agent.post(to_bob, json={"text": "slow"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    busy = await agent.post(to_bob, json={"text": "slow"}, headers=KEY)
    path = f"{API}/actions/{busy.headers['action-id']}"
    waiting = asyncio.create_task(agent.get(path, params={"wait": 30}))
    await asyncio.sleep(0.2)

    await client.delete(f"{API}/agent-keys/{key_id}")
    waited = await waiting

    assert not sending.done()
    assert_problem(waited, 403, "access_denied")
    assert (await sending).status_code == 201


@pytest.mark.parametrize("wait", ["-1", "301", "soon"])
async def test_a_wait_out_of_range_is_refused(client: httpx.AsyncClient, wait: str) -> None:
    response = await client.get(f"{API}/actions/act_x", params={"wait": wait})

    assert_problem(response, 422, "validation_failed")


async def test_an_action_that_never_was_is_refused_like_somebody_elses(
    client: httpx.AsyncClient, to_bob: str, gateway: Gateway
) -> None:
    sent = await client.post(to_bob, json={"text": "mine"})
    agent = Principal(
        kind=PrincipalKind.AGENT_KEY,
        owner=gateway.owner,
        scopes=frozenset(),
        is_human=False,
        lineage="kl_other",
    )
    stranger = Principal(
        kind=PrincipalKind.JWT, owner=OwnerId("own_stranger"), scopes=frozenset(), is_human=True
    )

    never = await client.get(f"{API}/actions/act_aaaaaaaaaaaaaaaaaaaaaaaaaa")

    assert_problem(never, 403, "access_denied")
    for principal in (agent, stranger):
        with pytest.raises(AccessDenied):
            await read_action(
                gateway,
                principal,
                sent.headers["action-id"],
                wait_secs=0,
                may_ask=lambda _: True,
            )


async def test_every_answer_to_a_change_names_its_action(
    client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    await client.patch(account, json={"canSend": False})

    for path in (to_bob, f"{account}/chats/nobody here/messages"):
        refused = await client.post(path, json={"text": "x"})
        assert refused.status_code in {403, 404}
        assert refused.headers["action-id"].startswith("act_")
        assert refused.headers["action-id"] == refused.json()["actionId"]


async def test_a_change_leaves_its_intent_and_its_outcome_in_the_log(
    client: httpx.AsyncClient, to_bob: str, gateway: Gateway
) -> None:
    sent = await client.post(to_bob, json={"text": "hi"}, headers=KEY)
    await client.post(to_bob, json={"text": "hi"}, headers=KEY)

    assert lines(gateway, sent.headers["action-id"]) == [
        ("intent", None, None),
        ("outcome", "done", None),
        ("replay", "done", None),
    ]


@pytest.mark.short_deadlines
async def test_the_log_tells_an_unknown_outcome_from_the_one_that_was_found_out(
    client: httpx.AsyncClient, to_bob: str, gateway: Gateway, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
    lost = await client.post(to_bob, json={"text": "?"}, headers=KEY)
    await client.post(to_bob, json={"text": "?"}, headers=KEY)

    assert lines(gateway, lost.headers["action-id"]) == [
        ("intent", None, None),
        ("outcome", "unknown", "outcome_unknown"),
        ("outcome", "done", None),
    ]


async def test_a_closed_gate_is_written_down(
    client: httpx.AsyncClient, account: str, to_bob: str, gateway: Gateway
) -> None:
    await client.patch(account, json={"canSend": False})

    refused = await client.post(to_bob, json={"text": "x"})

    assert lines(gateway, refused.headers["action-id"]) == [
        ("denied", "denied", "sending_disabled")
    ]


async def test_the_log_names_what_was_made_and_never_what_was_said(
    client: httpx.AsyncClient, to_bob: str, gateway: Gateway
) -> None:
    sent = await client.post(to_bob, json={"text": "unmistakable"}, headers=KEY)
    log = (gateway.settings.data_dir / "audit.log").read_bytes()
    outcome: dict[str, Any] = [msgspec.json.decode(line) for line in log.splitlines()][-1]

    assert outcome["act"] == "message:send"
    assert outcome["res"]["ids"] == [sent.json()["id"]]
    assert outcome["tgt"].startswith("p:")
    for clear in (b"unmistakable", b"bob_b", KEY["Idempotency-Key"].encode()):
        assert clear not in log


@pytest.mark.parametrize(
    "narrower",
    [
        {"scopes": ["messages:read"]},
        {"chats": {"write": {"ids": [-1001]}}},
        {"chats": {"read": {"except": [777000]}, "write": {"ids": [777000]}}},
    ],
)
async def test_a_narrowed_key_reads_no_answer_that_it_would_not_get_again(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    to_bob: str,
    narrower: dict[str, Any],
) -> None:
    sent = await agent.post(to_bob, json={"text": "the plan"}, headers=KEY)
    path = f"{API}/actions/{sent.headers['action-id']}"
    before = (await agent.get(path)).json()
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    assert (await client.patch(f"{API}/agent-keys/{key_id}", json=narrower)).status_code == 200

    after = (await agent.get(path)).json()

    assert before["result"]["text"] == "the plan"
    assert (await agent.post(to_bob, json={"text": "the plan"}, headers=KEY)).status_code == 403
    assert after == {name: value for name, value in before.items() if name != "result"}
