"""`vasya-server actions`, on a data dir that nobody holds and beside a running server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.processes import exchange
from tests.e2e.test_commands import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.processes import SandboxControl

SAVED = "/api/v1/accounts/me/chats/me/messages"


@pytest.fixture
def commands(tmp_path: Path, sandbox: SandboxControl) -> Commands:
    made = Commands(tmp_path / "data", sandbox)
    imported = made.run("accounts", "import", stdin=f"{sandbox.users[0]['session']}\n")
    assert imported.returncode == 0, imported.stderr
    return made


def ask(commands: Commands, *texts: str) -> list[dict[str, Any]]:
    """Have an agent ask a running server for sends that a human is asked about."""
    rules = ("--approval", "messages:send=always", "--approval-ttl", "2h")
    made = commands.run(
        "keys", "create", "--name", "Helper", "--preset", "assistant", "--account", "me", *rules
    )
    assert made.returncode == 0, made.stderr
    url = json.loads((commands.data_dir / "embedded.json").read_text())["url"]
    headers = {
        "Authorization": f"Bearer {made.stdout.strip()}",
        "Content-Type": "application/json",
    }
    asked = []
    for text in texts:
        status, action = exchange("POST", url + SAVED, {"text": text, "format": "plain"}, headers)
        assert status == 202, action
        asked.append(action)
    return asked


def saved(sandbox: SandboxControl) -> list[str]:
    me = sandbox.users[0]["id"]
    found = sandbox.ask("GET", f"/messages?user={me}&chat={me}&limit=60")["messages"]
    return [message["text"] for message in found]


def test_a_person_decides_beside_a_server_and_without_one(
    commands: Commands, tmp_path: Path, sandbox: SandboxControl
) -> None:
    with commands.beside_a_server(tmp_path):
        one, two, three, four = ask(commands, "first\nline", "second", "third", "fourth")
        listed = commands.run("actions", "list", "--status", "awaiting_approval")
        approved = commands.run("actions", "approve", one["actionId"], "--yes")
        again = commands.run("actions", "approve", one["actionId"], "--yes")
    shown = commands.run("actions", "show", two["actionId"])
    other = ("--digest", three["digest"])
    stale = commands.run("actions", "approve", two["actionId"], "--yes", *other)
    unasked = commands.run("actions", "approve", two["actionId"])
    alone = commands.run("actions", "approve", two["actionId"], "--yes", "--digest", two["digest"])
    rejected = commands.run("actions", "reject", three["actionId"])
    cancelled = commands.run("actions", "cancel", four["actionId"])
    everything = commands.run("actions", "list", "--json")
    assert everything.returncode == 0, everything.stderr
    told = json.loads(everything.stdout)["items"]
    as_json = json.loads(commands.run("actions", "show", four["actionId"], "--json").stdout)

    assert listed.stdout.startswith("ACTION ")
    assert len(listed.stdout.splitlines()) == 5
    assert (approved.returncode, again.returncode) == (0, 1)
    assert "text:      first\n           line\n" in approved.stdout
    assert f"{one['actionId']} is done." in approved.stderr
    assert f"digest:    {two['digest']}" in shown.stdout
    assert "chat:      Saved Messages" in shown.stdout
    assert stale.returncode == 1
    assert "vasya-server actions show" in stale.stderr
    assert unasked.returncode == 77
    assert "--yes" in unasked.stderr
    assert (alone.returncode, rejected.returncode, cancelled.returncode) == (0, 0, 0)
    assert [action["status"] for action in told] == ["cancelled", "rejected", "done", "done"]
    assert as_json == told[0]
    texts = saved(sandbox)
    assert [texts.count(text) for text in ("first\nline", "second", "third", "fourth")] == [
        1,
        1,
        0,
        0,
    ]


def test_a_rule_without_a_scope_is_a_mistake(commands: Commands) -> None:
    everything = ("keys", "create", "--name", "x", "--all-accounts", "--preset", "assistant")
    malformed = commands.run(*everything, "--approval", "always")
    unknown = commands.run(*everything, "--approval", "messages:send=sometimes")
    made = commands.run(*everything, "--approval", "messages:send=first_contact", "--json")
    shown = commands.run("keys", "show", json.loads(made.stdout)["id"])

    assert malformed.returncode == 2
    assert unknown.returncode == 1
    assert "approval" in unknown.stderr
    assert "asks you:     messages:send: first_contact" in shown.stdout
