"""Reading a database that another process may have open: nothing is written, made, or waited for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from vasya_server.errors import StorageFailed
from vasya_server.store.connection import select

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.store.database import Query, Value

T = TypeVar("T", bound=msgspec.Struct)

_BUSY_TIMEOUT_SECS: Final = 5.0


def read_beside(path: Path, query: Query, into: type[T], **params: Value) -> list[T]:
    """Return every row, as *into* by column names.

    Raises:
        StorageFailed: There is no such database, it is older than this query, or it cannot be read.
    """
    # Who has a database open keeps its WAL; one that nobody has open is read without making one.
    is_open = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.as_uri()}?{'mode=ro' if is_open else 'mode=ro&immutable=1'}"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECS)) as connection:
            return select(connection, query, into, **params)
    except sqlite3.Error as error:
        raise StorageFailed("The database cannot be read.") from error
