"""Connections to the SQLite file, and how rows become objects."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vasya_server.store.database import Query, Value

T = TypeVar("T", bound=msgspec.Struct)

_BUSY_TIMEOUT_SECS: Final = 5.0
# Bulk queries have a text for every number of rows.
_CACHED_STATEMENTS: Final = 512
_OWNER_ONLY: Final = 0o600
# A writer that is killed has a sync or a write to finish before it is gone.
_OTHER_GONE_SECS: Final = 10.0
_LOOK_EVERY_SECS: Final = 0.01

_COMMON_PRAGMAS: Final = ("foreign_keys = ON", "trusted_schema = OFF", "temp_store = MEMORY")
_WRITER_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",  # in WAL mode anything less may lose the last commits with the power
    "secure_delete = ON",  # an erased account leaves no sealed session behind in free pages
    *_COMMON_PRAGMAS,
)
_READER_PRAGMAS: Final = ("query_only = ON", *_COMMON_PRAGMAS)


def make_private(path: Path) -> None:
    """Let SQLite find a file that only its owner can use; it gives its WAL files the same mode.

    Raises:
        OSError: It cannot be made, or is a link.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        os.fchmod(handle, _OWNER_ONLY)
    finally:
        os.close(handle)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.chmod(_OWNER_ONLY)


def hold_writing(path: Path) -> int:
    """Become who writes the database, and what is written beside it; it ends with the descriptor that is returned.

    The data dir's lock does not tell it: who holds that may have been killed, and what wrote for it, in a process of its
    own, may be at it for another moment. The file never moves, and says nothing.

    Raises:
        OSError: Somebody else writes all the time, or the file cannot be made.
    """
    beside = path.with_name(f"{path.name}-writer")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        os.fchmod(handle, _OWNER_ONLY)
        give_up_at = time.monotonic() + _OTHER_GONE_SECS
        while not _is_locked(handle):
            if time.monotonic() > give_up_at:
                raise BlockingIOError(f"another process still writes {path.name}")
            time.sleep(_LOOK_EVERY_SECS)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes, for whoever holds writing.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    return _connect(path, _WRITER_PRAGMAS)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that only reads.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    return _connect(path, _READER_PRAGMAS)


def select(connection: sqlite3.Connection, query: Query, into: type[T], **params: Value) -> list[T]:
    """Run *query* and make its rows."""
    cursor = connection.execute(query.text, params)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return msgspec.convert(rows, list[into], strict=False, builtin_types=(bytes,))  # type: ignore[valid-type]  # a type made at run time


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    # Transactions are begun in store/batch.py and nowhere else, hence no isolation level; each connection stays on its
    # one thread.
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT_SECS,
        isolation_level=None,
        cached_statements=_CACHED_STATEMENTS,
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
