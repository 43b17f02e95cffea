"""How many files may be on their way through this process at once: each takes memory and a place in the line to Telegram."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from vasya_server.errors import TooManyTransfers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.ids import KeyId
    from vasya_server.settings import Settings


class Transfers:
    """The requests that are bringing files."""

    def __init__(self, settings: Settings) -> None:
        self._max = settings.uploads_at_once
        self._per_key = settings.uploads_per_key
        self._by_key: Counter[KeyId] = Counter()
        self._count = 0

    @contextlib.contextmanager
    def under_way(self, key_id: KeyId | None) -> Iterator[None]:
        """Count one until the block ends.

        Args:
            key_id: Of the agent key that sends it; None: no key does.

        Raises:
            TooManyTransfers: There are as many as there may be, here or of this key.
        """
        if key_id is not None and self._by_key[key_id] >= self._per_key:
            raise TooManyTransfers
        if self._count >= self._max:
            raise TooManyTransfers("As many files are on their way as this server takes at once.")
        self._count += 1
        if key_id is not None:
            self._by_key[key_id] += 1
        try:
            yield
        finally:
            self._count -= 1
            if key_id is not None:
                self._by_key[key_id] -= 1
                if not self._by_key[key_id]:
                    del self._by_key[key_id]
