"""`login`, `accounts`, `doctor` and `openapi`: on a data dir that nobody holds, and beside a running server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    DEADLINE_SECS,
    MASTER_KEY,
    OTHER_MASTER_KEY,
    SCRIPTS,
    SandboxControl,
    environment,
    run,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess


class Commands:
    """The commands on one data dir."""

    def __init__(self, data_dir: Path, sandbox: SandboxControl) -> None:
        self.data_dir = data_dir
        self.settings = {"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()}

    def run(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None
    ) -> CompletedProcess[str]:
        where = ("--data-dir", str(self.data_dir))
        done = run("vasya-server", *arguments, *where, stdin=stdin, cwd=cwd, settings=self.settings)
        assert "Traceback" not in done.stderr
        return done

    def account_ids(self) -> list[str]:
        listed = self.run("accounts", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        return [account["accountId"] for account in json.loads(listed.stdout)["items"]]

    @contextlib.contextmanager
    def beside_a_server(self, folder: Path) -> Iterator[None]:
        where = ("--data-dir", str(self.data_dir), "--port", "0")
        server = start(folder, "vasya-server", "serve", *where, settings=self.settings)
        server.line("LISTENING ")
        try:
            yield
        finally:
            assert server.stop() == 0


@pytest.fixture
def commands(tmp_path: Path, sandbox: SandboxControl) -> Commands:
    return Commands(tmp_path / "data", sandbox)


def user_with(sandbox: SandboxControl, *, password: bool) -> dict[str, str]:
    return next(user for user in sandbox.users if bool(user["password"]) is password)


def test_logging_in_by_code_prints_the_account_id(
    commands: Commands, sandbox: SandboxControl
) -> None:
    user = user_with(sandbox, password=False)
    done = commands.run("login", "--phone", user["phone"], stdin=f"{user['code']}\n")
    assert done.returncode == 0, done.stderr
    assert [done.stdout.strip()] == commands.account_ids()
    assert f"Logged in as {user['name']}" in done.stderr


def test_logging_in_asks_again_after_a_wrong_code_and_a_wrong_password(
    commands: Commands, sandbox: SandboxControl, tmp_path: Path
) -> None:
    user = user_with(sandbox, password=True)
    typed = f"{user['phone']}\n00000\n{user['code']}\nnot it\n{user['password']}\n"
    with commands.beside_a_server(tmp_path):
        done = commands.run("login", stdin=typed)
        accounts = commands.account_ids()
    assert done.returncode == 0, done.stderr
    assert [done.stdout.strip()] == accounts
    assert "The login code is wrong." in done.stderr
    assert "The two-step verification password is wrong." in done.stderr


def test_a_number_that_telegram_does_not_know_is_a_clear_refusal(commands: Commands) -> None:
    done = commands.run("login", "--phone", "+4912")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vasya-server: ")


def test_a_login_that_nobody_answers_needs_a_human(
    commands: Commands, sandbox: SandboxControl
) -> None:
    done = commands.run("login", "--phone", sandbox.users[0]["phone"])
    assert done.returncode == 77
    assert "Standard input ended where an answer was needed." in done.stderr


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_ctrl_c_at_a_question_ends_with_130_and_the_terminal_shows_what_is_typed_again(
    commands: Commands,
) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(SCRIPTS / "vasya-server"), "accounts", "import", "--data-dir", str(commands.data_dir)],
        env=environment(commands.settings),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 — no other way to get a controlling terminal
    )
    seen = b""
    while b"it is not shown" not in seen:
        seen += os.read(controller, 1024)
    time.sleep(0.1)
    os.write(controller, b"1secret\x03")
    assert process.wait(DEADLINE_SECS) == 130
    os.close(terminal)
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while chunk := os.read(controller, 1024):
            seen += chunk
    os.close(controller)
    assert process.stdout is not None
    assert process.stdout.read() == b""
    process.stdout.close()
    assert b"1secret" not in seen
    assert b"Traceback" not in seen


def test_an_exported_session_is_the_one_that_was_imported(
    commands: Commands, sandbox: SandboxControl
) -> None:
    session = sandbox.users[1]["session"]
    imported = commands.run("accounts", "import", stdin=f"{session}\n")
    assert imported.returncode == 0, imported.stderr
    exported = commands.run("accounts", "export", imported.stdout.strip(), "--yes")
    assert exported.stdout == f"{session}\n"
    assert "The session string is the account" in exported.stderr


def test_an_export_is_not_made_without_a_yes(
    commands: Commands, sandbox: SandboxControl, tmp_path: Path
) -> None:
    imported = commands.run("accounts", "import", stdin=f"{sandbox.users[2]['session']}\n")
    unasked = commands.run("accounts", "export", "me")
    with commands.beside_a_server(tmp_path):
        beside = commands.run("accounts", "export", "me", "--yes")
    assert imported.returncode == 0, imported.stderr
    assert (unasked.returncode, unasked.stdout) == (77, "")
    assert (beside.returncode, beside.stdout) == (75, "")
    assert "holds the data dir" in beside.stderr


@pytest.mark.parametrize("is_beside", [False, True], ids=["alone", "beside a server"])
def test_a_wrong_field_is_named_with_what_would_be_right(
    commands: Commands, tmp_path: Path, *, is_beside: bool
) -> None:
    with commands.beside_a_server(tmp_path) if is_beside else contextlib.nullcontext():
        login = commands.run("login", "--phone", "+1")
        bring = commands.run("accounts", "import", stdin="garbage\n")
    assert (login.returncode, login.stdout) == (1, "")
    assert "\n  phone: wrong form (allowed: the number with its country code" in login.stderr
    assert (bring.returncode, bring.stdout) == (1, "")
    assert "\n  session: wrong length (allowed: 16..1024 characters)\n" in bring.stderr


def test_an_account_where_there_is_none_is_told_how_to_get_one(commands: Commands) -> None:
    done = commands.run("accounts", "remove", "me", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("There is no account yet: vasya-server login brings one.\n")


def test_a_token_that_cannot_be_one_is_refused(commands: Commands, tmp_path: Path) -> None:
    with commands.beside_a_server(tmp_path):
        commands.settings["VASYA_TOKEN"] = "two\nlines"
        done = commands.run("accounts", "list")
    assert (done.returncode, done.stdout) == (78, "")
    assert "VASYA_TOKEN is no token" in done.stderr


def test_what_is_no_session_string_is_not_imported(commands: Commands) -> None:
    done = commands.run("accounts", "import", stdin="1" + "A" * 352 + "\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "AAAA" not in done.stderr


@pytest.mark.parametrize("is_beside", [False, True], ids=["alone", "beside a server"])
def test_accounts_are_listed_and_removed(
    commands: Commands, sandbox: SandboxControl, tmp_path: Path, *, is_beside: bool
) -> None:
    user = user_with(sandbox, password=False)
    login = commands.run("login", "--phone", user["phone"], stdin=f"{user['code']}\n")
    account = login.stdout.strip()
    with commands.beside_a_server(tmp_path) if is_beside else contextlib.nullcontext():
        table = commands.run("accounts", "list").stdout
        removed = commands.run("accounts", "remove", account, "--yes")
        left = commands.account_ids()
    assert account in table
    assert user["phone"] not in table
    assert removed.returncode == 0, removed.stderr
    assert left == []


def test_an_account_that_is_not_there_needs_a_human(commands: Commands) -> None:
    done = commands.run("accounts", "remove", "acc_" + "a" * 26, "--yes")
    assert (done.returncode, done.stdout) == (77, "")
    assert "no access to that resource" in done.stderr


def results(done: CompletedProcess[str]) -> dict[str, str]:
    return {check["name"]: check["result"] for check in json.loads(done.stdout)["checks"]}


def test_the_doctor_finds_nothing_wrong_beside_a_running_server(
    commands: Commands, tmp_path: Path
) -> None:
    with commands.beside_a_server(tmp_path):
        done = commands.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert set(results(done).values()) == {"ok"}


def says_of_the_key(done: CompletedProcess[str]) -> tuple[str, str]:
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    return checks["master key"]["result"], checks["master key"]["says"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the WAL's index, which is no data: whoever opens a WAL builds it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".db-shm"}


def leave_a_data_dir(commands: Commands, folder: Path, number: int) -> None:
    where = ("--data-dir", str(commands.data_dir), "--port", "0")
    server = start(folder, "vasya-server", "serve", *where, settings=commands.settings)
    server.line("LISTENING ")
    server.stop(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_doctor_tells_the_key_of_the_data_dir_from_another_and_changes_nothing(
    commands: Commands, tmp_path: Path, number: int
) -> None:
    leave_a_data_dir(commands, tmp_path, number)
    before = contents(commands.data_dir)
    right = commands.run("doctor", "--json", cwd=tmp_path)
    commands.settings["SESSION_MASTER_KEY"] = OTHER_MASTER_KEY
    wrong = commands.run("doctor", "--json", cwd=tmp_path)
    assert contents(commands.data_dir) == before
    assert says_of_the_key(right)[0] == "ok"
    assert "it is the one that sealed this data dir" in says_of_the_key(right)[1]
    assert wrong.returncode == 1
    assert says_of_the_key(wrong) == (
        "fail",
        "The session master key is not the one that sealed this data dir; nothing was changed.",
    )


def test_the_doctor_tells_another_key_beside_a_running_server(
    commands: Commands, tmp_path: Path
) -> None:
    with commands.beside_a_server(tmp_path):
        commands.settings["SESSION_MASTER_KEY"] = OTHER_MASTER_KEY
        done = commands.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert says_of_the_key(done)[0] == "fail"


def test_the_doctor_says_when_nothing_is_sealed_yet(commands: Commands, tmp_path: Path) -> None:
    done = commands.run("doctor", "--json", cwd=tmp_path)
    assert "nothing is sealed here yet" in says_of_the_key(done)[1]


def test_the_doctor_says_when_the_database_is_none(commands: Commands, tmp_path: Path) -> None:
    commands.data_dir.mkdir(mode=0o700)
    (commands.data_dir / "vasya.db").write_bytes(b"no database" * 500)
    (commands.data_dir / "vasya.db").chmod(0o600)
    done = commands.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert says_of_the_key(done)[0] == "fail"
    assert "cannot be read" in says_of_the_key(done)[1]


def test_the_doctor_survives_what_is_no_data_dir(commands: Commands, tmp_path: Path) -> None:
    commands.data_dir.write_text("a file")
    done = commands.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert results(done)["data dir"] == "fail"


def test_the_doctor_finds_open_files_and_sessions_in_clear(
    commands: Commands, sandbox: SandboxControl, tmp_path: Path
) -> None:
    commands.data_dir.mkdir(mode=0o700)
    note = commands.data_dir / "note.txt"
    note.write_text(f"session={sandbox.users[0]['session']}\n")
    note.chmod(0o644)
    (tmp_path / "anon.session").touch()
    done = commands.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert (results(done)["data dir"], results(done)["plaintext"]) == ("fail", "fail")
    assert "note.txt" in done.stdout
    assert "anon.session" in done.stdout
    assert sandbox.users[0]["session"] not in done.stdout


def test_the_doctor_says_when_telegram_cannot_be_reached(
    commands: Commands, sandbox: SandboxControl, tmp_path: Path
) -> None:
    # Port 9 of loopback: nobody listens there.
    commands.settings["VASYA_TELEGRAM_DC"] = f"{sandbox.info['dcId']}@127.0.0.1:9"
    done = commands.run("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "fail  telegram: data centre 2 at 127.0.0.1:9 cannot be reached" in done.stdout


def test_the_doctor_names_the_proxy_behind_which_the_server_leaves_loopback(
    commands: Commands, tmp_path: Path
) -> None:
    commands.settings |= {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo",
        "VASYA_HOST": "0.0.0.0",  # noqa: S104 — behind a proxy
        "VASYA_PUBLIC_URL": "https://vasya.example",
        "VASYA_TRUSTED_PROXIES": "172.18.0.2",
    }
    done = commands.run("doctor", cwd=tmp_path)
    assert (
        "ok    bind address: 0.0.0.0, behind a proxy as https://vasya.example"
        in done.stdout.splitlines()
    )


def test_the_document_describes_what_the_server_serves() -> None:
    done = run("vasya-server", "openapi")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/whoami" in document["paths"]


def test_nobody_at_the_other_end_of_a_pipe_is_no_traceback() -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{SCRIPTS}/vasya-server openapi | true"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
