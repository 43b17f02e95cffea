"""What runs on the writer's thread: a batch of units in one transaction, and their lines in the journal's file."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from vasya_server.errors import AuditUnavailable
from vasya_server.model.base import Plain
from vasya_server.store.database import ConstraintFailed, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from vasya_server.store.database import Entry, Journal, Statement

Outcome: TypeAlias = "list[int] | Exception"

# A unit of the caller's making that SQLite cannot take: it is refused alone, and its neighbours are stored.
_OWN_FAULTS: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)

_REFUSALS: Final = (sqlite3.IntegrityError, Unexpected, *_OWN_FAULTS)


class _UnitRefused(Exception):
    """A unit of the batch cannot be stored."""


class Unit(Plain, frozen=True):
    """Statements that belong together, and what is written down of them."""

    statements: tuple[Statement, ...]
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """The writer's thread, and what only that thread touches."""

    thread: ThreadPoolExecutor
    connection: sqlite3.Connection
    journal: Journal | None

    def close(self) -> None:
        """Close both."""
        self.connection.close()
        if self.journal is not None:
            self.journal.close()


def commit(
    writer: Writer,
    units: Sequence[Unit],
    settle: Callable[[Sequence[Outcome | None]], object],
) -> list[Outcome]:
    """Run on the writer thread: every unit inside one transaction, each whole or not at all.

    A unit that is refused undoes them all, and then each is done in a savepoint of its own: refusals are rare, and
    savepoints cost as much as a statement.

    Args:
        settle: Called as soon as units are stored for which the journal need not be waited for.

    Raises:
        sqlite3.Error: The transaction could not be begun, carried out or committed; no unit is stored.
    """
    try:
        outcomes = _transact(writer, units, _do)
    except _UnitRefused:
        outcomes = _transact(writer, units, _do_apart)
    journal = writer.journal
    if journal is None:
        return outcomes
    if any(unit.entries for unit in units) and not all(unit.entries for unit in units):
        settle([None if u.entries else o for u, o in zip(units, outcomes, strict=True)])
    if journal.append():
        return outcomes
    return [_unwritten(unit, outcome) for unit, outcome in zip(units, outcomes, strict=True)]


def _transact(
    writer: Writer,
    units: Sequence[Unit],
    do: Callable[[sqlite3.Connection, Unit], Outcome],
) -> list[Outcome]:
    """Do *units* and store their lines in one transaction."""
    connection, journal = writer.connection, writer.journal
    _roll_back(connection)  # where the last roll-back failed with the disk
    try:
        if journal:
            journal.begin(has_entries=any(unit.entries for unit in units))
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_apply(connection, journal, unit, do) for unit in units]
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


def _apply(
    connection: sqlite3.Connection,
    journal: Journal | None,
    unit: Unit,
    do: Callable[[sqlite3.Connection, Unit], Outcome],
) -> Outcome:
    """Do one unit, and number its lines where it is done."""
    if not unit.entries:
        return do(connection, unit)
    if journal is None:
        return AuditUnavailable()
    try:
        journal.admit(unit.entries)
    except AuditUnavailable as error:
        return error
    outcome = do(connection, unit)
    if not isinstance(outcome, Exception):
        journal.number(unit.entries)
    return outcome


def _do(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    """Run the statements of one unit.

    Raises:
        _UnitRefused: One of them is refused; what the others did is still in the transaction.
    """
    try:
        return [_run(connection, statement) for statement in unit.statements]
    except _REFUSALS as error:
        raise _UnitRefused from error


def _do_apart(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    """Run the statements of one unit inside a savepoint; a refusal undoes this unit and no other."""
    refusal: Exception
    connection.execute("SAVEPOINT unit")
    try:
        counts = [_run(connection, statement) for statement in unit.statements]
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
    if statement.rows is None:
        touched = connection.execute(statement.query.text, statement.params).rowcount
    else:
        touched = connection.executemany(statement.query.text, statement.rows).rowcount
    if statement.expect is not None and touched != statement.expect:
        raise Unexpected(f"{touched} rows touched, {statement.expect} expected")
    return touched
