"""A writer in a process of its own: what happens when it is not there any more, and what it is not told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.apart import Losses, writer_for
from tests.disk import with_children
from vasya_server.audit.journal import Keeping
from vasya_server.cli.writer import apart
from vasya_server.errors import ConfigurationInvalid, StorageFailed
from vasya_server.store.apart import Apart
from vasya_server.store.database import Query
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

MAKE = Query("CREATE TABLE numbers (k INTEGER PRIMARY KEY) STRICT")
ADD = Query("INSERT INTO numbers (k) VALUES (:k)")
ALL = Query("SELECT k FROM numbers ORDER BY k")


class Number(msgspec.Struct, frozen=True):
    k: int


async def test_a_writer_that_ends_fails_who_waits_and_is_told_once(path: Path) -> None:
    losses = Losses()
    before = set(with_children(os.getpid()))
    db = await open_sqlite(path, apart=writer_for(path.parent, losses))
    (writer,) = set(with_children(os.getpid())) - before
    await db.write(MAKE.bind())
    await db.write(ADD.bind(k=1))

    os.kill(writer, signal.SIGSTOP)
    waiting = [asyncio.create_task(db.write(ADD.bind(k=k))) for k in (2, 3)]
    await asyncio.sleep(0.05)
    os.kill(writer, signal.SIGKILL)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StorageFailed, StorageFailed]
    with pytest.raises(StorageFailed, match="has ended"):
        await db.write(ADD.bind(k=4))
    with pytest.raises(StorageFailed):
        await db.resume_journal()
    assert await db.all(ALL, Number) == [Number(1)]
    assert losses.count == 1
    await db.close()
    assert losses.count == 1


async def test_a_unit_too_long_for_the_socket_is_written_whole(path: Path) -> None:
    db = await open_sqlite(path, apart=writer_for(path.parent))
    await db.write(Query("CREATE TABLE texts (k INTEGER PRIMARY KEY, text TEXT) STRICT").bind())
    add = Query("INSERT INTO texts (k, text) VALUES (:k, :text)")

    await asyncio.gather(*(db.write(add.bind(k=k, text="x" * 3_000_000)) for k in range(4)))

    count = Query("SELECT count(*) AS k FROM texts WHERE length(text) = 3000000")
    assert await db.one(count, Number) == Number(4)
    await db.close()


async def test_a_bug_where_batches_are_written_is_told_and_ends_nothing(path: Path) -> None:
    db = await open_sqlite(path, apart=writer_for(path.parent))
    await db.write(MAKE.bind())

    with pytest.raises(StorageFailed) as refusal:
        await db.write(Query("DELETE FROM nowhere").bind())

    assert str(refusal.value.__cause__) == "no such table: nowhere"
    assert await db.write(ADD.bind(k=1)) == [1]
    await db.close()


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (("/nowhere/python",), ConfigurationInvalid),
        ((sys.executable, "-c", "raise SystemExit"), StorageFailed),
    ],
)
async def test_a_writer_that_does_not_start_is_a_refusal(
    path: Path, command: tuple[str, ...], refusal: type[Exception]
) -> None:
    losses = Losses()
    with pytest.raises(refusal):
        await open_sqlite(path, apart=Apart(command, losses.note))
    assert losses.count == 0


async def test_what_is_no_database_is_refused_by_the_writer_too(path: Path) -> None:
    path.write_text("no database, but long enough to look at it" * 10)
    with pytest.raises(ConfigurationInvalid, match="cannot be opened: file is not a database"):
        await open_sqlite(path, apart=writer_for(path.parent))


async def test_a_folder_whose_name_is_no_text_is_written_in(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()
    db = await open_sqlite(folder / "vasya.db", apart=writer_for(folder))
    await db.write(MAKE.bind())
    assert await db.write(ADD.bind(k=1)) == [1]
    await db.close()


async def test_nothing_says_the_key_of_the_log(path: Path) -> None:
    keeping = Keeping(
        folder=b"/", mac_key=b"secret" * 6, boot="0" * 16, rotate_bytes=1, min_free_bytes=0
    )
    told = repr(keeping) + repr(writer_for(path.parent, keeping=keeping))
    assert "secret" not in told


def test_a_writer_closes_what_its_server_was_given_and_ends_without_it() -> None:
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    with subprocess.Popen(
        apart(print).command, stdin=theirs.fileno(), pass_fds=(writing,)
    ) as process:
        theirs.close()
        os.close(writing)
        # The other end is told when nobody can write any more.
        assert os.read(reading, 1) == b""
        assert process.poll() is None
        ours.close()
        assert process.wait(10) == 0
    os.close(reading)


async def test_a_writer_finds_nothing_secret_in_its_environment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SESSION_MASTER_KEY", "TELEGRAM_API_HASH", "VASYA_LOCAL_TOKEN", "AWS_SECRET"):
        monkeypatch.setenv(name, "a secret")
    found = path.with_name("names")
    writes = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(repr(dict(os.environ)))"

    with pytest.raises(StorageFailed):
        await open_sqlite(path, apart=Apart((sys.executable, "-c", writes, str(found)), print))

    told = found.read_text()
    assert "PATH" in told
    assert "a secret" not in told


def test_a_writer_is_told_nothing_by_its_arguments() -> None:
    assert apart(print).command[1:] == ("-P", "-m", "vasya_server.write")
