"""Standard output and standard error that are closed, full, or read by nobody: a code and a sentence, and no hanging."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import DEADLINE_SECS, MASTER_KEY, SCRIPTS, environment, exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that is full and that nobody reads."""
    reading, writing = os.pipe()
    # Opened anew, because the flag would hold for the end that the process inherits, too.
    filling = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while os.write(filling, b"\n" * 4096):
            pass
    except BlockingIOError:
        os.close(filling)
    yield writing
    os.close(reading)
    os.close(writing)


def test_a_log_that_nobody_reads_stops_neither_the_answers_nor_the_end(
    tmp_path: Path, full_pipe: int
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    data_dir.chmod(0o755)  # which is put right, and logged, before anything listens
    process = subprocess.Popen(
        [str(SCRIPTS / "vasya-server"), "serve", "--data-dir", str(data_dir), "--port", "0"],
        env=environment({"SESSION_MASTER_KEY": MASTER_KEY}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=full_pipe,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("LISTENING ").strip()
        for _ in range(50):
            assert exchange("GET", f"{url}/api/v1/health") == (200, {"status": "ok"})
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECS) == 0
        assert time.monotonic() - begun < 5
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
