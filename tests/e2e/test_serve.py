"""`vasya-server serve` over its life: start, hand-over, kill, restart, stop."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    MASTER_KEY,
    Api,
    Process,
    SandboxControl,
    arguments_of,
    run,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "vl_" + "5a" * 32


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxControl) -> Path:
    """A data dir with the sandbox's first user in it."""
    path = tmp_path_factory.mktemp("serve") / "data"
    done = run(
        *("vasya-server", "accounts", "import", "--data-dir", str(path)),
        stdin=sandbox.users[0]["session"] + "\n",
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    assert done.returncode == 0, done.stderr
    return path


def serve(folder: Path, data_dir: Path, sandbox: SandboxControl) -> Process:
    process = start(
        folder,
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    process.line("LISTENING http://127.0.0.1:")
    return process


@pytest.fixture
def server(tmp_path: Path, data_dir: Path, sandbox: SandboxControl) -> Iterator[Process]:
    process = serve(tmp_path, data_dir, sandbox)
    yield process
    process.stop()


def api_of(data_dir: Path) -> Api:
    told = json.loads((data_dir / "embedded.json").read_text())
    return Api(told["url"], told["token"])


def test_the_token_is_handed_over_in_a_private_file_and_nowhere_else(
    server: Process, data_dir: Path
) -> None:
    path = data_dir / "embedded.json"
    told = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(told) == {"url", "port", "pid", "bootId", "token"}
    assert server.said == [f"LISTENING {told['url']}"]
    assert told["pid"] == server.pid
    assert len(api_of(data_dir).get("/whoami")["accounts"]) == 1
    assert told["token"] not in arguments_of(server.pid) + server.stderr


def test_a_stop_by_signal_is_clean_and_takes_the_token_along(
    server: Process, data_dir: Path
) -> None:
    assert server.stop(signal.SIGTERM) == 0
    assert not (data_dir / "embedded.json").exists()
    assert server.stderr == ""


def test_an_account_comes_back_after_kill_9_without_a_login(
    tmp_path: Path, server: Process, data_dir: Path, sandbox: SandboxControl
) -> None:
    before = api_of(data_dir)
    (account,) = before.get("/accounts")["items"]
    chats = before.get(f"/accounts/{account['accountId']}/chats?limit=3")["items"]
    server.stop(signal.SIGKILL)
    sandbox.ask("POST", "/reset-counters")
    second = serve(tmp_path, data_dir, sandbox)
    again = api_of(data_dir).get(f"/accounts/{account['accountId']}/chats?limit=3")["items"]
    requests = sandbox.ask("GET", "/state")["requests"]
    assert second.stop() == 0
    assert [chat["id"] for chat in again] == [chat["id"] for chat in chats]
    assert [name for name in requests if name.startswith("auth.")] == []


def test_a_request_in_hand_is_answered_before_the_server_stops(
    server: Process, data_dir: Path, sandbox: SandboxControl
) -> None:
    api = api_of(data_dir)
    api.get("/accounts/me/chats?limit=1")
    sandbox.ask(
        "POST",
        "/faults",
        {"request": "messages.GetHistory", "action": "delay", "secs": 1.0, "times": 1},
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(api.call, "GET", "/accounts/me/chats/me/messages?limit=1")
        time.sleep(0.4)
        assert not asked.done()
        assert server.stop(signal.SIGTERM) == 0
        status, _ = asked.result(timeout=10)
    assert status == 200


@pytest.mark.long
def test_a_request_that_takes_too_long_is_told_that_the_server_stops(
    server: Process, data_dir: Path, sandbox: SandboxControl
) -> None:
    api = api_of(data_dir)
    api.get("/accounts/me/chats?limit=1")
    sandbox.ask(
        "POST", "/faults", {"request": "messages.GetHistory", "action": "silence", "times": 1}
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(api.call, "GET", "/accounts/me/chats/me/messages?limit=1")
        time.sleep(0.4)
        begun = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 8
        status, problem = asked.result(timeout=10)
    assert (status, problem["code"], problem["isRetryable"]) == (503, "shutting_down", True)


@pytest.mark.long
def test_a_send_on_its_way_when_the_server_stops_is_told_to_be_of_unknown_outcome(
    server: Process, data_dir: Path, sandbox: SandboxControl
) -> None:
    api = api_of(data_dir)
    api.get("/accounts/me/chats?limit=1")
    sandbox.ask(
        "POST",
        "/faults",
        {"request": "messages.SendMessage", "action": "delay", "secs": 8.0, "times": 1},
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(
            api.call, "POST", "/accounts/me/chats/me/messages", {"text": "on its way"}
        )
        time.sleep(0.4)
        assert server.stop(signal.SIGTERM) == 0
        status, problem = asked.result(timeout=10)
    assert (status, problem["code"], problem["isRetryable"]) == (409, "outcome_unknown", False)


def test_a_second_signal_does_not_wait(
    server: Process, data_dir: Path, sandbox: SandboxControl
) -> None:
    api = api_of(data_dir)
    api.get("/accounts/me/chats?limit=1")
    sandbox.ask(
        "POST", "/faults", {"request": "messages.GetHistory", "action": "silence", "times": 1}
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(api.call, "GET", "/accounts/me/chats/me/messages?limit=1")
        time.sleep(0.4)
        server.popen.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        begun = time.monotonic()
        assert server.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        assert time.monotonic() - begun < 2
        with pytest.raises((OSError, ConnectionError)):
            asked.result(timeout=10)
    assert not (data_dir / "embedded.json").exists()


def test_a_parent_hands_the_secrets_over_on_standard_input(
    tmp_path: Path, data_dir: Path, sandbox: SandboxControl
) -> None:
    process = start(
        tmp_path,
        *("vasya-server", "serve", "--stdin-secrets", "--data-dir", str(data_dir), "--port", "0"),
        stdin=json.dumps({"token": TOKEN, "master_key": MASTER_KEY}) + "\n",
        settings=sandbox.settings(),
    )
    url = process.line("LISTENING ")
    answer = Api(url, TOKEN).get("/whoami")
    assert process.stop() == 0
    assert answer["kind"] == "embedded"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="nothing"),
        pytest.param("vl_secret_by_mistake\n", id="no JSON"),
        pytest.param('{"token": "' + TOKEN + '", "password": "x"}\n', id="unknown field"),
    ],
)
def test_a_hand_over_that_is_none_is_refused_without_repeating_it(
    tmp_path: Path, line: str
) -> None:
    result = run(
        *("vasya-server", "serve", "--stdin-secrets", "--data-dir", str(tmp_path / "data")),
        stdin=line,
    )
    assert (result.returncode, result.stdout) == (78, "")
    assert "Standard input must hold one JSON line" in result.stderr
    assert "vl_" not in result.stderr


def test_the_process_keeps_its_secrets_from_core_dumps_and_tracers(server: Process) -> None:
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
