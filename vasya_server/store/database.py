"""What the rest of the program sees of a database: reads, and atomic units of writes.

A unit is given whole, as a list of statements; there is no transaction to hold open, so none can be held across a call to
Telegram, and a cancelled request cannot leave one behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def bind(self, *, expect: int | None = None, **params: Value) -> Statement:
        """Make a statement of this query and its parameters.

        Args:
            expect: How many rows it must touch, or its unit is undone.
        """
        return Statement(self, params, expect)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query, its parameters, and how many rows it must touch (None: any)."""

    query: Query
    params: Mapping[str, Value]
    expect: int | None = None


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

    async def write(self, *statements: Statement) -> list[int]:
        """Do all of *statements* or none of them, durably, and return how many rows each touched.

        A caller that is cancelled while it waits does not know whether its unit was stored.

        Raises:
            ConstraintFailed: It contradicts what is stored.
            Unexpected: A statement touched another number of rows than it expected.
            StorageFailed: It could not be stored.
        """

    async def ping(self) -> None:
        """Read, and write durably without changing anything, to see that both are possible.

        Raises:
            StorageFailed: They are not.
        """

    async def close(self) -> None:
        """Finish the writes that were accepted, refuse new ones, and close the files."""
