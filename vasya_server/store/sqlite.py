"""SQLite: one writer thread with group commit, one reader thread (docs/adr/0004-sqlite3-threads.md)."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec

from vasya_server.errors import ConfigurationInvalid, StorageFailed
from vasya_server.store.database import (
    ConstraintFailed,
    Query,
    Statement,
    Unexpected,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vasya_server.store.database import Database

T = TypeVar("T", bound=msgspec.Struct)
Unit: TypeAlias = "tuple[Statement, ...]"
Outcome: TypeAlias = "list[int] | Exception"

# One fsync carries all units that came while the last one ran; the cap bounds how long the first of them waits.
_MAX_UNITS: Final = 512
_BUSY_TIMEOUT_SECS: Final = 5.0
_OWNER_ONLY: Final = 0o600

# A unit of the caller's making that SQLite cannot take: it is refused alone, and its neighbours are stored.
_OWN_FAULTS: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)

_COMMON_PRAGMAS: Final = ("foreign_keys = ON", "trusted_schema = OFF", "temp_store = MEMORY")
_WRITER_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",  # in WAL mode anything less may lose the last commits with the power
    "secure_delete = ON",  # an erased account leaves no sealed session behind in free pages
    *_COMMON_PRAGMAS,
)
_READER_PRAGMAS: Final = ("query_only = ON", *_COMMON_PRAGMAS)

_NOTHING: Final = Query("SELECT 1 AS one")
# Writes the first page anew, with what it says already: the shortest change that has to reach the disk ("Vasy").
_TOUCH: Final = Query("PRAGMA application_id = 0x56617379")


async def open_sqlite(path: Path) -> Database:
    """Open the database at *path*, making an empty one where there is none.

    Raises:
        ConfigurationInvalid: The file is not a database that this process can read and write.
    """
    writer = ThreadPoolExecutor(1, "vasya-store-writer")
    reader = ThreadPoolExecutor(1, "vasya-store-reader")
    loop = asyncio.get_running_loop()
    try:
        _make_private(path)
        writing = await loop.run_in_executor(writer, _connect, path, _WRITER_PRAGMAS)
        reading = await loop.run_in_executor(reader, _connect, path, _READER_PRAGMAS)
    except (OSError, sqlite3.Error) as error:
        writer.shutdown()
        reader.shutdown()
        raise ConfigurationInvalid(f"The database file cannot be opened: {error}.") from error
    return _Sqlite(writer, writing, reader, reading)


def _make_private(path: Path) -> None:
    """Let SQLite find a file that only its owner can use; it gives its WAL files the same mode."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        os.fchmod(handle, _OWNER_ONLY)
    finally:
        os.close(handle)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.chmod(_OWNER_ONLY)


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    # Transactions are begun here and nowhere else, hence no isolation level; each connection stays on its one thread.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_SECS, isolation_level=None)
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _One(msgspec.Struct):
    one: int


@dataclass(slots=True)
class _Waiting:
    unit: Unit
    outcome: asyncio.Future[list[int]]


