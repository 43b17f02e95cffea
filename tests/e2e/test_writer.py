"""The process that writes for a server: they live and die together, and nobody stops it beside the server."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    MASTER_KEY,
    Api,
    Host,
    Process,
    SandboxControl,
    import_account,
    is_running,
    run,
    wait_until_gone,
    writer_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path, sandbox: SandboxControl) -> Iterator[Host]:
    data_dir = tmp_path / "data"
    import_account(data_dir, sandbox, sandbox.users[0])
    host = Host(tmp_path, data_dir, sandbox)
    yield host
    host.stop(signal.SIGKILL)


def writer_and_server(host: Host) -> tuple[int, Process]:
    """Return the writer's process id, and the server."""
    assert host.process is not None
    return writer_of(host.process.pid), host.process


def connect(api: Api) -> int:
    """Make a change that is written down."""
    (account,) = api.get("/accounts")["items"]
    return api.call("POST", f"/accounts/{account['accountId']}/connect")[0]


def verify(host: Host) -> str:
    done = run(
        *("vasya-server", "audit", "verify", "--data-dir", str(host.data_dir)),
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **host.sandbox.settings()},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_server_whose_writer_is_killed_leaves_and_the_next_goes_on(host: Host) -> None:
    api = host.serve()
    assert connect(api) == 200
    writer, process = writer_and_server(host)

    os.kill(writer, signal.SIGKILL)

    assert process.end() == 1
    assert "the process that writes has ended" in process.stderr
    assert not (host.data_dir / "embedded.json").exists()
    verify(host)
    assert connect(host.serve()) == 200
    verify(host)


def test_a_killed_server_takes_its_writer_along(host: Host) -> None:
    assert connect(host.serve()) == 200
    writer, _ = writer_and_server(host)

    host.stop(signal.SIGKILL)

    wait_until_gone(writer)
    assert connect(host.serve()) == 200
    verify(host)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_writer_stops_nothing(host: Host, number: signal.Signals) -> None:
    api = host.serve()
    writer, _ = writer_and_server(host)

    os.kill(writer, number)
    time.sleep(0.1)

    assert is_running(writer)
    assert connect(api) == 200


def test_a_server_that_stops_has_its_writer_end_and_fold_the_database(host: Host) -> None:
    api = host.serve()
    assert connect(api) == 200
    writer, process = writer_and_server(host)

    assert process.stop() == 0

    assert not is_running(writer)
    assert [path.name for path in host.data_dir.glob("vasya.db-*")] == ["vasya.db-writer"]
    verify(host)


def test_a_new_server_waits_for_a_writer_that_outlives_its_server(host: Host) -> None:
    assert connect(host.serve()) == 200
    host.stop(signal.SIGKILL)
    # In its place: whoever writes has this locked.
    left_behind = os.open(host.data_dir / "vasya.db-writer", os.O_RDWR)
    fcntl.flock(left_behind, fcntl.LOCK_EX)
    has_ended = threading.Event()

    def end() -> None:
        has_ended.set()
        os.close(left_behind)

    threading.Timer(1.0, end).start()

    api = host.serve()

    assert has_ended.is_set()
    assert connect(api) == 200
    verify(host)
