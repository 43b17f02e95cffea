"""`vasya-server lockdown` and `settings`: alone, beside a server, and across a kill with a full disk."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import Api, start, writer_of
from tests.e2e.test_commands import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.processes import Process, SandboxControl

# Less than one page of the database: nothing can be stored, and the reserve has its room.
NO_ROOM_BYTES = 3000


@pytest.fixture
def commands(tmp_path: Path, sandbox: SandboxControl) -> Commands:
    return Commands(tmp_path / "data", sandbox)


def shown(send_gate: str) -> str:
    """Return what is printed of settings of which nobody set more than the gate."""
    return (
        f"send-gate             {send_gate}\n"
        "time-zone             UTC\n"
        "takeover-secs         0\n"
        "event-retention-secs  604800\n"
        "webhook-content       off\n"
        "disabled-scopes       none\n"
        "pacing                human\n"
        "owner-chat            off\n"
        "owner-chat-account    none\n"
        "owner-chat-digest     off\n"
    )


@pytest.mark.parametrize("is_beside", [False, True], ids=["alone", "beside a server"])
def test_a_lockdown_closes_the_gate_until_a_human_opens_it(
    commands: Commands, tmp_path: Path, *, is_beside: bool
) -> None:
    with commands.beside_a_server(tmp_path) if is_beside else contextlib.nullcontext():
        locked = commands.run("lockdown", "--json")
        printed = commands.run("settings", "show")
        opened = commands.run("settings", "set", "send-gate=on", "time-zone=Asia/Tokyo", "--json")

    assert locked.returncode == 0, locked.stderr
    assert json.loads(locked.stdout)["isLockedDown"] is True
    assert (printed.returncode, printed.stdout) == (0, shown("off"))
    assert json.loads(opened.stdout) == {
        "sendGate": "on",
        "timeZone": "Asia/Tokyo",
        "eventRetentionSecs": 604800,
    }


def test_a_lockdown_says_how_to_go_back(commands: Commands) -> None:
    done = commands.run("lockdown")

    assert done.returncode == 0, done.stderr
    assert "Locked down" in done.stdout
    assert "vasya-server settings set send-gate=on" in done.stderr


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        (("send-gate=maybe",), 1),
        (("time-zone=Europe/Atlantis",), 1),
        (("pacing=slow",), 2),
        (("disabled-scopes=messages:shout",), 1),
        (("event-retention-secs=60",), 1),
        (("event-retention-secs=long",), 2),
        (("webhook-content=maybe",), 2),
        (("send-gate",), 2),
        (("send-gate=",), 2),
        ((), 2),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(
    commands: Commands, pairs: tuple[str, ...], code: int
) -> None:
    done = commands.run("settings", "set", *pairs)

    assert (done.returncode, done.stdout) == (code, "")
    assert commands.run("settings", "show").stdout == shown("on")


def test_a_killed_server_comes_back_locked_down_though_its_disk_was_full(
    commands: Commands, tmp_path: Path
) -> None:
    server = serve(commands, tmp_path)
    api = published(commands)
    for pid in (server.pid, writer_of(server.pid)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (NO_ROOM_BYTES, NO_ROOM_BYTES))

    status, locked = api.call("POST", "/lockdown")
    server.stop(signal.SIGKILL)
    server = serve(commands, tmp_path)
    api = published(commands)
    settings = api.get("/settings")
    acts = [
        (entry["action"], entry["kind"])
        for entry in api.get("/audit?action=lockdown:begin")["items"]
    ]
    server.stop()

    assert status == 200, locked
    assert settings["sendGate"] == "off"
    assert acts == [("lockdown:begin", "outcome"), ("lockdown:begin", "intent")]


def serve(commands: Commands, folder: Path) -> Process:
    where = ("--data-dir", str(commands.data_dir), "--port", "0")
    server = start(folder, "vasya-server", "serve", *where, settings=commands.settings)
    server.line("LISTENING ")
    return server


def published(commands: Commands) -> Api:
    """Return the API as a program on this machine finds it."""
    told = json.loads((commands.data_dir / "embedded.json").read_text())
    return Api(told["url"], told["token"])
