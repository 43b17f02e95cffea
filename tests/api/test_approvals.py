"""A change that a human is asked about first: what waits, what is shown, and that it is done once, or never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.api.conftest import API

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

KEY = {"Idempotency-Key": "one-intent"}
ALWAYS = {"approval": {"messages:send": "always"}}
TEXT = {"text": "may I?", "format": "plain"}


@pytest.fixture
async def asking(with_key: WithKey) -> httpx.AsyncClient:
    """Return a client of a key with every scope, whose sends are all asked about."""
    return await with_key(**ALWAYS)


async def ask(agent: httpx.AsyncClient, path: str, **more: Any) -> dict[str, Any]:
    """Ask for a send and return the action that waits."""
    asked = await agent.post(path, json=TEXT, headers=KEY, **more)
    assert asked.status_code == 202, asked.text
    action: dict[str, Any] = asked.json()
    return action


async def approve(client: httpx.AsyncClient, action: dict[str, Any]) -> httpx.Response:
    path = f"{API}/actions/{action['actionId']}/approve"
    return await client.post(path, json={"digest": action["digest"]})


async def stands(client: httpx.AsyncClient, action: dict[str, Any]) -> str:
    return str((await client.get(f"{API}/actions/{action['actionId']}")).json()["status"])


def texts(scene: Scene, other: Any) -> list[str]:
    return [message.text for message in scene.world.history(scene.alice, other)]


def lines(log: Path, action_id: str) -> list[tuple[str, str, str | None]]:
    """Return kind, act and status of every line of the log about an action, in its order."""
    about = [line for line in map(msgspec.json.decode, log.read_bytes().splitlines())]
    return [
        (line["kind"], line["act"], line.get("res", {}).get("status"))
        for line in about
        if line.get("op") == action_id
    ]


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
