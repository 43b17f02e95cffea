"""Whose turn it is to ask Telegram who has a name: one at a time and one a second of each account, as a person types (D-8.5).

Telegram shuts accounts that ask for many names out of asking, for hours. What was found is remembered with the account's
peers and asked about in another way; that nobody has a name is remembered here, for a while.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from vasya_server.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_EVERY_SECS: Final = 1.0
_MISSING_SECS: Final = 30.0
# About 100 bytes each.
_MAX_MISSING: Final = 256


class Resolves:
    """The names that one account asks for.

    Args:
        monotonic: Seconds that only go forward.
        is_paced: Without it they still come one after the other, and wait for nothing else.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        is_paced: bool,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._every_secs = _EVERY_SECS if is_paced else 0.0
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._not_before = 0.0
        self._missing: OrderedDict[str, float] = OrderedDict()

    def is_missing(self, name: str) -> bool:
        """Tell whether nobody had that name a moment ago."""
        return self._missing.get(name, -math.inf) > self._monotonic()

    def note_missing(self, name: str) -> None:
        """Remember that nobody has that name."""
        self._missing.pop(name, None)
        self._missing[name] = self._monotonic() + _MISSING_SECS
        if len(self._missing) > _MAX_MISSING:
            self._missing.popitem(last=False)

    @asynccontextmanager
    async def turn(self, within_secs: float) -> AsyncIterator[None]:
        """Wait for one's turn, and keep it until the answer is there; whoever goes away lets the next one through.

        Raises:
            RateLimited: It comes later than *within_secs*.
        """
        expected_secs = self._wait_secs() + self._waiting * self._every_secs
        if expected_secs > within_secs:
            raise _later(expected_secs - within_secs)
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout(within_secs):
                    await self._lock.acquire()
            except TimeoutError as error:
                raise _later(_EVERY_SECS) from error
            try:
                if (wait_secs := self._wait_secs()) > 0:
                    await self._sleep(wait_secs)
                self._not_before = self._monotonic() + self._every_secs
                yield
            finally:
                self._lock.release()
        finally:
            self._waiting -= 1

    def _wait_secs(self) -> float:
        return max(self._not_before - self._monotonic(), 0.0)


def _later(secs: float) -> RateLimited:
    return RateLimited(
        ("resolve",),
        max(1, math.ceil(secs)),
        "Wait for retryAfterSecs, or name the chat by its id: an account looks up one unknown name a second, whoever asks.",
        "Others are looking up names with this account, and the turn of this one would come too late.",
    )
