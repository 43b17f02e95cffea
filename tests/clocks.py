"""A clock that a test can set forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from vasya_server.clock import SystemClock


class MovableClock(SystemClock):
    """The system's clock, *ahead* of it; of what is measured, *passed_secs* more have passed."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.passed_secs = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_secs

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead // timedelta(microseconds=1) * 1000
