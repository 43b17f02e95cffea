"""Processes that are measured, and ended with the block that started them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Running:
    """A process, and the line in which it says where it listens."""

    pid: int
    line: str

    @property
    def resident_kb(self) -> int:
        """How much memory it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


@contextlib.contextmanager
def running(*command: str, stdin: str = "") -> Iterator[Running]:
    """Run *command* until the block ends."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(stdin)
    process.stdin.close()
    try:
        lines = iter(process.stdout.readline, "")
        line = next(line for line in lines if line.startswith("READY ") or line.strip().isdigit())
        yield Running(process.pid, line)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
