"""What is done where batches are written: a batch of units in one transaction, and their lines in the journal's file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from vasya_server.errors import AuditUnavailable
from vasya_server.model.base import Plain
from vasya_server.store.connection import connect_writer, hold_writing
from vasya_server.store.database import Bulk, ConstraintFailed, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vasya_server.store.database import Entry, Journal, Statement, Value

Outcome: TypeAlias = "list[int] | Exception"

# A unit of the caller's making that SQLite cannot take: it is refused alone, and its neighbours are stored.
OWN_FAULTS: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)

_REFUSALS: Final = (sqlite3.IntegrityError, Unexpected, *OWN_FAULTS)


# Of one statement; each count is a text of its own, prepared once.
_MAX_ROWS: Final = 64


class _UnitRefused(Exception):
    """A unit of the batch cannot be stored."""


class Unit(Plain, frozen=True):
    """Statements that belong together, and what is written down of them."""

    statements: tuple[Statement, ...]
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """What only the one thread touches on which batches are written."""

    held: int
    connection: sqlite3.Connection
    journal: Journal | None

    @classmethod
    def open(cls, path: Path, journal: Journal | None) -> Self:
        """Become the one who writes the database at *path*.

        Raises:
            OSError: Somebody else is.
            sqlite3.Error: It cannot be opened.
        """
        held = hold_writing(path)
        try:
            return cls(held, connect_writer(path), journal)
        except BaseException:
            os.close(held)
            raise

    def close(self) -> None:
        """Close all of it, and only then let somebody else write."""
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, self.held)
            closing.callback(self.connection.close)
            if self.journal is not None:
                closing.callback(self.journal.close)


def commit(
    writer: Writer,
    units: Sequence[Unit],
    settle: Callable[[Sequence[Outcome | None]], object],
) -> list[Outcome]:
    """Do every unit inside one transaction, each whole or not at all.

    A unit that is refused undoes them all, and then each is done in a savepoint of its own: refusals are rare, and
    savepoints cost as much as a statement.

    Args:
        settle: Called as soon as units are stored for which the journal need not be waited for.

    Raises:
        sqlite3.Error: The transaction could not be begun, carried out or committed; no unit is stored.
    """
    try:
        outcomes = _transact(writer, units, _Together(writer.connection))
    except _UnitRefused:
        outcomes = _transact(writer, units, _Apart(writer.connection))
    journal = writer.journal
    if journal is None:
        return outcomes
    if any(unit.entries for unit in units) and not all(unit.entries for unit in units):
        settle([None if u.entries else o for u, o in zip(units, outcomes, strict=True)])
    if journal.append():
        return outcomes
    return [_unwritten(unit, outcome) for unit, outcome in zip(units, outcomes, strict=True)]


def _transact(writer: Writer, units: Sequence[Unit], doing: _Together | _Apart) -> list[Outcome]:
    """Do *units* and store their lines in one transaction."""
    connection, journal = writer.connection, writer.journal
    _roll_back(connection)  # where the last roll-back failed with the disk
    try:
        if journal:
            journal.begin(has_entries=any(unit.entries for unit in units))
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_apply(journal, unit, doing) for unit in units]
        doing.finish()
        for statement in journal.end() if journal else ():
            _run(connection, statement)
        connection.execute("COMMIT")
    except BaseException:
        if journal:
            journal.undo()
        raise
    finally:
        _roll_back(connection)
    return outcomes


def _unwritten(unit: Unit, outcome: Outcome) -> Outcome:
    """Return what the waiter is told whose lines are stored and not yet in the file."""
    if isinstance(outcome, Exception) or all(entry.reduces_risk for entry in unit.entries):
        return outcome
    return AuditUnavailable(is_stored=True)


def _roll_back(connection: sqlite3.Connection) -> None:
    """Leave no transaction open: the next BEGIN would fail, and so would every one after it."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _apply(journal: Journal | None, unit: Unit, doing: _Together | _Apart) -> Outcome:
    """Do one unit, and number its lines where it is done."""
    if not unit.entries:
        return doing.do(unit)
    if journal is None:
        return AuditUnavailable()
    try:
        journal.admit(unit.entries)
    except AuditUnavailable as error:
        return error
    outcome = doing.do(unit)
    if not isinstance(outcome, Exception):
        journal.number(unit.entries)
    return outcome


class _Together:
    """Does the units of a batch one after the other, and those that are one row of a bulk query all at once.

    Any refusal ends the whole batch with `_UnitRefused`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[Bulk, list[Sequence[Value]]] = {}

    def do(self, unit: Unit) -> Outcome:
        """Do the unit, or put its row beside others of its kind."""
        if len(unit.statements) == 1:
            statement = unit.statements[0]
            if isinstance(statement.query, Bulk) and len(statement.rows) == 1:
                self._rows.setdefault(statement.query, []).append(statement.rows[0])
                return [1]
        try:
            return [_run(self._connection, statement) for statement in unit.statements]
        except _REFUSALS as error:
            raise _UnitRefused from error

    def finish(self) -> None:
        """Do the rows that were put aside; nothing of the batch reads them."""
        try:
            for query, rows in self._rows.items():
                _run(self._connection, query.bind_many(rows))
        except _REFUSALS as error:
            raise _UnitRefused from error


class _Apart:
    """Does every unit of a batch in a savepoint of its own: a refusal undoes this unit and no other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def do(self, unit: Unit) -> Outcome:
        """Do the unit, or return why it is refused."""
        connection = self._connection
        refusal: Exception
        connection.execute("SAVEPOINT unit")
        try:
            counts = [_run(connection, statement) for statement in unit.statements]
        except sqlite3.IntegrityError as error:
            refusal = ConstraintFailed(str(error))
        except (Unexpected, *OWN_FAULTS) as error:
            refusal = error
        else:
            connection.execute("RELEASE unit")
            return counts
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return refusal

    def finish(self) -> None:
        """Do nothing: every unit is done."""


def _run(connection: sqlite3.Connection, statement: Statement) -> int:
    query = statement.query
    if isinstance(query, Bulk):
        return _run_bulk(connection, query, statement.rows)
    touched = connection.execute(query.text, statement.params).rowcount
    if statement.expect is not None and touched != statement.expect:
        raise Unexpected(f"{touched} rows touched, {statement.expect} expected")
    return touched


def _run_bulk(connection: sqlite3.Connection, query: Bulk, rows: Sequence[Sequence[Value]]) -> int:
    for at in range(0, len(rows), _MAX_ROWS):
        some = rows[at : at + _MAX_ROWS]
        values = [value for row in some for value in row]
        touched = connection.execute(_text_for(query, len(some)), values).rowcount
        if touched != len(some):
            raise Unexpected(f"{touched} rows touched, {len(some)} expected")
    return len(rows)


@cache
def _text_for(query: Bulk, count: int) -> str:
    return query.text_for(count)
