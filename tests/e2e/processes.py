"""Start the installed console scripts as a person would, and never leave one behind."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPTS = Path(sys.executable).parent
MASTER_KEY = "8f1d3a5c7e90b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d"
OTHER_MASTER_KEY = "1f2e3d4c5b6a79880716253443526170819fadbecdcedfe0f1021324354657a8"
API_ID = "17349"
API_HASH = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
DEADLINE_SECS = 30.0
NOTHING: Mapping[str, str] = {}
Json: TypeAlias = Any


def environment(settings: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """What a process inherits: nothing of ours but what the test says."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | dict(settings)


@dataclass
class Process:
    """A running console script, its lines of standard output in a queue, its standard error in a file."""

    popen: subprocess.Popen[str]
    stderr_path: Path
    said: list[str] = field(default_factory=list)
    _lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._lines.put(line.rstrip("\n"))
        self.popen.stdout.close()
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text("utf-8")

    def line(self, prefix: str) -> str:
        """Wait for a line that begins with *prefix* and return the rest of it."""
        give_up_at = time.monotonic() + DEADLINE_SECS
        while True:
            line = self._lines.get(timeout=max(0.0, give_up_at - time.monotonic()))
            assert line is not None, f"it ended without {prefix}: {self.stderr}"
            self.said.append(line)
            if line.startswith(prefix):
                return line[len(prefix) :].strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        try:
            code = self.popen.wait(DEADLINE_SECS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        while (line := self._lines.get(timeout=DEADLINE_SECS)) is not None:
            self.said.append(line)
        self._lines.put(None)
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        return code


def start(
    folder: Path, *command: str, settings: Mapping[str, str] = NOTHING, stdin: str | None = None
) -> Process:
    """Start a console script of this installation."""
    stderr_path = folder / f"stderr-{time.monotonic_ns()}"
    with stderr_path.open("wb") as stderr:
        popen = subprocess.Popen(
            [str(SCRIPTS / command[0]), *command[1:]],
            env=environment(settings),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    if stdin is not None:
        assert popen.stdin is not None
        popen.stdin.write(stdin)
        popen.stdin.flush()
    return Process(popen, stderr_path)


def run(
    *command: str,
    settings: Mapping[str, str] = NOTHING,
    stdin: str = "",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a console script to its end."""
    return subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]],
        env=environment(settings),
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECS,
        check=False,
    )


def exchange(
    method: str, url: str, body: object = None, headers: Mapping[str, str] = NOTHING
) -> tuple[int, Json]:
    """Send a request to loopback and return status and decoded body, refusals included."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=DEADLINE_SECS)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(
            method, url.removeprefix(f"http://{address.netloc}"), sent, dict(headers)
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


@dataclass(frozen=True)
class Api:
    """The REST API of a running gateway."""

    url: str
    token: str

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Json]:
        """Return status and decoded body, refusals included."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return exchange(method, f"{self.url}/api/v1{path}", body, headers)

    def get(self, path: str) -> Json:
        """Return the body of a read that must succeed."""
        status, body = self.call("GET", path)
        assert status == 200, body
        return body


@dataclass(frozen=True)
class SandboxControl:
    """What a sandbox says of itself, and its control port: the witness of what Telegram saw."""

    info: dict[str, Json]

    @property
    def users(self) -> list[dict[str, Json]]:
        users: list[dict[str, Json]] = self.info["users"]
        return users

    def settings(self) -> dict[str, str]:
        """Return what points a gateway at it."""
        return {
            "VASYA_TELEGRAM_DC": f"{self.info['dcId']}@{self.info['address']}",
            "VASYA_PACING": "off",
            "VASYA_TELEGRAM_DC_KEY": self.info["publicKey"],
            "TELEGRAM_API_ID": API_ID,
            "TELEGRAM_API_HASH": API_HASH,
        }

    def ask(self, method: str, path: str, body: object = None) -> Json:
        status, answer = exchange(method, self.info["control"] + path, body)
        assert status < 300, answer
        return answer

    def unserved(self) -> dict[str, int]:
        unknown: dict[str, int] = self.ask("GET", "/state")["unknown"]
        return unknown


def import_account(data_dir: Path, sandbox: SandboxControl, user: Mapping[str, Json]) -> None:
    """Bring one of the sandbox's people into a data dir."""
    done = run(
        *("vasya-server", "accounts", "import", "--data-dir", str(data_dir)),
        stdin=user["session"] + "\n",
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    assert done.returncode == 0, done.stderr


class Host:
    """Starts servers on one data dir, one at a time, and ends each.

    Args:
        port: Where all of them listen; 0: each where it likes.
        settings: Beside those that it needs.
    """

    def __init__(
        self,
        folder: Path,
        data_dir: Path,
        sandbox: SandboxControl,
        *,
        port: int = 0,
        settings: Mapping[str, str] = NOTHING,
    ) -> None:
        self.folder, self.data_dir, self.sandbox = folder, data_dir, sandbox
        self.port, self.settings = port, settings
        self.process: Process | None = None

    def serve(self, kill_point: str | None = None) -> Api:
        self.stop()
        point = {} if kill_point is None else {"VASYA_KILL_POINT": kill_point}
        needed = {"SESSION_MASTER_KEY": MASTER_KEY, **self.sandbox.settings()}
        self.process = start(
            self.folder,
            *("vasya-server", "serve", "--data-dir", str(self.data_dir), "--port", str(self.port)),
            settings={**needed, **self.settings, **point},
        )
        self.process.line("LISTENING ")
        told = json.loads((self.data_dir / "embedded.json").read_text())
        return Api(told["url"], told["token"])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.stop(number)
            self.process = None

    def kill_at(self, point: str) -> None:
        """Wait until the server stands at *point*, and kill it."""
        assert self.process is not None
        give_up_at = time.monotonic() + DEADLINE_SECS
        while f"KILL_POINT {point}" not in self.process.stderr:
            assert time.monotonic() < give_up_at, self.process.stderr
            time.sleep(0.02)
        self.stop(signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Tell whether the process lives; a zombie that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, secs: float = 10.0) -> None:
    give_up_at = time.monotonic() + secs
    while is_running(pid):
        assert time.monotonic() < give_up_at, f"process {pid} lingers"
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def arguments_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def child_of(pid: int, name: str) -> int:
    """Return the one process that *pid* has started with *name* among its arguments."""
    (found,) = (child for child in children_of(pid) if name in arguments_of(child))
    return found


def writer_of(pid: int) -> int:
    """Return the process that writes for the server *pid*."""
    return child_of(pid, "vasya_server.write")
