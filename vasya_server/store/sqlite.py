"""SQLite: one writer with group commit, one reader thread (docs/adr/0004-sqlite3-threads.md)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from vasya_server.errors import ConfigurationInvalid, StorageFailed
from vasya_server.store.apart import ProcessCommitter
from vasya_server.store.batch import Unit
from vasya_server.store.committer import MAX_UNITS, ThreadCommitter
from vasya_server.store.connection import connect_reader, make_private, select
from vasya_server.store.database import Query, Statement, Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vasya_server.store.apart import Apart
    from vasya_server.store.batch import Outcome
    from vasya_server.store.committer import Committer
    from vasya_server.store.database import Database, Entry, Journal

T = TypeVar("T", bound=msgspec.Struct)

# Waiters that were told may write at once, and one answer of Telegram has two to write: whoever asked, and in the next
# turns whoever writes down what it changed. A turn costs some microseconds, a sync of its own half a millisecond.
_TURNS: Final = 2
# So long after a batch with entries, and nothing to do, what the journal knows more than the database is noted there.
_NOTE_AFTER_SECS: Final = 0.5

_NOTHING: Final = Query("SELECT 1 AS one")
# Writes the first page anew, with what it says already: the shortest change that has to reach the disk ("Vasy").
_TOUCH: Final = Query("PRAGMA application_id = 0x56617379")


async def open_sqlite(
    path: Path, journal: Journal | None = None, *, apart: Apart | None = None
) -> Database:
    """Open the database at *path*, making an empty one where there is none.

    Args:
        journal: Writes down what units bring entries for; without one such units are refused.
        apart: The process that writes in place of a thread of this one, with a journal of its own.

    Raises:
        ConfigurationInvalid: The file is not a database that this process can read and write.
    """
    async with contextlib.AsyncExitStack() as opened:
        try:
            make_private(path)
            committer = await _open_committer(path, journal, apart)
            opened.push_async_callback(committer.close)
            reader = ThreadPoolExecutor(1, "vasya-store-reader")
            opened.callback(reader.shutdown)
            loop = asyncio.get_running_loop()
            reading = await loop.run_in_executor(reader, connect_reader, path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationInvalid(f"The database file cannot be opened: {error}.") from error
        opened.pop_all()
    return _Sqlite(committer, reader, reading)


async def _open_committer(path: Path, journal: Journal | None, apart: Apart | None) -> Committer:
    if apart is None:
        return await ThreadCommitter.open(path, journal)
    return await ProcessCommitter.open(path, apart)


class _One(msgspec.Struct):
    one: int


@dataclass(slots=True)
class _Waiting:
    packed: Any
    has_entries: bool
    outcome: asyncio.Future[list[int]]


class _Sqlite:
    """Units that come while the writer is busy wait in a list, and go to it together.

    Whoever is ready at the same time goes together, so that every sync is for as many as can be. How many batches the writer
    has at a time, and how many units are enough for one, only the committer knows. The hand-over runs in callbacks of the
    loop and in no task, so nothing that is cancelled can stop it.
    """

    def __init__(
        self, committer: Committer, reader: ThreadPoolExecutor, reading: sqlite3.Connection
    ) -> None:
        self._committer = committer
        self._reader, self._reading = reader, reading
        self._waiting: list[_Waiting] = []
        self._batches = 0  # that the writer has
        self._is_due = False
        self._note: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def all(self, query: Query, into: type[T], **params: Value) -> list[T]:
        if self._is_closed:
            raise StorageFailed("The storage is closed.")
        work = partial(select, self._reading, query, into, **params)
        try:
            return await self._loop.run_in_executor(self._reader, work)
        except sqlite3.Error as error:
            raise StorageFailed from error

    async def one(self, query: Query, into: type[T], **params: Value) -> T | None:
        rows = await self.all(query, into, **params)
        return rows[0] if rows else None

    async def write(self, *statements: Statement, entries: Sequence[Entry] = ()) -> list[int]:
        if self._is_closed:
            raise StorageFailed("The storage is closed.")
        return await self._enqueue(Unit(statements, tuple(entries)))

    @property
    def journal_fault(self) -> str | None:
        return self._committer.fault

    def ask_journal(self) -> None:
        self._committer.ask()

    async def resume_journal(self) -> None:
        await self._committer.resume()

    async def ping(self) -> None:
        await self.write(_TOUCH.bind())
        await self.one(_NOTHING, _One)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._is_idle.wait()
        if self._note is not None:
            self._note.cancel()
            with contextlib.suppress(StorageFailed):  # the next start finds out for itself
                await self._enqueue(Unit(()))
        # The writer goes last: the last connection to leave folds the WAL into the database and removes it.
        await self._loop.run_in_executor(self._reader, self._reading.close)
        await self._committer.close()
        self._reader.shutdown()

    def _enqueue(self, unit: Unit) -> asyncio.Future[list[int]]:
        outcome: asyncio.Future[list[int]] = self._loop.create_future()
        self._waiting.append(_Waiting(self._committer.pack(unit), bool(unit.entries), outcome))
        self._is_idle.clear()
        if len(self._waiting) >= self._committer.enough:
            self._hand_over()
        elif not self._batches:
            self._hand_over_soon()
        return outcome

    def _hand_over_soon(self) -> None:
        """Hand over in some turns of the loop, behind what is ready to run by then."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn, _TURNS)

    def _turn(self, left: int) -> None:
        if left:
            self._loop.call_soon(self._turn, left - 1)
        else:
            self._is_due = False
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the writer what has been waiting where it takes a batch, or note that there is nothing."""
        if self._batches >= self._committer.at_once:
            return
        batch, self._waiting = self._waiting[:MAX_UNITS], self._waiting[MAX_UNITS:]
        # A unit nobody waits for any more and that has not begun is dropped: its caller was told of no success.
        batch = [waiting for waiting in batch if not waiting.outcome.cancelled()]
        if batch:
            self._batches += 1
            units = [waiting.packed for waiting in batch]
            done = self._committer.commit(units, partial(self._settle, batch))
            done.add_done_callback(partial(self._finish, batch))
        elif self._waiting:
            self._hand_over_soon()
        elif not self._batches:
            self._is_idle.set()

    def _settle(
        self, batch: list[_Waiting], outcomes: Sequence[Outcome | BaseException | None]
    ) -> None:
        """Tell the waiters of *batch* what became of their units; None is not known yet."""
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if outcome is None or waiting.outcome.done():
                continue
            if isinstance(outcome, BaseException):
                waiting.outcome.set_exception(outcome)
            else:
                waiting.outcome.set_result(outcome)

    def _finish(self, batch: list[_Waiting], done: asyncio.Future[list[Outcome]]) -> None:
        """Tell the waiters of *batch* the rest, and keep the writer busy."""
        self._batches -= 1
        fault = done.exception()
        self._settle(batch, [_told(fault) for _ in batch] if fault else done.result())
        self._hand_over_soon()
        if any(waiting.has_entries for waiting in batch):
            self._note_later()

    def _note_later(self) -> None:
        """See to it that the database learns soon which lines are in the file, even if nothing else is written."""
        if self._note is not None:
            self._note.cancel()
        self._note = self._loop.call_later(_NOTE_AFTER_SECS, self._note_now)

    def _note_now(self) -> None:
        if not self._is_closed:
            self._enqueue(Unit(())).add_done_callback(_ignore)
            self._note = None


def _ignore(note: asyncio.Future[list[int]]) -> None:
    """Take note that the note may have failed; the next batch, or the next start, makes it again."""
    note.exception()


def _told(fault: BaseException) -> BaseException:
    """Return what a waiter gets to see of the transaction's fault: the disk's in the domain's words, a bug as it is."""
    if not isinstance(fault, sqlite3.Error):
        return fault
    failed = StorageFailed()
    failed.__cause__ = fault
    return failed
