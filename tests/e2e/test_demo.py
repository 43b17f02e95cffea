"""`vasya-server demo` as a person meets it: what it prints works when it is pasted."""

from __future__ import annotations

import base64
import json
import re
import shlex
import signal
import socket
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    MASTER_KEY,
    NOTHING,
    Api,
    Json,
    Process,
    SandboxControl,
    arguments_of,
    child_of,
    children_of,
    environment,
    is_running,
    run,
    start,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

README = Path(__file__).parents[2] / "README.md"


@dataclass(frozen=True)
class Demo:
    process: Process
    ready: dict[str, Json]

    @property
    def api(self) -> Api:
        return Api(self.ready["url"], self.ready["token"])

    @property
    def sandbox(self) -> SandboxControl:
        return SandboxControl(json.loads(Path(self.ready["sandbox"]).read_text()))

    @property
    def curl_lines(self) -> list[str]:
        return [line for line in self.process.said if line.startswith("curl ")]


def start_demo(folder: Path, *arguments: str, settings: Mapping[str, str] = NOTHING) -> Demo:
    process = start(folder, "vasya-server", "demo", *arguments, settings=settings)
    return Demo(process, json.loads(process.line("READY ")))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    started = start_demo(
        tmp_path_factory.mktemp("demo"), settings={"VASYA_HEADER_TIMEOUT_SECS": "1"}
    )
    yield started
    unserved = started.sandbox.unserved()
    assert started.process.stop() == 0
    assert unserved == {}


def paste(line: str, variables: Mapping[str, str] = NOTHING) -> Json:
    """Run a shell line as it stands and decode what it prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)


def test_ready_is_the_last_line_and_says_how_to_reach_everything(demo: Demo) -> None:
    assert set(demo.ready) == {"url", "token", "accountId", "dataDir", "sandbox"}
    assert demo.process.said[-1].startswith("READY {")
    assert sum(line.startswith("READY") for line in demo.process.said) == 1
    assert not Path(demo.ready["sandbox"]).is_relative_to(demo.ready["dataDir"])


def test_the_pasted_line_tells_who_i_am(demo: Demo) -> None:
    (account,) = paste(demo.curl_lines[0])["accounts"]
    assert account["accountId"] == demo.ready["accountId"]


def test_the_pasted_line_lists_chats(demo: Demo) -> None:
    assert len(paste(demo.curl_lines[1])["items"]) == 5


def test_the_pasted_line_reads_messages(demo: Demo) -> None:
    assert len(paste(demo.curl_lines[2])["items"]) == 5


def test_the_pasted_line_sends_one_message_however_often_and_the_friend_sees_it(
    demo: Demo,
) -> None:
    sent = [paste(demo.curl_lines[3]) for _ in range(2)]
    owner = demo.sandbox.users[0]["id"]
    username = next(user["username"] for user in demo.sandbox.users[1:] if user["username"])
    seen = demo.sandbox.ask("GET", f"/messages?user={username}&chat={owner}&limit=5")
    assert sent[0]["id"] == sent[1]["id"]
    assert [m["text"] for m in seen["messages"]].count("Hello from Vasya") == 1


def readme_lines() -> list[str]:
    """The README's shell blocks that call the API, each joined to one line."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return [block.strip() for block in blocks if block.startswith("curl ")]


@pytest.mark.parametrize("block", readme_lines(), ids=range(len(readme_lines())))
def test_the_curl_lines_of_the_readme_work(demo: Demo, block: str) -> None:
    variables = {"URL": "url", "TOKEN": "token", "ACCOUNT": "accountId"}
    answer = paste(block, {name: demo.ready[key] for name, key in variables.items()})
    is_meant_to_fail = "nobody_at_all" in block
    assert (answer.get("status"), answer.get("code")) == (
        (404, "chat_not_found") if is_meant_to_fail else (None, None)
    )


def test_the_readme_calls_the_api_at_least_five_times() -> None:
    assert len(readme_lines()) >= 5


def everything_in(data_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())


def test_no_secret_and_no_person_is_in_the_data_dir_in_clear(demo: Demo) -> None:
    demo.api.get(f"/accounts/{demo.ready['accountId']}/chats?limit=100")
    stored = everything_in(Path(demo.ready["dataDir"]))
    owner = demo.sandbox.users[0]
    auth_key = base64.urlsafe_b64decode(owner["session"][1:])[-256:]
    forms = {
        "session string": owner["session"].encode(),
        "auth key": auth_key,
        "auth key in hex": auth_key.hex().encode(),
        "auth key in base64": base64.b64encode(auth_key[:255]),
        "api hash": b"vasya-demo-hash!".hex().encode(),
        **{f"phone of {user['name']}": user["phone"][1:].encode() for user in demo.sandbox.users},
        **{
            f"username of {user['name']}": user["username"].encode()
            for user in demo.sandbox.users
            if user["username"]
        },
    }
    assert len(stored) > 10_000
    assert [name for name, form in forms.items() if form in stored] == []


