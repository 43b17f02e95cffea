"""Where the time comes from, so that tests can own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is stored and shown, monotonic time for what is measured."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC."""

    def now_ns(self) -> int:
        """Return the wall time in nanoseconds since the epoch: `now` for what is computed on every request."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC."""
        return datetime.now(UTC)

    def now_ns(self) -> int:
        """Return the wall time in nanoseconds since the epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()


def to_ms(at: datetime) -> int:
    """Return milliseconds since the epoch: the form in which the store keeps times."""
    return int(at.timestamp() * 1000)


def from_ms(at_ms: int) -> datetime:
    """Return the aware UTC time of *at_ms* milliseconds since the epoch."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
