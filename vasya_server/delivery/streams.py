"""What is open for a long time: how much of it there may be, and what ends it when the server stops (D-12.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from vasya_server.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.auth.principal import Principal
    from vasya_server.ids import KeyId
    from vasya_server.settings import Settings


class Streams:
    """The event streams and waiting polls of one process; they are no requests in flight, which have a limit of their own."""

    def __init__(self, settings: Settings) -> None:
        self._max = settings.streams_max
        self._per_key = settings.streams_per_key
        self._by_key: Counter[KeyId] = Counter()
        self._waiters: set[asyncio.Future[None]] = set()
        self._is_stopping = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._waiters)

    def require_room(self, who: Principal) -> None:
        """See that *who* may open one more.

        Raises:
            TooManyStreams: There are as many as there may be, here or of this key.
        """
        if who.key_id is not None and self._by_key[who.key_id] >= self._per_key:
            raise TooManyStreams
        if self.count >= self._max:
            raise TooManyStreams("This server has as many event streams open as it may.")

    @contextlib.contextmanager
    def opened(self, who: Principal) -> Iterator[asyncio.Future[None]]:
        """Count one until the block ends; what it is given is done when the server stops.

        Raises:
            TooManyStreams: As `require_room`.
        """
        self.require_room(who)
        stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_stopping:
            stopping.set_result(None)
        self._waiters.add(stopping)
        if who.key_id is not None:
            self._by_key[who.key_id] += 1
        try:
            yield stopping
        finally:
            self._waiters.discard(stopping)
            if who.key_id is not None:
                self._by_key[who.key_id] -= 1
                if not self._by_key[who.key_id]:
                    del self._by_key[who.key_id]

    def stop(self) -> None:
        """End all that are open, and at once all that are opened after it."""
        self._is_stopping = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
