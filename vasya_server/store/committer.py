"""Where batches are written: on a thread of this process, or in a process of their own (store/apart.py)."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from vasya_server.errors import StorageFailed
from vasya_server.store.batch import Writer, commit
from vasya_server.store.connection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vasya_server.store.batch import Outcome, Unit
    from vasya_server.store.database import Journal


# One fsync carries all units that came while the last one ran; the cap bounds how long the first of them waits.
MAX_UNITS: Final = 512


class Committer(Protocol):
    """Writes batches, one after the other, and holds the journal."""

    @property
    def at_once(self) -> int:
        """Return how many batches it takes before the first of them is written."""

    @property
    def enough(self) -> int:
        """Return how many units are a batch for which nobody need wait for more."""

    @property
    def fault(self) -> str | None:
        """Return why the journal cannot be written, as it said last."""

    def ask(self) -> None:
        """Have the next batch look at the journal's file."""

    def pack(self, unit: Unit) -> Any:  # noqa: ANN401 — what `commit` takes, and nobody else knows
        """Return *unit* as `commit` takes it.

        Raises:
            OverflowError, UnicodeEncodeError, TypeError: A value is none that a database stores.
        """

    def commit(
        self, units: Sequence[Any], settle: Callable[[Sequence[Outcome | None]], object]
    ) -> asyncio.Future[list[Outcome]]:
        """Write a batch, as `batch.commit` does, behind those that it has.

        Of two batches the later may be settled early before the earlier is done.

        Args:
            settle: Called on the event loop with what is known early; None is not known yet.
        """

    async def resume(self) -> None:
        """Have the journal go on where the database says that it stopped.

        Raises:
            StorageFailed: The database cannot be read.
        """

    async def close(self) -> None:
        """Close database and journal; the last connection to leave folds the WAL into the database."""


class ThreadCommitter:
    """Writes on a thread of this process: it and the loop take turns, or they would fight for the interpreter."""

    at_once = 1
    enough = MAX_UNITS

    def __init__(self, thread: ThreadPoolExecutor, writer: Writer) -> None:
        self._thread = thread
        self._writer = writer
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, path: Path, journal: Journal | None) -> Self:
        """Open the database.

        Raises:
            OSError, sqlite3.Error: It cannot be.
        """
        thread = ThreadPoolExecutor(1, "vasya-store-writer")
        try:
            work = partial(Writer.open, path, journal)
            writer = await asyncio.get_running_loop().run_in_executor(thread, work)
        except BaseException:
            thread.shutdown()
            raise
        return cls(thread, writer)

    @property
    def fault(self) -> str | None:
        """Return why the journal cannot be written."""
        return self._writer.journal.fault if self._writer.journal else None

    def ask(self) -> None:
        """Have the next batch look at the journal's file."""
        if self._writer.journal:
            self._writer.journal.ask()

    def pack(self, unit: Unit) -> Unit:
        """Return *unit* as it is."""
        return unit

    def commit(
        self, units: Sequence[Unit], settle: Callable[[Sequence[Outcome | None]], object]
    ) -> asyncio.Future[list[Outcome]]:
        """Write a batch."""

        def early(outcomes: Sequence[Outcome | None]) -> None:
            self._loop.call_soon_threadsafe(settle, outcomes)

        work = partial(commit, self._writer, units, early)
        return self._loop.run_in_executor(self._thread, work)

    async def resume(self) -> None:
        """Have the journal go on where the database says that it stopped."""
        if (journal := self._writer.journal) is None:
            return
        read = partial(select, self._writer.connection)
        try:
            await self._loop.run_in_executor(self._thread, journal.resume, read)
        except sqlite3.Error as error:
            raise StorageFailed from error

    async def close(self) -> None:
        """Close database, journal and thread."""
        await self._loop.run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()
