"""A change that a human is asked about first: what waits, what is shown, and that it is done once, or never."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.approving import (
    ALWAYS,
    KEY,
    TEXT,
    approve,
    ask,
    decide,
    lines,
    of_alice,
    stands,
)
from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def asking(with_key: WithKey) -> httpx.AsyncClient:
    """Return a client of a key with every scope, whose sends are all asked about."""
    return await with_key(**ALWAYS)


async def test_what_is_asked_about_waits_and_has_not_happened(
    asking: httpx.AsyncClient, account: str, to_bob: str, scene: Scene, dc: DataCentre, log: Path
) -> None:
    asked = await asking.post(to_bob, json=TEXT, headers=KEY)

    action = asked.json()
    assert asked.status_code == 202
    assert asked.headers["action-id"] == action["actionId"]
    assert action["status"] == "awaiting_approval"
    assert action["kind"] == "message:send"
    assert action["accountId"] == account.rpartition("/")[2]
    assert action["keyId"] == (await asking.get(f"{API}/whoami")).json()["keyId"]
    assert len(action["digest"]) == 64
    assert action["createdAt"] < action["expiresAt"]
    assert action["preview"] == {
        "kind": "message:send",
        "accountId": action["accountId"],
        "chat": {"id": scene.bob.id, "type": "user", "title": "Bob", "username": "bob_b"},
        "text": "may I?",
        "format": "plain",
        "isReversible": True,
    }
    assert dc.requests["messages.SendMessage"] == 0
    assert lines(log, action["actionId"]) == [("asked", "message:send", "awaiting_approval")]
    assert b"may I" not in log.read_bytes()


async def test_what_is_approved_is_done_once_and_answers_the_request(
    asking: httpx.AsyncClient,
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    log: Path,
) -> None:
    action = await ask(asking, to_bob)

    approved = await approve(client, action)
    again = await asking.post(to_bob, json=TEXT, headers=KEY)

    told = approved.json()
    assert (approved.status_code, told["status"], told["decidedBy"]) == (200, "done", "embedded")
    assert told["result"]["text"] == "may I?"
    assert told["createdAt"] <= told["decidedAt"] <= told["finishedAt"]
    assert (again.status_code, again.json()) == (201, told["result"])
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"].endswith(f"/messages/{told['result']['id']}")
    assert dc.requests["messages.SendMessage"] == 1
    assert lines(log, action["actionId"]) == [
        ("asked", "message:send", "awaiting_approval"),
        ("decided", "action:approve", "started"),
        ("intent", "message:send", None),
        ("outcome", "message:send", "done"),
        ("replay", "message:send", "done"),
    ]


async def test_a_repetition_of_what_waits_is_told_that_it_waits(
    asking: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    action = await ask(asking, to_bob)

    again = await asking.post(to_bob, json=TEXT, headers=KEY)
    other = await asking.post(to_bob, json={"text": "something else"}, headers=KEY)

    assert (again.status_code, again.json()) == (202, action)
    assert again.headers["idempotency-replayed"] == "true"
    assert_problem(other, 422, "idempotency_key_reused")
    assert dc.requests["messages.SendMessage"] == 0


async def test_another_digest_decides_nothing(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    action = await ask(asking, to_bob)

    wrong = await approve(client, {**action, "digest": "0" * 64})
    malformed = await approve(client, {**action, "digest": "0"})

    assert_problem(wrong, 409, "action_stale")
    assert_problem(malformed, 422, "validation_failed")
    assert await stands(client, action) == "awaiting_approval"
    assert dc.requests["messages.SendMessage"] == 0


async def test_of_many_approvals_one_is_carried_out(
    asking: httpx.AsyncClient,
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
) -> None:
    action = await ask(asking, to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.3))

    answers = await asyncio.gather(*(approve(client, action) for _ in range(5)))
    late = await approve(client, action)

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"action_state"}
    assert_problem(late, 409, "action_state")
    assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_what_is_rejected_is_never_sent(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, dc: DataCentre, log: Path
) -> None:
    action = await ask(asking, to_bob)

    rejected = await decide(client, action, "reject")
    repeated = await decide(client, action, "reject")

    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    assert rejected.json()["decidedBy"] == "embedded"
    assert repeated.json() == rejected.json()
    assert_problem(await approve(client, action), 409, "action_state")
    refused = assert_problem(await asking.post(to_bob, json=TEXT, headers=KEY), 409, "action_state")
    assert refused["actionId"] == action["actionId"]
    assert dc.requests["messages.SendMessage"] == 0
    assert lines(log, action["actionId"]) == [
        ("asked", "message:send", "awaiting_approval"),
        ("decided", "action:reject", "rejected"),
    ]


async def test_who_asked_may_take_it_back(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    action = await ask(asking, to_bob)

    cancelled = await decide(asking, action, "cancel")

    assert (cancelled.json()["status"], cancelled.json()["decidedBy"]) == ("cancelled", "agent_key")
    assert_problem(await approve(client, action), 409, "action_state")
    assert_problem(await asking.post(to_bob, json=TEXT, headers=KEY), 409, "action_state")
    assert dc.requests["messages.SendMessage"] == 0


async def test_what_is_done_is_not_called_off(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)
    await approve(client, action)

    assert_problem(await decide(client, action, "reject"), 409, "action_state")
    assert_problem(await decide(asking, action, "cancel"), 409, "action_state")
    assert await stands(client, action) == "done"


async def test_what_was_never_asked_about_is_not_decided(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    sent = await client.post(to_bob, json=TEXT)
    action = {"actionId": sent.headers["action-id"], "digest": "0" * 64}

    assert_problem(await approve(client, action), 409, "action_state")
    assert_problem(await decide(client, action, "cancel"), 409, "action_state")
    never = {"actionId": "act_aaaaaaaaaaaaaaaaaaaaaaaaaa", "digest": "0" * 64}
    assert_problem(await approve(client, never), 403, "access_denied")


async def test_humans_are_never_asked(client: httpx.AsyncClient, to_bob: str) -> None:
    assert (await client.post(to_bob, json=TEXT)).status_code == 201


async def test_a_first_contact_is_asked_about_and_a_known_chat_is_not(
    with_key: WithKey, client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    stranger = scene.world.add_user("Dan", None, "dan_d", phone="99966210004")
    agent = await with_key(approval={"messages:send": "first_contact"})
    to_stranger = f"{account}/chats/@dan_d/messages"

    known = await agent.post(to_bob, json=TEXT)
    first = await agent.post(to_stranger, json=TEXT, headers=KEY)
    mine = await agent.post(f"{account}/chats/me/messages", json=TEXT)

    assert (known.status_code, mine.status_code) == (201, 201)
    assert first.status_code == 202, first.text
    assert first.json()["preview"]["isFirstContact"] is True
    assert first.json()["preview"]["chat"]["id"] == stranger.id
    assert (await approve(client, first.json())).json()["status"] == "done"
    assert (await agent.post(to_stranger, json={"text": "and again"})).status_code == 201


async def test_a_chat_that_wrote_first_is_known(
    with_key: WithKey, account: str, scene: Scene
) -> None:
    stranger = scene.world.add_user("Dan", None, "dan_d", phone="99966210004")
    scene.world.post(stranger, scene.alice, "hello, you do not know me")
    agent = await with_key(approval={"messages:send": "first_contact"})

    assert (await agent.post(f"{account}/chats/@dan_d/messages", json=TEXT)).status_code == 201


async def test_a_chat_that_may_be_read_and_not_written_to_is_asked_about(
    with_key: WithKey, client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    lists = {"read": {"ids": [scene.bob.id, scene.carol.id]}, "write": {"ids": [scene.bob.id]}}
    agent = await with_key(chats=lists, approval={"messages:send": "outside_write"})
    strict = await with_key(chats=lists)
    to_carol = f"{account}/chats/{scene.carol.id}/messages"
    to_group = f"{account}/chats/{scene.group.peer_id}/messages"

    inside = await agent.post(to_bob, json=TEXT)
    outside = await agent.post(to_carol, json=TEXT, headers=KEY)

    assert inside.status_code == 201
    assert outside.status_code == 202
    assert outside.json()["preview"]["chat"]["title"] == "Кэрол"
    assert_problem(await agent.post(to_group, json=TEXT), 403, "chat_not_allowed")
    assert_problem(await strict.post(to_carol, json=TEXT), 403, "chat_not_allowed")
    pin = await agent.delete(f"{account}/chats/{scene.carol.id}/messages/1/reaction")
    assert_problem(pin, 403, "chat_not_allowed")
    assert (await approve(client, outside.json())).json()["status"] == "done"
    told = (await agent.get(f"{API}/actions/{outside.json()['actionId']}")).json()
    assert told["result"]["text"] == "may I?"


async def test_a_human_is_told_the_name_of_a_chat_that_the_key_may_not_read(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(
        chats={"read": {"except": [scene.bob.id]}, "write": {"ids": [scene.bob.id]}}, **ALWAYS
    )

    action = await ask(agent, to_bob)
    shown = (await client.get(f"{API}/actions/{action['actionId']}")).json()

    assert action["preview"]["chat"] == {"id": scene.bob.id}
    assert shown["preview"]["chat"]["title"] == "Bob"
    assert (await approve(client, shown)).json()["status"] == "done"


@pytest.mark.parametrize(
    ("change", "body", "scope", "kind"),
    [
        (
            "POST messages/forward",
            {"fromChat": "@bob_b", "messageIds": [0]},
            "messages:forward",
            "message:forward",
        ),
        ("PATCH messages/{mine}", {"text": "other"}, "messages:send", "message:edit"),
        ("DELETE messages/{mine}?forEveryone=true", None, "messages:delete", "message:delete"),
        (
            "POST messages/delete",
            {"ids": [0], "forEveryone": True},
            "messages:delete",
            "message:delete",
        ),
        ("PUT messages/{mine}/pin", None, "messages:send", "message:pin"),
        ("DELETE messages/{mine}/pin", None, "messages:send", "message:unpin"),
        ("PUT messages/{mine}/reaction", {"emoji": "👍"}, "messages:react", "message:react"),
        ("DELETE messages/{mine}/reaction", None, "messages:react", "message:unreact"),
        ("POST read", None, "messages:react", "chat:read"),
        ("POST typing", None, "messages:react", "chat:typing"),
    ],
)
async def test_every_change_at_telegram_is_asked_about_and_done_when_approved(
    with_key: WithKey,
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    change: str,
    body: dict[str, Any] | None,
    scope: str,
    kind: str,
) -> None:
    mine = scene.world.ids(scene.alice, scene.bob)[-1]
    for name in ("messageIds", "ids"):
        if body and name in body:
            body = {**body, name: [mine]}
    agent = await with_key(approval={scope: "always"})
    method, path = change.split()
    url = f"{account}/chats/@bob_b/{path.format(mine=mine)}"

    asked = await agent.request(method, url, json=body, headers=KEY)
    done = await approve(client, asked.json())
    again = await agent.request(method, url, json=body, headers=KEY)

    assert (asked.status_code, asked.json()["kind"]) == (202, kind)
    assert (done.status_code, done.json()["status"]) == (200, "done"), done.text
    assert again.status_code in {200, 201, 204}
    assert again.headers["idempotency-replayed"] == "true"


async def test_what_would_be_refused_anyway_is_not_asked_about(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    too_long = await asking.post(to_bob, json={"text": "x" * 5000})
    nowhere = await asking.patch(f"{to_bob}/4711", json={"text": "x"})
    await client.patch(account, json={"canSend": False})
    gated = await asking.post(to_bob, json=TEXT)

    assert_problem(too_long, 422, "validation_failed")
    assert_problem(nowhere, 404, "message_not_found")
    assert_problem(gated, 403, "sending_disabled")
    assert (await client.get(f"{API}/actions")).json() == {"items": []}


async def test_a_dry_run_says_that_a_human_is_asked(
    asking: httpx.AsyncClient, to_bob: str, client: httpx.AsyncClient
) -> None:
    told = (await asking.post(f"{to_bob}?dryRun=true", json=TEXT)).json()

    assert told["wouldExecute"] is False
    (reason,) = told["reasons"]
    assert reason["code"] == "approval_required"
    assert "202" in reason["remedy"]
    assert (await client.get(f"{API}/actions")).json() == {"items": []}
