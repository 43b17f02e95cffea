"""`vasya-server keys`, on a data dir that nobody holds and beside a running server."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_commands import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.processes import SandboxControl

SECRET = re.compile(r"vk_(ak[0-9a-f]{16})_[0-9a-f]{72}\n")


@pytest.fixture
def commands(tmp_path: Path, sandbox: SandboxControl) -> Commands:
    made = Commands(tmp_path / "data", sandbox)
    imported = made.run("accounts", "import", stdin=f"{sandbox.users[0]['session']}\n")
    assert imported.returncode == 0, imported.stderr
    return made


@pytest.mark.parametrize("is_beside", [False, True], ids=["alone", "beside a server"])
def test_a_key_is_made_shown_once_and_taken_away(
    commands: Commands, tmp_path: Path, *, is_beside: bool
) -> None:
    with commands.beside_a_server(tmp_path) if is_beside else contextlib.nullcontext():
        limits = ("--account", "me", "--read", "me", "--read=-100123", "--write", "me")
        made = commands.run(
            *("keys", "create", "--name", "Helper", "--preset", "drafter", *limits, "--for", "30d"),
            *("--scope", "messages:delete"),
        )
        assert made.returncode == 0, made.stderr
        secret = SECRET.fullmatch(made.stdout)
        assert secret is not None, made.stdout
        key_id = secret[1]
        listed = commands.run("keys", "list")
        shown = commands.run("keys", "show", key_id)
        rotated = commands.run("keys", "rotate", key_id, "--grace", "10m", "--json")
        revoked = commands.run("keys", "revoke", key_id)
        told = json.loads(commands.run("keys", "show", key_id, "--json").stdout)

    assert "the only time that it is shown" in made.stderr
    assert re.search(rf"^KEY .*\n{key_id} .* never .* 1 .* listed .* Helper\n$", listed.stdout)
    assert "may write to: " in shown.stdout
    assert re.search(r"^scopes: .*messages:delete, messages:draft", shown.stdout, re.MULTILINE)
    assert made.stdout.strip() not in listed.stdout + shown.stdout
    successor = json.loads(rotated.stdout)
    assert successor["secret"].startswith(f"vk_{successor['id']}_")
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert told["isRevoked"] is True
    assert told["accountIds"] == commands.account_ids()
    assert told["chats"]["read"]["ids"][0] == -100123


def test_a_key_is_given_budgets(commands: Commands) -> None:
    who = ("keys", "create", "--name", "x", "--preset", "assistant", "--account", "me")
    made = commands.run(*who, "--sends-per-day", "20", "--new-chats-per-day", "0", "--json")
    wrong = commands.run(*who, "--sends-per-day", "-1")

    told = json.loads(made.stdout)
    assert told["budgets"] == {"sendsPerDay": 20, "newChatsPerDay": 0}
    shown = commands.run("keys", "show", told["id"]).stdout
    assert "budgets:      20 messages, 0 new chats in any 24 hours" in shown
    assert wrong.returncode == 2


def test_whom_a_key_reaches_is_never_left_to_a_default(commands: Commands) -> None:
    nothing = commands.run("keys", "create", "--name", "x", "--preset", "reader")
    both = commands.run(
        "keys", "create", "--name", "x", "--preset", "reader", "--account", "me", "--all-accounts"
    )
    whole = commands.run(
        "keys", "create", "--name", "x", "--preset", "reader", "--all-accounts", "--json"
    )

    assert (nothing.returncode, both.returncode) == (2, 2)
    assert "--account --all-accounts is required" in nothing.stderr
    assert "accountIds" not in json.loads(whole.stdout)


def test_what_the_gateway_refuses_is_told_and_makes_no_key(commands: Commands) -> None:
    everything = ("keys", "create", "--name", "x", "--all-accounts")
    no_scope = commands.run(*everything, "--scope", "messages:sned")
    none = commands.run("keys", "revoke", "ak0000000000000000")
    span = commands.run(*everything, "--preset", "reader", "--for", "a month")
    listed = commands.run("keys", "list", "--json")

    assert (no_scope.returncode, no_scope.stdout) == (1, "")
    assert "scopes/0: unknown (allowed: accounts:delete, " in no_scope.stderr
    assert none.returncode == 77
    assert "vasya-server keys list" in none.stderr
    assert span.returncode == 2
    assert json.loads(listed.stdout) == {"items": []}
