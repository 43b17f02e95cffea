"""One look into a database that another process may be using: nothing is written, made, migrated or waited for long."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from vasya_server.errors import StorageFailed

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_TIMEOUT_SECS: Final = 2.0
_HAS_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
_META: Final = "SELECT value FROM meta WHERE name = ?"


def peek_meta(path: Path, name: str) -> bytes | None:
    """Return the fact *name* about the data dir, None where the database at *path* does not know it.

    Raises:
        StorageFailed: The file cannot be read, or is no database.
    """
    # With a WAL beside it the file alone is not the truth. Without one nobody has it open, and a plain reader would
    # leave an empty WAL behind.
    way = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    address = f"{path.absolute().as_uri()}?{way}"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_SECS)
        ) as connection:
            if connection.execute(_HAS_TABLE).fetchone() is None:
                return None
            found = connection.execute(_META, (name,)).fetchone()
            return None if found is None else bytes(found[0])
    except sqlite3.Error as error:
        raise StorageFailed(f"The database {path} cannot be read: {error}.") from error
