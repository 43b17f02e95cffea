"""`audit tail -f` beside a running server: every line as it is written, over rotations, until it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    DEADLINE_SECS,
    MASTER_KEY,
    SCRIPTS,
    Api,
    Process,
    environment,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {"SESSION_MASTER_KEY": MASTER_KEY}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def api(tmp_path: Path, data_dir: Path) -> Iterator[Api]:
    """A server whose log is set aside every few lines; each reading of it is a line."""
    process = start(
        tmp_path,
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={**SETTINGS, "VASYA_AUDIT_ROTATE_BYTES": "4096"},
    )
    url = process.line("LISTENING ")
    yield Api(url, json.loads((data_dir / "embedded.json").read_text())["token"])
    process.stop()


@pytest.fixture
def command(data_dir: Path) -> list[str]:
    return ["vasya-server", "audit", "tail", "-f", "--json", "--data-dir", str(data_dir)]


def follow(folder: Path, command: list[str], *arguments: str) -> Iterator[Process]:
    process = start(folder, *command, *arguments, settings=SETTINGS)
    yield process
    process.stop(signal.SIGKILL)


@pytest.fixture
def tail(tmp_path: Path, command: list[str], api: Api) -> Iterator[Process]:
    for _ in range(3):
        api.get("/audit")
    yield from follow(tmp_path, command, "-n", "2")


def numbers(process: Process, count: int) -> list[int]:
    return [json.loads("{" + process.line("{"))["seq"] for _ in range(count)]


def test_it_prints_the_newest_lines_and_then_every_line_over_rotations(
    tail: Process, api: Api, data_dir: Path
) -> None:
    assert numbers(tail, 2) == [2, 3]
    for _ in range(60):
        api.get("/audit")

    assert len(list(data_dir.glob("audit-*.log"))) >= 5
    assert numbers(tail, 60) == list(range(4, 64))


def test_a_line_is_printed_while_the_next_is_not_written_yet(tail: Process, api: Api) -> None:
    numbers(tail, 2)
    for seq in (4, 5):
        api.get("/audit")
        assert numbers(tail, 1) == [seq]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_ends_it_without_a_word(tail: Process, number: int) -> None:
    numbers(tail, 2)

    assert tail.stop(number) == 0
    assert tail.stderr == ""


def test_it_waits_for_the_first_line(tmp_path: Path, command: list[str], api: Api) -> None:
    for process in follow(tmp_path, command):
        api.get("/audit")
        assert numbers(process, 1) == [1]


def test_it_ends_when_nobody_reads_it_any_more_though_nothing_is_written(
    command: list[str], api: Api
) -> None:
    api.get("/audit")
    with subprocess.Popen(
        [str(SCRIPTS / command[0]), *command[1:]],
        env=environment(SETTINGS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["seq"] == 1
        process.stdout.close()

        assert process.wait(DEADLINE_SECS) == 0
        assert process.stderr.read() == b""
