from __future__ import annotations

import asyncio
import os
import pathlib
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.disk import full_disk
from vasya_server.errors import ConfigurationInvalid, StorageFailed
from vasya_server.store.database import (
    ConstraintFailed,
    Query,
    Statement,
    Unexpected,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import OpenDb
    from vasya_server.store.database import Database

ADD = Query("INSERT INTO pairs (k, side) VALUES (:k, :side)")
PAIRS = Query("SELECT k, side FROM pairs ORDER BY k, side")
TORN = Query("SELECT k, count(*) AS side FROM pairs GROUP BY k HAVING count(*) <> 2")

WRITES_UNTIL_KILLED = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.apart import writer_for
from vasya_server.store.database import Query
from vasya_server.store.sqlite import open_sqlite

ADD = Query("INSERT INTO pairs (k, side) VALUES (:k, :side)")

async def unit(db, k):
    await db.write(ADD.bind(k=k, side=0), ADD.bind(k=k, side=1))
    print(k, flush=True)

async def main():
    path = pathlib.Path(sys.argv[1])
    db = await open_sqlite(path, apart=writer_for(path.parent) if sys.argv[3] == "True" else None)
    for start in range(0, 10**9, 20):
        await asyncio.gather(*(unit(db, k) for k in range(start, start + 20)))

asyncio.run(main())
"""


class Pair(msgspec.Struct, frozen=True):
    k: int
    side: int


def unit(k: int) -> tuple[Statement, Statement]:
    return ADD.bind(k=k, side=0), ADD.bind(k=k, side=1)


async def keys(db: Database) -> list[int]:
    return sorted({pair.k for pair in await db.all(PAIRS, Pair)})


async def test_a_unit_is_read_back_and_tells_what_it_touched(db: Database) -> None:
    assert await db.write(*unit(1)) == [1, 1]
    assert await db.all(PAIRS, Pair) == [Pair(1, 0), Pair(1, 1)]


async def test_one_gives_the_first_row_or_none(db: Database) -> None:
    await db.write(*unit(1))
    assert await db.one(PAIRS, Pair) == Pair(1, 0)
    assert await db.one(TORN, Pair) is None


async def test_rows_keep_their_types(db: Database) -> None:
    class Row(msgspec.Struct):
        text: str | None
        blob: bytes
        flag: bool
        absent: str | None

    query = Query("SELECT 'null' AS text, x'ff00' AS blob, 1 AS flag, NULL AS absent")
    assert await db.one(query, Row) == Row(text="null", blob=b"\xff\x00", flag=True, absent=None)


async def test_a_constraint_failure_undoes_its_unit_and_no_other(db: Database) -> None:
    await db.write(*unit(5))

    outcomes = await asyncio.gather(
        db.write(*unit(1)),
        db.write(ADD.bind(k=2, side=0), ADD.bind(k=5, side=0)),
        db.write(*unit(3)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [list, ConstraintFailed, list]
    assert await keys(db) == [1, 3, 5]


async def test_another_number_of_rows_than_expected_undoes_the_unit(db: Database) -> None:
    delete = Query("DELETE FROM pairs WHERE k = :k")
    with pytest.raises(Unexpected, match="0 rows touched, 1 expected"):
        await db.write(*unit(1), delete.bind(expect=1, k=2))
    assert await keys(db) == []


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        pytest.param({"k": 1}, sqlite3.ProgrammingError, id="missing parameter"),
        pytest.param({"k": 1, "side": 2**63}, OverflowError, id="number too large"),
        pytest.param({"k": 1, "side": "\ud800"}, UnicodeEncodeError, id="no text"),
        pytest.param({"k": 1, "side": "two"}, ConstraintFailed, id="wrong type"),
    ],
)
async def test_a_unit_that_cannot_be_stored_is_refused_alone(
    db: Database, parameters: dict[str, int | str], fault: type[Exception]
) -> None:
    outcomes = await asyncio.gather(
        db.write(*unit(7)),
        db.write(ADD.bind(k=8, side=0), Statement(ADD, parameters)),
        db.write(*unit(9)),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], fault)
    assert await keys(db) == [7, 9]


async def test_units_that_wait_together_are_committed_in_order(db: Database) -> None:
    await asyncio.gather(*(db.write(*unit(k)) for k in range(1200)))
    query = Query("SELECT k, side FROM pairs WHERE side = 0 ORDER BY k")
    assert [pair.k for pair in await db.all(query, Pair)] == list(range(1200))


async def test_cancelled_units_are_whole_or_absent_and_wedge_nothing(db: Database) -> None:
    chance = random.Random(7)  # noqa: S311 — the same cancellations every time
    loop = asyncio.get_running_loop()
    acknowledged = set()
    for start in range(0, 3000, 20):
        tasks = [asyncio.create_task(db.write(*unit(start + i))) for i in range(20)]
        for task in chance.sample(tasks, 15):
            loop.call_later(chance.random() * 0.004, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for i, outcome in enumerate(outcomes):
            assert outcome == [1, 1] or isinstance(outcome, asyncio.CancelledError)
            if not isinstance(outcome, BaseException):
                acknowledged.add(start + i)

    assert await db.all(TORN, Pair) == []
    assert acknowledged <= set(await keys(db))
    assert 750 <= len(acknowledged) < 3000
    assert await db.write(*unit(3000)) == [1, 1]


async def test_a_unit_cancelled_before_it_began_is_not_stored(db: Database) -> None:
    first = asyncio.create_task(db.write(*unit(1)))
    second = asyncio.create_task(db.write(*unit(2)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([first, second])

    await db.ping()

    assert await keys(db) == [1]


async def test_a_full_disk_fails_the_write_and_reads_go_on(db: Database) -> None:
    await db.write(*unit(1))
    await db.write(Query("CREATE TABLE blobs (data BLOB)").bind())
    await db.write(Query("PRAGMA max_page_count = 20").bind())
    fill = Query("INSERT INTO blobs (data) VALUES (zeroblob(200000))")

    outcomes = await asyncio.gather(
        db.write(*unit(2)), db.write(fill.bind()), return_exceptions=True
    )

    assert any(isinstance(outcome, StorageFailed) for outcome in outcomes)
    assert await db.one(PAIRS, Pair) == Pair(1, 0)
    await db.write(Query("PRAGMA max_page_count = 1000").bind())
    await db.write(fill.bind())
    await db.write(*unit(3))
    assert {1, 3} <= set(await keys(db))


async def test_a_ping_fails_while_nothing_can_be_written(db: Database) -> None:
    await db.ping()
    with full_disk():
        with pytest.raises(StorageFailed):
            await db.ping()
        assert await keys(db) == []

    await db.ping()


async def test_every_ping_reaches_the_disk(db: Database, path: Path) -> None:
    await db.ping()
    log = path.with_name("vasya.db-wal")
    size_bytes = log.stat().st_size

    await db.ping()

    assert log.stat().st_size > size_bytes


async def test_a_bug_in_the_sql_is_not_left_hanging(db: Database) -> None:
    with pytest.raises(StorageFailed) as refusal:
        await db.write(Query("DELETE FROM nowhere").bind())
    assert str(refusal.value.__cause__) == "no such table: nowhere"
    with pytest.raises(StorageFailed) as refusal:
        await db.all(Query("SELECT 1 AS k, 2 AS side FROM nowhere"), Pair)
    assert str(refusal.value.__cause__) == "no such table: nowhere"
    assert await db.write(*unit(1)) == [1, 1]


async def test_a_client_is_told_nothing_of_the_tables(db: Database) -> None:
    with pytest.raises(StorageFailed) as refusal:
        await db.write(Query("DELETE FROM nowhere").bind())
    assert str(refusal.value) == "The server cannot write to its storage."


async def test_an_unforeseen_fault_reaches_every_waiter_as_it_is(db: Database) -> None:
    no_statement: Statement = object()  # type: ignore[assignment]  # the bug itself
    outcomes = await asyncio.gather(
        db.write(no_statement), db.write(*unit(1)), return_exceptions=True
    )
    assert isinstance(outcomes[0], AttributeError)
    assert await db.write(*unit(2)) == [1, 1]


async def test_a_lock_held_by_another_program_ends_in_an_error(db: Database, path: Path) -> None:
    await db.write(Query("PRAGMA busy_timeout = 50").bind())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed) as refusal:
            await db.write(*unit(1))
        assert str(refusal.value.__cause__) == "database is locked"
        other.execute("ROLLBACK")
    assert await db.write(*unit(1)) == [1, 1]


async def test_what_waits_behind_many_cancelled_units_is_stored(db: Database) -> None:
    tasks = [asyncio.create_task(db.write(*unit(k))) for k in range(600)]
    await asyncio.sleep(0)
    for task in tasks[:-1]:
        task.cancel()

    await asyncio.gather(*tasks, return_exceptions=True)

    assert 599 in await keys(db)


async def test_the_reader_cannot_write(db: Database) -> None:
    with pytest.raises(StorageFailed) as refusal:
        await db.all(Query("DELETE FROM pairs RETURNING k, side"), Pair)
    assert str(refusal.value.__cause__) == "attempt to write a readonly database"


async def test_foreign_keys_hold(db: Database) -> None:
    await db.write(
        Query("CREATE TABLE parents (id INTEGER PRIMARY KEY)").bind(),
        Query("CREATE TABLE children (parent INTEGER REFERENCES parents (id))").bind(),
    )
    with pytest.raises(ConstraintFailed):
        await db.write(Query("INSERT INTO children (parent) VALUES (1)").bind())


async def test_commits_are_flushed_to_the_disk(path: Path, db: Database) -> None:
    class Pragma(msgspec.Struct):
        journal_mode: str

    assert await db.one(Query("PRAGMA journal_mode"), Pragma) == Pragma("wal")
    assert path.with_name("vasya.db-wal").stat().st_size > 0


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_every_file_is_for_its_owner_only(tmp_path: Path, db: Database) -> None:
    await db.write(*unit(1))
    names = ("vasya.db", "vasya.db-wal", "vasya.db-shm", "vasya.db-writer")
    assert modes(tmp_path) == dict.fromkeys(names, 0o600)


async def test_loose_modes_of_files_found_are_tightened(
    tmp_path: Path, path: Path, open_db: OpenDb
) -> None:
    path.touch(0o644)
    path.with_name("vasya.db-wal").touch(0o666)
    database = await open_db()
    await database.ping()
    assert set(modes(tmp_path).values()) == {0o600}
    await database.close()


@pytest.mark.parametrize("content", ["no database, but long enough to look at it" * 10, None])
async def test_what_is_no_database_is_refused(
    path: Path, content: str | None, open_db: OpenDb
) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(ConfigurationInvalid, match="cannot be opened"):
        await open_db()


async def test_a_symbolic_link_is_refused(tmp_path: Path, path: Path, open_db: OpenDb) -> None:
    path.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ConfigurationInvalid, match="cannot be opened"):
        await open_db()
    assert not (tmp_path / "elsewhere.db").exists()


async def test_close_finishes_what_was_accepted_and_refuses_the_rest(
    path: Path, open_db: OpenDb
) -> None:
    database = await open_db()
    await database.write(Query("CREATE TABLE pairs (k INTEGER, side INTEGER)").bind())
    accepted = [asyncio.create_task(database.write(*unit(k))) for k in range(600)]
    await asyncio.sleep(0)

    await database.close()
    await database.close()

    assert await asyncio.gather(*accepted) == [[1, 1]] * 600
    with pytest.raises(StorageFailed, match="closed"):
        await database.write(*unit(1))
    with pytest.raises(StorageFailed, match="closed"):
        await database.ping()
    with pytest.raises(StorageFailed, match="closed"):
        await database.all(PAIRS, Pair)
    assert {file.name for file in path.parent.iterdir()} == {"vasya.db", "vasya.db-writer"}


@pytest.mark.long
async def test_acknowledged_units_survive_a_kill(
    path: Path,
    db: Database,
    open_db: OpenDb,
    is_apart: bool,  # noqa: FBT001 — a fixture
) -> None:
    await db.close()
    root = str(pathlib.Path(__file__).parents[2])
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, str(path), root, str(is_apart)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(500)]
        os.kill(process.pid, signal.SIGKILL)

    again = await open_db()
    assert set(acknowledged) <= set(await keys(again))
    assert await again.all(TORN, Pair) == []
    await again.close()
