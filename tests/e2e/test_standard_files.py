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


def shell(command: str, tmp_path: Path, *, is_unbuffered: bool = False) -> tuple[int, str, str]:
    """Run a line of shell in which `vasya-server` is the one of this installation."""
    settings = {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_DATA_DIR": str(tmp_path / "data")}
    if is_unbuffered:
        settings["PYTHONUNBUFFERED"] = "1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{SCRIPTS}/{command}"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


FULL = "vasya-server: Standard output cannot be written: No space left on device.\n"
CLOSED = (
    "vasya-server: Standard output is closed.\nRedirect it to /dev/null where it is not wanted.\n"
)


@pytest.mark.parametrize("is_unbuffered", [False, True], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", ["serve --port 0", "accounts list --json", "doctor", "openapi"])
def test_an_output_that_takes_nothing_is_a_sentence(
    tmp_path: Path, command: str, *, is_unbuffered: bool
) -> None:
    done = shell(f"vasya-server {command} >/dev/full", tmp_path, is_unbuffered=is_unbuffered)
    assert done == (1, "", FULL)


def test_help_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    assert shell("vasya-server --help >/dev/full", tmp_path) == (1, "", FULL)


@pytest.mark.parametrize("command", ["serve --port 0", "accounts list", "demo", "--version"])
def test_a_closed_output_is_a_sentence_before_anything_is_done(
    tmp_path: Path, command: str
) -> None:
    assert shell(f"vasya-server {command} >&-", tmp_path) == (1, "", CLOSED)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_comes_where_there_is_nobody_to_tell_anything_else(tmp_path: Path) -> None:
    for nowhere in ("&-", "/dev/full"):
        done = shell(f"vasya-server accounts list --json 2>{nowhere}", tmp_path)
        assert done == (0, '{"items":[]}\n', "")


def test_a_refusal_that_nobody_hears_has_its_code(tmp_path: Path) -> None:
    for nowhere in ("&-", "/dev/full"):
        assert shell(f"vasya-server serve --host 192.0.2.1 2>{nowhere}", tmp_path)[0] == 78


def test_a_closed_input_is_one_that_has_ended(tmp_path: Path) -> None:
    code, said, told = shell("vasya-server accounts import <&-", tmp_path)
    assert (code, said) == (77, "")
    assert told == "vasya-server: Standard input ended where an answer was needed.\n"
