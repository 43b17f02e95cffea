"""The page about events is executed: its commands, its two consumers, and what it says of a stop."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.processes import MASTER_KEY, Api, Process, SandboxControl, environment, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "api" / "events.md").read_text("utf-8")
CONSUMERS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
TOKEN = "vl_" + "5d" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module")
def settings(sandbox: SandboxControl) -> dict[str, str]:
    return {
        "SESSION_MASTER_KEY": MASTER_KEY,
        "VASYA_LOCAL_TOKEN": TOKEN,
        "VASYA_STREAMS_MAX": "300",
        **sandbox.settings(),
    }


@pytest.fixture
def server(folder: Path, settings: dict[str, str], sandbox: SandboxControl) -> Iterator[Process]:
    data_dir = ("--data-dir", str(folder / "data"))
    if not (folder / "data").exists():
        imported = run(
            *("vasya-server", "accounts", "import", *data_dir),
            stdin=sandbox.users[0]["session"] + "\n",
            settings=settings,
        )
        assert imported.returncode == 0, imported.stderr
    process = start(folder, "vasya-server", "serve", *data_dir, "--port", "0", settings=settings)
    yield process
    process.stop()


@pytest.fixture
def api(server: Process) -> Api:
    return Api(server.line("LISTENING "), TOKEN)


def say(sandbox: SandboxControl, text: str) -> None:
    me, other = (user["id"] for user in sandbox.users[:2])
    sandbox.ask("POST", "/send", {"from": other, "to": me, "text": text})


def test_each_command_answers_what_the_page_says(api: Api) -> None:
    assert len(COMMANDS) == PAGE.count("```sh") == 2
    for command, expected in COMMANDS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=environment({"URL": api.url, "TOKEN": api.token}),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for line in expected.splitlines():
            assert line.strip() in done.stdout


@pytest.mark.parametrize("consumer", CONSUMERS, ids=["stream", "poll"])
def test_a_consumer_of_the_page_hears_what_arrives(
    api: Api, sandbox: SandboxControl, consumer: str
) -> None:
    assert len(CONSUMERS) == 2
    api.call("POST", "/accounts/me/connect")
    listening = subprocess.Popen(
        [sys.executable, "-c", consumer],
        env=environment({"URL": api.url, "TOKEN": api.token}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        time.sleep(2)
        say(sandbox, "hello there")
        assert listening.stdout is not None
        said = next(line for line in listening.stdout if not line.startswith("account.status"))
    finally:
        listening.kill()
        listening.wait()
        if listening.stdout is not None:
            listening.stdout.close()

    assert said.startswith("message.new "), said
    assert "None" not in said


def test_what_arrives_while_nobody_listens_is_told_after_a_restart_of_the_server(
    folder: Path, settings: dict[str, str], sandbox: SandboxControl, api: Api, server: Process
) -> None:
    api.call("POST", "/accounts/me/connect")
    cursor = api.get("/events/poll?wait=1&type=gap")["next"]
    assert server.stop() == 0
    say(sandbox, "while it was down")

    data_dir = ("--data-dir", str(folder / "data"))
    again = start(folder, "vasya-server", "serve", *data_dir, "--port", "0", settings=settings)
    try:
        heard = Api(again.line("LISTENING "), TOKEN)
        page = heard.get(f"/events/poll?wait=10&type=message.new&cursor={cursor}")
    finally:
        again.stop()

    assert [event["data"]["message"]["text"] for event in page["items"]] == ["while it was down"]


def test_a_stop_ends_open_streams_at_once(api: Api, server: Process) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", f"{api.url}/api/v1/events", headers=headers, timeout=20) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        begun = time.monotonic()
        server.popen.terminate()
        said = [line for line in lines if line]
        took_secs = time.monotonic() - begun
    assert server.end() == 0
    assert said[-1] == ": ended shutting_down"
    assert took_secs < 2
    assert "without completing response" not in server.stderr


def test_the_server_takes_a_socket_for_every_stream(
    folder: Path, api: Api, server: Process
) -> None:
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    soft, hard = re.findall(r"Max open files\s+(\d+)\s+(\d+)", limits)[0]
    assert int(soft) >= min(300 + 256 + 1024, int(hard))
    assert api.get("/whoami")["kind"] == "embedded"
