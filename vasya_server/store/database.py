"""What the rest of the program sees of a database: reads, and atomic units of writes.

A unit is given whole, as a list of statements; there is no transaction to hold open, so none can be held across a call to
Telegram, and a cancelled request cannot leave one behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from vasya_server.model.base import Plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    T = TypeVar("T", bound=msgspec.Struct)

Value: TypeAlias = str | bytes | int | float | None


class ConstraintFailed(Exception):
    """The unit contradicts what is stored; nothing of it is."""


class Unexpected(Exception):
    """A statement touched another number of rows than it expected; nothing of its unit is stored."""


@dataclass(frozen=True, slots=True)
class Query:
    """SQL text with `:name` parameters."""

    text: str

    def __hash__(self) -> int:
        """Hash the text, which does that once: every statement is found by its query."""
        return hash(self.text)

    def bind(self, *, expect: int | None = None, **params: Value) -> Statement:
        """Make a statement of this query and its parameters.

        Args:
            expect: How many rows it must touch, or its unit is undone.
        """
        return Statement(self, params, expect)


@dataclass(frozen=True, slots=True)
class Bulk:
    """SQL that takes any number of rows at once; each must touch exactly one row, or its unit is undone.

    Units of a batch that are one such row each are done in one step of the engine, which lets other threads run only
    once for all of them.

    Args:
        text: With `{rows}` where the rows stand.
        row: One of them, like `(?, ?, 'dispatched', ?)`.
        columns: What the `?` of a row stand for, in their order; two or more.
    """

    text: str
    row: str
    columns: tuple[str, ...]
    _values: itemgetter[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", itemgetter(*self.columns))

    def __hash__(self) -> int:
        """Hash the text, which does that once: every statement is found by its query."""
        return hash(self.text)

    def bind(self, **params: Value) -> Statement:
        """Make a statement of one row."""
        return Statement(self, {}, rows=(self._values(params),))

    def bind_many(self, rows: Sequence[Sequence[Value]]) -> Statement:
        """Make a statement of *rows*, whose values are in the order of the columns."""
        return Statement(self, {}, rows=rows)

    def text_for(self, count: int) -> str:
        """Return the text for that many rows."""
        return self.text.format(rows=", ".join([self.row] * count))


class Statement(Plain, frozen=True):
    """A query with its parameters, or a bulk query with its rows.

    Args:
        expect: How many rows a query must touch (None: any).
    """

    query: Query | Bulk
    params: Mapping[str, Value]
    expect: int | None = None
    rows: Sequence[Sequence[Value]] = ()


class Entry(Protocol):
    """Something that is to be written down with a unit; what it says only the journal knows."""

    @property
    def reduces_risk(self) -> bool:
        """Tell whether its unit succeeds even where the line cannot be written yet."""

    @property
    def may_wait(self) -> bool:
        """Tell whether its unit is stored even where the line cannot be written yet."""


class Read(Protocol):
    """Reads every row of a query, as `Database.all` does, on the connection that writes."""

    def __call__(self, query: Query, into: type[T]) -> list[T]:
        """Return them."""


class Journal(Protocol):
    """Writes down what units do, in the order of the batch; called where batches are written and nowhere else.

    What it numbers is stored with the unit and, once that is durable, appended to a file of its own. It answers with
    statements, so that the store knows no line and the journal no transaction.
    """

    @property
    def fault(self) -> str | None:
        """Return in a word why it cannot be written, or None where it can; any thread may ask."""

    def ask(self) -> None:
        """Have the next batch look at the file, whatever it writes; any thread may ask."""

    def resume(self, read: Read) -> None:
        """Go on where the database says that it stopped; until then nothing is admitted."""

    def begin(self, *, has_entries: bool) -> None:
        """Begin a batch.

        Args:
            has_entries: Some unit of the batch has entries.
        """

    def admit(self, entries: Sequence[Entry]) -> None:
        """Let a unit with *entries* into the batch.

        Raises:
            AuditUnavailable: The log cannot be written and not all of them may wait.
        """

    def number(self, entries: Sequence[Entry]) -> None:
        """Give *entries*, whose unit was admitted and has been carried out, the next numbers of the chain."""

    def end(self) -> Sequence[Statement]:
        """Return the statements that store the batch's lines and where the chain stands now; none where nothing changed."""

    def undo(self) -> None:
        """Free every number of the batch, because its transaction is undone."""

    def append(self) -> bool:
        """Bring the lines of the committed batch durably into the file, and tell whether they are there."""

    def close(self) -> None:
        """Close the file."""


class Database(Protocol):
    """One implementation per engine."""

    async def all(self, query: Query, into: type[T], **params: Value) -> list[T]:
        """Return every row, as *into* by column names.

        Raises:
            StorageFailed: The database cannot be read.
        """

    async def one(self, query: Query, into: type[T], **params: Value) -> T | None:
        """Return the first row, or None.

        Raises:
            StorageFailed: The database cannot be read.
        """

    async def write(self, *statements: Statement, entries: Sequence[Entry] = ()) -> list[int]:
        """Do all of *statements* or none of them, durably, and return how many rows each touched.

        With *entries* it returns when their lines are durable in the journal's file too. A caller that is cancelled
        while it waits does not know whether its unit was stored.

        Raises:
            AuditUnavailable: The journal cannot be written; `is_stored` tells whether the unit is stored all the same,
                its lines to follow.
            ConstraintFailed: It contradicts what is stored.
            Unexpected: A statement touched another number of rows than it expected.
            StorageFailed: It could not be stored.
        """

    @property
    def journal_fault(self) -> str | None:
        """Return in a word why the journal cannot be written, or None where it can."""

    def ask_journal(self) -> None:
        """Have the next unit look whether the journal can be written, whatever it writes itself."""

    async def resume_journal(self) -> None:
        """Have the journal go on where the database says that it stopped.

        Raises:
            StorageFailed: The database cannot be read.
        """

    async def ping(self) -> None:
        """Read, and write durably without changing anything, to see that both are possible.

        Raises:
            StorageFailed: They are not.
        """

    async def close(self) -> None:
        """Finish the writes that were accepted, refuse new ones, and close the files."""
