"""Random bytes, fetched from the system many at a time.

Each call of `os.urandom` lets other threads run; with a busy database thread beside it, it may take a hundred times as long
to come back as the bytes are worth. Every byte is handed out once.
"""

from __future__ import annotations

import os
from typing import Final

_FETCHED_BYTES: Final = 4096


class _Pool:
    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        if self._used + count > len(self._bytes):
            self._bytes, self._used = os.urandom(max(count, _FETCHED_BYTES)), 0
        self._used += count
        return self._bytes[self._used - count : self._used]


_pool: Final = _Pool()


def random_bytes(count: int) -> bytes:
    """Return *count* bytes that nobody can foretell; for the thread of the event loop alone."""
    return _pool.take(count)
