"""Who follows an account now: it is kept connected for them, and the channels they name are asked about."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Consumers:
    """The open streams, polls and webhooks of one account.

    Args:
        on_change: Told when there is one more.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._count = 0
        self._channels: Counter[int] = Counter()

    @property
    def is_followed(self) -> bool:
        """Whether anybody follows the account."""
        return self._count > 0

    @property
    def channels(self) -> list[int]:
        """The channels that somebody watches, by their bare ids."""
        return list(self._channels)

    @contextlib.contextmanager
    def pinned(self) -> Iterator[None]:
        """Keep the account connected."""
        self._count += 1
        self._on_change()
        try:
            yield
        finally:
            self._count -= 1

    @contextlib.contextmanager
    def watching(self, channel_id: int) -> Iterator[None]:
        """Have Telegram asked about a channel, whether the account is in it or not."""
        self._channels[channel_id] += 1
        self._on_change()
        try:
            yield
        finally:
            self._channels[channel_id] -= 1
            if not self._channels[channel_id]:
                del self._channels[channel_id]
