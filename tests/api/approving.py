"""Asking for a change that a human is asked about, and deciding about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.api.conftest import API

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene

KEY = {"Idempotency-Key": "one-intent"}
ALWAYS = {"approval": {"messages:send": "always"}}
TEXT = {"text": "may I?", "format": "plain"}


async def ask(agent: httpx.AsyncClient, path: str, **more: Any) -> dict[str, Any]:
    """Ask for a send and return the action that waits."""
    asked = await agent.post(path, **{"json": TEXT, "headers": KEY, **more})
    assert asked.status_code == 202, asked.text
    action: dict[str, Any] = asked.json()
    return action


async def approve(client: httpx.AsyncClient, action: dict[str, Any]) -> httpx.Response:
    path = f"{API}/actions/{action['actionId']}/approve"
    return await client.post(path, json={"digest": action["digest"]})


async def decide(client: httpx.AsyncClient, action: dict[str, Any], how: str) -> httpx.Response:
    return await client.post(f"{API}/actions/{action['actionId']}/{how}")


async def stands(client: httpx.AsyncClient, action: dict[str, Any]) -> str:
    return str((await client.get(f"{API}/actions/{action['actionId']}")).json()["status"])


def of_alice(scene: Scene, other: Any) -> list[str]:
    """Return what Alice has written into a chat, oldest first."""
    ids = scene.world.ids(scene.alice, other)
    found = [scene.world.message(scene.alice, other, each) for each in ids]
    return [m.text for m in found if m is not None and m.author_id == scene.alice.id]


def lines(log: Path, action_id: str) -> list[tuple[str, str, str | None]]:
    """Return kind, act and status of every line of the log about an action, in its order."""
    about = map(msgspec.json.decode, log.read_bytes().splitlines())
    return [
        (line["kind"], line["act"], line.get("res", {}).get("status"))
        for line in about
        if line.get("op") == action_id
    ]
