"""What the store promises a journal, and those who wait for it."""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.store.database import (
    Bulk,
    ConstraintFailed,
    Entry,
    Query,
    Read,
    Statement,
    Unexpected,
)
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from vasya_server.store.database import Database

ADD = Query("INSERT INTO pairs (k, side) VALUES (:k, :side)")
ADD_LINE = Bulk("INSERT INTO lines (seq, k) VALUES {rows}", "(?, ?)", ("seq", "k"))
LINES = Query("SELECT seq AS k, k AS side FROM lines ORDER BY seq")
PAIRS = Query("SELECT k, side FROM pairs ORDER BY k, side")


class Pair(msgspec.Struct, frozen=True):
    k: int
    side: int


@dataclass(frozen=True)
class Note:
    """An entry about the unit *k*."""

    k: int
    reduces_risk: bool = False
    may_wait: bool = False


@dataclass
class ListJournal:
    """Numbers entries and appends them to a list; refuses and fails as the test says."""

    file: list[tuple[int, int]] = field(default_factory=list)
    seq: int = 0
    batch: list[tuple[int, int]] = field(default_factory=list)
    begun: list[bool] = field(default_factory=list)
    is_degraded: bool = False
    is_broken: bool = False
    is_closed: bool = False
    may_append: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_append.set()

    @property
    def fault(self) -> str | None:
        return "degraded" if self.is_degraded else None

    def ask(self) -> None:
        """Nothing is looked at."""

    def resume(self, read: Read) -> None:
        """There is nothing to resume."""

    def begin(self, *, has_entries: bool) -> None:
        self.begun.append(has_entries)

    def admit(self, entries: Sequence[Entry]) -> None:
        if self.is_degraded and not all(entry.may_wait for entry in entries):
            raise AuditUnavailable

    def number(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert isinstance(entry, Note)
            self.seq += 1
            self.batch.append((self.seq, entry.k))

    def end(self) -> Sequence[Statement]:
        return [ADD_LINE.bind_many(self.batch)] if self.batch else []

    def undo(self) -> None:
        self.seq -= len(self.batch)
        self.batch.clear()

    def append(self) -> bool:
        batch, self.batch = self.batch, []
        if not batch:
            return True
        self.may_append.wait(10)
        if not self.is_broken:
            self.file += batch
        return not self.is_broken

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def journal() -> ListJournal:
    return ListJournal()


@pytest.fixture
async def db(path: Path, journal: ListJournal) -> AsyncIterator[Database]:
    database = await open_sqlite(path, journal)
    await database.write(
        Query("CREATE TABLE pairs (k INTEGER, side INTEGER, PRIMARY KEY (k, side)) STRICT").bind(),
        Query("CREATE TABLE lines (seq INTEGER PRIMARY KEY, k INTEGER) STRICT").bind(),
    )
    yield database
    await database.close()


def unit(k: int) -> tuple[Statement, Statement]:
    return ADD.bind(k=k, side=0), ADD.bind(k=k, side=1)


async def keys(db: Database) -> list[int]:
    return sorted({pair.k for pair in await db.all(PAIRS, Pair)})


async def lines(db: Database) -> list[tuple[int, int]]:
    return [(line.k, line.side) for line in await db.all(LINES, Pair)]


async def test_a_unit_and_its_entries_are_stored_together_and_counted_apart(
    db: Database, journal: ListJournal
) -> None:
    assert await db.write(*unit(7), entries=[Note(7), Note(7)]) == [1, 1]

    assert await lines(db) == journal.file == [(1, 7), (2, 7)]


async def test_entries_without_statements_are_a_unit(db: Database, journal: ListJournal) -> None:
    assert await db.write(entries=[Note(7)]) == []
    assert await lines(db) == journal.file == [(1, 7)]


async def test_entries_are_numbered_in_the_order_of_the_units(
    db: Database, journal: ListJournal
) -> None:
    await asyncio.gather(*(db.write(*unit(k), entries=[Note(k)]) for k in range(1200)))

    assert journal.file == [(k + 1, k) for k in range(1200)]
    assert len([has_entries for has_entries in journal.begun if has_entries]) < 10


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (ADD.bind(k=5, side=0), ConstraintFailed),
        (Query("DELETE FROM pairs WHERE k = 99").bind(expect=1), Unexpected),
        (Statement(ADD, {"k": 2**63, "side": 0}), OverflowError),
    ],
)
async def test_a_refused_unit_leaves_neither_line_nor_gap(
    db: Database, journal: ListJournal, bad: Statement, fault: type[Exception]
) -> None:
    await db.write(*unit(5))

    outcomes = await asyncio.gather(
        db.write(*unit(1), entries=[Note(1)]),
        db.write(*unit(2), bad, entries=[Note(2), Note(2)]),
        db.write(*unit(3), entries=[Note(3)]),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [list, fault, list]
    assert await keys(db) == [1, 3, 5]
    assert await lines(db) == journal.file == [(1, 1), (2, 3)]


async def test_a_failed_transaction_leaves_neither_lines_nor_a_gap(
    db: Database, journal: ListJournal
) -> None:
    outcomes = await asyncio.gather(
        db.write(*unit(1), entries=[Note(1)]),
        db.write(*unit(2), Query("DELETE FROM nowhere").bind(), entries=[Note(2)]),
        return_exceptions=True,
    )
    await db.write(*unit(3), entries=[Note(3)])

    assert isinstance(outcomes[1], StorageFailed)
    assert [k for _, k in journal.file] == await keys(db)
    assert [seq for seq, _ in journal.file] == list(range(1, len(journal.file) + 1))


async def test_cancelled_units_are_stored_with_their_lines_or_without_both(
    db: Database, journal: ListJournal
) -> None:
    chance = random.Random(7)  # noqa: S311 — the same cancellations every time
    loop = asyncio.get_running_loop()
    acknowledged = set()
    for start in range(0, 2000, 20):
        tasks = [
            asyncio.create_task(db.write(*unit(start + i), entries=[Note(start + i)]))
            for i in range(20)
        ]
        for task in chance.sample(tasks, 15):
            loop.call_later(chance.random() * 0.004, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for i, outcome in enumerate(outcomes):
            assert outcome == [1, 1] or isinstance(outcome, asyncio.CancelledError)
            if not isinstance(outcome, BaseException):
                acknowledged.add(start + i)

    await db.ping()
    assert await lines(db) == journal.file
    assert sorted(k for _, k in journal.file) == await keys(db)
    assert [seq for seq, _ in journal.file] == list(range(1, len(journal.file) + 1))
    assert acknowledged <= set(await keys(db))


async def test_only_units_with_entries_wait_for_the_file(
    db: Database, journal: ListJournal
) -> None:
    first = asyncio.create_task(db.write(*unit(0)))
    await asyncio.sleep(0)
    journal.may_append.clear()
    recorded = asyncio.create_task(db.write(*unit(1), entries=[Note(1)]))
    plain = asyncio.create_task(db.write(*unit(2)))
    await first

    assert await plain == [1, 1]
    assert await keys(db) == [0, 1, 2]
    assert not recorded.done()
    journal.may_append.set()
    assert await recorded == [1, 1]


async def test_a_line_that_is_not_in_the_file_yet_is_told_and_its_unit_is_stored(
    db: Database, journal: ListJournal
) -> None:
    journal.is_broken = True
    outcomes = await asyncio.gather(
        db.write(*unit(1), entries=[Note(1)]),
        db.write(*unit(2)),
        db.write(*unit(3), entries=[Note(3, reduces_risk=True)]),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], AuditUnavailable)
    assert outcomes[0].is_stored is True
    assert outcomes[1:] == [[1, 1], [1, 1]]
    assert await keys(db) == [1, 2, 3]


async def test_while_the_journal_refuses_nothing_of_the_unit_is_stored(
    db: Database, journal: ListJournal
) -> None:
    journal.is_degraded = True
    outcomes = await asyncio.gather(
        db.write(*unit(1), entries=[Note(1)]),
        db.write(*unit(2)),
        db.write(*unit(3), entries=[Note(3, may_wait=True)]),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], AuditUnavailable)
    assert outcomes[0].is_stored is False
    assert outcomes[1:] == [[1, 1], [1, 1]]
    assert await keys(db) == [2, 3]
    assert journal.file == [(1, 3)]


async def test_without_a_journal_entries_are_refused(tmp_path: Path) -> None:
    database = await open_sqlite(tmp_path / "other.db")
    with pytest.raises(AuditUnavailable):
        await database.write(entries=[Note(1)])
    assert await database.write(Query("SELECT 1").bind()) == [-1]
    await database.close()


async def test_close_notes_the_last_batch_and_closes_the_journal(
    path: Path, journal: ListJournal
) -> None:
    database = await open_sqlite(path, journal)
    await database.write(Query("CREATE TABLE lines (seq INTEGER PRIMARY KEY, k INTEGER)").bind())
    await database.write(entries=[Note(1)])

    await database.close()

    assert journal.begun[-2:] == [True, False]
    assert journal.is_closed
