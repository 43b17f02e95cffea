"""The demo's Telegram: a `vasya-sandbox` process that lives no longer than its parent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import StartupRefused

if TYPE_CHECKING:
    from pathlib import Path

INFO_FILE: Final = "sandbox.json"
_STATE_FILE: Final = "state"
_LOG_FILE: Final = "sandbox.log"
_START_SECS: Final = 60
_STOP_SECS: Final = 5
_POLL_SECS: Final = 0.01


class SandboxUser(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the sandboxed Telegram, as far as the demo needs one."""

    id: int
    name: str
    username: str | None
    session: str


class SandboxInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the sandbox says of itself in its info file."""

    address: str
    dc_id: int
    public_key: str
    users: list[SandboxUser]


class SandboxFailed(StartupRefused):
    """The sandbox did not come up."""

    code = "sandbox_failed"
    detail = "The sandbox did not start."
    exit_code = 69


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A started sandbox.

    Args:
        folder: Its files; never inside the gateway's data dir.
    """

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def info_path(self) -> Path:
        """Where the sandbox says how it is reached."""
        return self.folder / INFO_FILE

    def stop(self) -> None:
        """End it, and wait: what it kept is on the disk then."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def start(folder: Path, *, is_kept: bool) -> Sandbox:
    """Start the process and return at once.

    It ends with its standard input, which the kernel closes even when this process is killed; it has a process group of
    its own, so that Ctrl-C reaches the gateway alone, which then stops it in order.

    Args:
        is_kept: Its world survives a restart.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / INFO_FILE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "vasya_sandbox", "--world", "demo", "--exit-with-stdin"]
    command += ["--info", str(folder / INFO_FILE)]
    if is_kept:
        command += ["--state", str(folder / _STATE_FILE)]
    with (folder / _LOG_FILE).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 — arguments written here
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    return Sandbox(process, folder)


async def info_of(sandbox: Sandbox) -> SandboxInfo:
    """Wait until the sandbox listens and return how it is reached.

    Raises:
        SandboxFailed: It ended, or said nothing for a minute.
    """
    give_up_at = time.monotonic() + _START_SECS
    while not sandbox.info_path.exists():
        if sandbox.process.poll() is not None or time.monotonic() > give_up_at:
            said = (sandbox.folder / _LOG_FILE).read_text("utf-8", "replace").strip()
            raise SandboxFailed(f"The sandbox did not start: {said.rpartition(chr(10))[2]}")
        await asyncio.sleep(_POLL_SECS)
    return msgspec.json.decode(sandbox.info_path.read_bytes(), type=SandboxInfo)