def test_what_is_in_the_data_dir_is_private(demo: Demo) -> None:
    data_dir = Path(demo.ready["dataDir"])
    modes = {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in (data_dir, *data_dir.rglob("*"))
    }
    assert modes.pop(data_dir.name) == "0o700"
    assert set(modes) >= {".lock", "instance-id", "embedded.json", "vasya.db"}
    assert set(modes.values()) == {"0o600"}


def test_the_token_is_in_no_argument_and_no_log(demo: Demo) -> None:
    pids = [demo.process.pid, *children_of(demo.process.pid)]
    told = "".join(arguments_of(pid) for pid in pids) + demo.process.stderr
    assert len(pids) == 3
    assert demo.ready["token"] not in told


def test_a_client_that_does_not_finish_its_headers_is_disconnected(demo: Demo) -> None:
    host, _, port = demo.ready["url"].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n")
        begun = time.monotonic()
        assert slow.recv(1) == b""
    assert 0.5 < time.monotonic() - begun < 5


def test_ctrl_c_ends_every_process_and_removes_what_the_demo_made(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    started = children_of(demo.process.pid)
    assert demo.process.stop(signal.SIGINT) == 0
    assert [pid for pid in started if is_running(pid)] == []
    assert not Path(demo.ready["dataDir"]).parent.exists()


def test_what_a_killed_demo_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    killed = start_demo(tmp_path, settings={"TMPDIR": str(temporary)})
    started = children_of(killed.process.pid)
    killed.process.stop(signal.SIGKILL)
    for pid in started:
        wait_until_gone(pid)
    assert Path(killed.ready["dataDir"]).parent.parent == temporary
    second = start_demo(tmp_path, settings={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == [Path(second.ready["dataDir"]).parent]
    assert second.process.stop() == 0
    assert list(temporary.iterdir()) == []


def test_a_killed_demo_takes_its_sandbox_along_and_comes_back_with_its_account(
    tmp_path: Path,
) -> None:
    data_dir = str(tmp_path / "kept")
    first = start_demo(
        tmp_path, "--data-dir", data_dir, settings={"SESSION_MASTER_KEY": MASTER_KEY}
    )
    sandbox = child_of(first.process.pid, "vasya_sandbox")
    first.process.stop(signal.SIGKILL)
    wait_until_gone(sandbox)
    second = start_demo(
        tmp_path, "--data-dir", data_dir, settings={"SESSION_MASTER_KEY": MASTER_KEY}
    )
    chats = second.api.get(f"/accounts/{first.ready['accountId']}/chats?limit=1")
    requests = second.sandbox.ask("GET", "/state")["requests"]
    assert second.process.stop() == 0
    assert second.ready["accountId"] == first.ready["accountId"]
    assert len(chats["items"]) == 1
    assert [
        name for name in requests if "auth." in name.lower() or "sendcode" in name.lower()
    ] == []
    assert Path(data_dir, "vasya.db").exists()


def test_a_kept_data_dir_whose_key_is_gone_is_refused_with_a_remedy(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "kept")
    assert start_demo(tmp_path, "--data-dir", data_dir).process.stop() == 0
    result = run("vasya-server", "demo", "--data-dir", data_dir)
    assert (result.returncode, result.stdout) == (78, "")
    assert "Without SESSION_MASTER_KEY the demo makes a new key at every start." in result.stderr


@pytest.mark.parametrize(
    "setting", ["VASYA_TELEGRAM_DC", "VASYA_TELEGRAM_DC_KEY", "TELEGRAM_PROXY_URL"]
)
def test_the_demo_talks_to_no_telegram_but_its_own(setting: str) -> None:
    result = run("vasya-server", "demo", settings={setting: "2@127.0.0.1:443"})
    assert (result.returncode, result.stdout) == (78, "")
    assert "The demo talks to its own sandbox and to nothing else" in result.stderr


def test_every_pasted_line_is_one_command(demo: Demo) -> None:
    assert [shlex.split(line)[0] for line in demo.curl_lines] == ["curl"] * 4
