"""What the server and the process that writes for it say to each other, over a socket that nobody else has.

A frame is its length as u32be and one message in MessagePack. The server sends `Open`, then any number of `Resume` and
`Batch`, then `Close`; they are answered in their order, by `Done`. Statements are sent once and then named by their number.
"""

from __future__ import annotations

import sqlite3
import struct
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from vasya_server.errors import AuditUnavailable
from vasya_server.store.batch import OWN_FAULTS, Unit
from vasya_server.store.database import Bulk, ConstraintFailed, Query, Statement, Unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.store.batch import Outcome

E = TypeVar("E")

LENGTH: Final = struct.Struct(">I")
_encode: Final = msgspec.msgpack.Encoder().encode


class Open(msgspec.Struct, frozen=True, tag=True):
    """Open the database, and the journal of which only those know who keep it.

    Args:
        server_pid: Who asks; a writer whose parent is another by now ends.
        path: As the system encodes it.
    """

    server_pid: int
    path: bytes
    keeping: bytes

    def __repr__(self) -> str:
        return "Open(…)"


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Have the journal go on where the database says that it stopped."""


class Close(msgspec.Struct, frozen=True, tag=True):
    """Close database and journal; nothing more is asked."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A statement; its query is the one of that number."""

    query: int
    params: dict[str, Any]
    expect: int | None
    rows: list[list[Any]]


class _UnitFrame(msgspec.Struct, Generic[E], frozen=True, array_like=True):
    statements: list[_Row]
    entries: list[E]


class _QueryFrame(msgspec.Struct, frozen=True, array_like=True):
    """A query that has not been sent before; *row* and *columns* only a bulk query has."""

    text: str
    row: str | None = None
    columns: tuple[str, ...] = ()


class Batch(msgspec.Struct, Generic[E], frozen=True, tag=True):
    """Write these units.

    Args:
        queries: Those that are new; they go on from the last number.
        is_asked: The journal is to look at its file, whatever it writes.
    """

    queries: list[_QueryFrame]
    units: list[_UnitFrame[E]]
    is_asked: bool


class _Fault(msgspec.Struct, frozen=True):
    """What became of a unit that is not stored, or of a batch that could not be written."""

    kind: str
    text: str
    is_stored: bool = False


class Done(msgspec.Struct, frozen=True, tag=True):
    """What became of a batch, or of the units that need not wait for the journal.

    Args:
        outcomes: One per unit; None is not known yet. A fault in place of them is the whole batch's.
        is_last: Nothing more is said of it.
        fault: Why the journal cannot be written.
    """

    outcomes: list[list[int] | _Fault | None] | _Fault
    is_last: bool
    fault: str | None


# Text that has no bytes does not get as far.
_NAMED: Final[dict[str, type[Exception]]] = {
    fault.__name__: fault
    for fault in (OSError, sqlite3.OperationalError, *OWN_FAULTS)
    if fault is not UnicodeEncodeError
}


class Sender:
    """Writes batches, and knows which queries the other side has."""

    def __init__(self) -> None:
        self._numbers: dict[Query | Bulk, int] = {}
        self._new: list[_QueryFrame] = []

    def pack(self, unit: Unit) -> msgspec.Raw:
        """Return *unit* as a batch holds it.

        Raises:
            OverflowError, UnicodeEncodeError, TypeError: A value has no form outside this process.
        """
        rows = [
            (self._number(each.query), each.params, each.expect, each.rows)
            for each in unit.statements
        ]
        return msgspec.Raw(_encode((rows, unit.entries)))

    def batch(self, units: Sequence[msgspec.Raw], *, is_asked: bool) -> bytes:
        """Return the frame of a batch, with the queries that are new."""
        new, self._new = self._new, []
        return frame({"type": "Batch", "queries": new, "units": units, "is_asked": is_asked})

    def _number(self, query: Query | Bulk) -> int:
        if (number := self._numbers.get(query)) is None:
            number = self._numbers[query] = len(self._numbers)
            more = (query.row, query.columns) if isinstance(query, Bulk) else ()
            self._new.append(_QueryFrame(query.text, *more))
        return number


class Receiver:
    """Makes units of batches; the counterpart of `Sender`."""

    def __init__(self) -> None:
        self._queries: list[Query | Bulk] = []

    def units(self, batch: Batch[Any]) -> list[Unit]:
        """Return the units of *batch*."""
        self._queries += [
            Query(query.text) if query.row is None else Bulk(query.text, query.row, query.columns)
            for query in batch.queries
        ]
        return [
            Unit(tuple(self._statement(row) for row in unit.statements), tuple(unit.entries))
            for unit in batch.units
        ]

    def _statement(self, row: _Row) -> Statement:
        return Statement(self._queries[row.query], row.params, row.expect, row.rows)


def frame(message: object) -> bytes:
    """Return *message* as it is sent."""
    content = _encode(message)
    return LENGTH.pack(len(content)) + content


def done(outcomes: Sequence[Outcome | None], *, is_last: bool, fault: str | None) -> Done:
    """Return what is said of a batch that was written."""
    told = [_fault(each) if isinstance(each, Exception) else each for each in outcomes]
    return Done(told, is_last=is_last, fault=fault)


def failed(error: BaseException, fault: str | None) -> Done:
    """Return what is said of a batch that could not be written."""
    return Done(_fault(error), is_last=True, fault=fault)


def outcomes_of(told: Done) -> list[Outcome | None]:
    """Return what became of each unit.

    Raises:
        sqlite3.Error: The batch could not be written.
        RuntimeError: A bug; the other side has logged it.
    """
    if isinstance(told.outcomes, _Fault):
        raise _error(told.outcomes)
    return [_error(each) if isinstance(each, _Fault) else each for each in told.outcomes]


def _fault(error: BaseException) -> _Fault:
    if isinstance(error, sqlite3.Error) and not isinstance(error, OWN_FAULTS):
        return _Fault(sqlite3.OperationalError.__name__, str(error))
    if isinstance(error, OSError):
        return _Fault(OSError.__name__, str(error))
    is_stored = isinstance(error, AuditUnavailable) and error.is_stored
    return _Fault(type(error).__name__, str(error), is_stored)


def _error(fault: _Fault) -> Exception:
    match fault.kind:
        case "ConstraintFailed":
            return ConstraintFailed(fault.text)
        case "Unexpected":
            return Unexpected(fault.text)
        case "AuditUnavailable":
            return AuditUnavailable(is_stored=fault.is_stored)
    return _NAMED.get(fault.kind, RuntimeError)(fault.text)