class _Sqlite:
    """Units that come while the writer is busy wait in a list, and go to it together when it is free.

    The hand-over runs in callbacks of the loop and in no task, so nothing that is cancelled can stop it.
    """

    def __init__(
        self,
        writer: ThreadPoolExecutor,
        writing: sqlite3.Connection,
        reader: ThreadPoolExecutor,
        reading: sqlite3.Connection,
    ) -> None:
        self._writer, self._writing = writer, writing
        self._reader, self._reading = reader, reading
        self._waiting: list[_Waiting] = []
        self._is_closed = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def all(self, query: Query, into: type[T], **params: Value) -> list[T]:
        if self._is_closed:
            raise StorageFailed("The storage is closed.")
        work = partial(_select, self._reading, query, into, params)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, work)
        except sqlite3.Error as error:
            raise StorageFailed from error

    async def one(self, query: Query, into: type[T], **params: Value) -> T | None:
        rows = await self.all(query, into, **params)
        return rows[0] if rows else None

    async def write(self, *statements: Statement) -> list[int]:
        if self._is_closed:
            raise StorageFailed("The storage is closed.")
        outcome: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(statements, outcome))
        if self._is_idle.is_set():
            self._hand_over()
        return await outcome

    async def ping(self) -> None:
        await self.write(_TOUCH.bind())
        await self.one(_NOTHING, _One)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._is_idle.wait()
        loop = asyncio.get_running_loop()
        # The writer goes last: the last connection to leave folds the WAL into the database and removes it.
        await loop.run_in_executor(self._reader, self._reading.close)
        await loop.run_in_executor(self._writer, self._writing.close)
        self._reader.shutdown()
        self._writer.shutdown()

    def _hand_over(self) -> None:
        """Give the writer what has been waiting, or note that there is nothing."""
        batch, self._waiting = self._waiting[:_MAX_UNITS], self._waiting[_MAX_UNITS:]
        # A unit nobody waits for any more and that has not begun is dropped: its caller was told of no success.
        batch = [waiting for waiting in batch if not waiting.outcome.cancelled()]
        if not batch and not self._waiting:
            self._is_idle.set()
            return
        self._is_idle.clear()
        work = partial(_commit, self._writing, [waiting.unit for waiting in batch])
        done = asyncio.get_running_loop().run_in_executor(self._writer, work)
        done.add_done_callback(partial(self._settle, batch))

    def _settle(self, batch: list[_Waiting], done: asyncio.Future[list[Outcome]]) -> None:
        """Tell every waiter of *batch* what became of its unit, and keep the writer busy."""
        self._hand_over()
        fault = done.exception()
        outcomes = [_told(fault) for _ in batch] if fault else done.result()
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.outcome.cancelled():
                continue
            if isinstance(outcome, BaseException):
                waiting.outcome.set_exception(outcome)
            else:
                waiting.outcome.set_result(outcome)


def _told(fault: BaseException) -> BaseException:
    """Return what a waiter gets to see of the transaction's fault: the disk's in the domain's words, a bug as it is."""
    if not isinstance(fault, sqlite3.Error):
        return fault
    failed = StorageFailed()
    failed.__cause__ = fault
    return failed


def _select(
    connection: sqlite3.Connection, query: Query, into: type[T], params: Mapping[str, Value]
) -> list[T]:
    """Run on the reader thread: the query and the making of its rows, in one hop."""
    cursor = connection.execute(query.text, params)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return msgspec.convert(rows, list[into], strict=False, builtin_types=(bytes,))  # type: ignore[valid-type]  # a type made at run time


def _commit(connection: sqlite3.Connection, units: Sequence[Unit]) -> list[Outcome]:
    """Run on the writer thread: every unit inside one transaction, each whole or not at all.

    Raises:
        sqlite3.Error: The transaction could not be begun, carried out or committed; no unit is stored.
    """
    _roll_back(connection)  # where the last roll-back failed with the disk
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_apply(connection, unit) for unit in units]
        connection.execute("COMMIT")
    finally:
        _roll_back(connection)
    return outcomes


def _roll_back(connection: sqlite3.Connection) -> None:
    """Leave no transaction open: the next BEGIN would fail, and so would every one after it."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _apply(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    """Run the statements of one unit inside a savepoint; a refusal undoes this unit and no other."""
    refusal: Exception
    connection.execute("SAVEPOINT unit")
    try:
        counts = [_run(connection, statement) for statement in unit]
    except sqlite3.IntegrityError as error:
        refusal = ConstraintFailed(str(error))
    except (Unexpected, *_OWN_FAULTS) as error:
        refusal = error
    else:
        connection.execute("RELEASE unit")
        return counts
    connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return refusal


def _run(connection: sqlite3.Connection, statement: Statement) -> int:
    touched = connection.execute(statement.query.text, statement.params).rowcount
    if statement.expect is not None and touched != statement.expect:
        raise Unexpected(f"{touched} rows touched, {statement.expect} expected")
    return touched
