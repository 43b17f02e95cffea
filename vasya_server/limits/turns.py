"""Whose turn it is to send: what an account says comes one after the other, as fast as a person who writes (D-8.5).

One bucket per account for everybody who sends from it, a send a second and three at once, and between two sends a pause
that is never the same. Who comes waits behind those who came before, for as long as that may take.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vasya_server.errors import RateLimited
from vasya_server.limits.gcra import Quota

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.clock import Clock
    from vasya_server.ids import AccountId
    from vasya_server.limits.buckets import Buckets
    from vasya_server.limits.gcra import Verdict

ACCOUNT: Final = Quota("account", 1, 1, 3, "VASYA_PACING")
_SHORTEST_PAUSE_SECS: Final = 0.3
_LONGEST_PAUSE_SECS: Final = 1.5
# What one who waits can expect of each before: a second, and more where the pause is longer.
_USUAL_GAP_SECS: Final = 1.1
_NS: Final = 1_000_000_000


@dataclass(slots=True)
class _Line:
    """Those who want to send from one account; the lock lets them through in their order."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    not_before: float = 0.0


class Turns:
    """The lines of every account.

    Args:
        is_on: Without it everybody's turn is now.
    """

    def __init__(
        self,
        buckets: Buckets,
        clock: Clock,
        *,
        is_on: bool,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._buckets = buckets
        self._clock = clock
        self._is_on = is_on
        self._uniform = uniform
        self._lines: dict[AccountId, _Line] = {}

    def state(self, account_id: AccountId) -> Verdict | None:
        """Return how many sends may go at once; None where nobody is made to wait."""
        return self._buckets.look(ACCOUNT, account_id) if self._is_on else None

    def look(self, account_id: AccountId, within_secs: float) -> RateLimited | None:
        """Return why who comes now would not wait, where the turn would come later than *within_secs*."""
        if not self._is_on:
            return None
        line = self._lines.get(account_id) or _Line()
        expected_secs = self._wait_secs(account_id, line) + line.waiting * _USUAL_GAP_SECS
        if expected_secs <= within_secs:
            return None
        return _later(expected_secs - within_secs)

    async def take(self, account_id: AccountId, within_secs: float) -> None:
        """Wait for the next turn of the account; whoever goes away lets the next one through.

        Raises:
            RateLimited: It comes later than *within_secs*.
        """
        if not self._is_on:
            return
        if (refusal := self.look(account_id, within_secs)) is not None:
            raise refusal
        line = self._lines.setdefault(account_id, _Line())
        line.waiting += 1
        try:
            async with asyncio.timeout(within_secs), line.turn:
                while (wait_secs := self._wait_secs(account_id, line)) > 0:  # noqa: ASYNC110 — time passes, nobody tells
                    await asyncio.sleep(wait_secs)
                self._buckets.take(ACCOUNT, account_id)
                pause_secs = self._uniform(_SHORTEST_PAUSE_SECS, _LONGEST_PAUSE_SECS)
                line.not_before = self._clock.monotonic() + pause_secs
        except TimeoutError as error:
            raise _later(_USUAL_GAP_SECS) from error
        finally:
            line.waiting -= 1

    def _wait_secs(self, account_id: AccountId, line: _Line) -> float:
        """Return how long the first in line has to wait."""
        verdict = self._buckets.look(ACCOUNT, account_id)
        short_ns = verdict.missing_ns + ACCOUNT.interval_ns - ACCOUNT.span_ns
        return max(short_ns / _NS, line.not_before - self._clock.monotonic(), 0.0)


def _later(secs: float) -> RateLimited:
    return RateLimited(
        (ACCOUNT.name,),
        max(1, math.ceil(secs)),
        "Wait for retryAfterSecs, then repeat the request with the same Idempotency-Key: the account sends one message a "
        "second, whoever asks. Only the operator of the server could switch the pacing off, with VASYA_PACING.",
        "Others are sending from this account, and the turn of this send would come too late; it was not begun.",
    )
