"""The generic cell rate algorithm: a bucket is one number, the moment at which it will be full again.

Pure arithmetic on whole nanoseconds, so that nothing is lost to rounding however often it is added up.

Source: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Quota:
    """What a bucket holds and how fast it fills; there is one object of each, told apart by being it.

    Args:
        name: The bucket as clients see it.
        amount: How many requests come back in *per_secs* seconds.
        burst: How many a full bucket holds.
        setting: What the operator changes to change it.
        interval_ns: The time in which one request comes back; rounded up, so that no more than *amount* do.
        span_ns: The time in which an empty bucket fills.
    """

    name: str
    amount: int
    per_secs: int
    burst: int
    setting: str
    interval_ns: int = field(init=False)
    span_ns: int = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every request needs."""
        interval_ns = -(-self.per_secs * _NS // self.amount)
        object.__setattr__(self, "interval_ns", interval_ns)
        object.__setattr__(self, "span_ns", interval_ns * self.burst)

    @property
    def window_secs(self) -> int:
        """The time in which an empty bucket fills, in whole seconds."""
        return _ceil_secs(self.span_ns)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A bucket as one request left it, or would leave it.

    Args:
        is_allowed: There was enough in it; where there was not, nothing was taken.
        missing_ns: How far it is from full, in time.
        cost: How many were asked for.
    """

    is_allowed: bool
    quota: Quota
    missing_ns: int
    cost: int

    @property
    def left(self) -> tuple[int, int]:
        """How many requests are left, and in how many seconds more will be: 0 where the bucket is full."""
        quota = self.quota
        interval_ns = quota.interval_ns
        remaining, rest_ns = divmod(quota.span_ns - self.missing_ns, interval_ns)
        return remaining, -((rest_ns - interval_ns) // _NS) if self.missing_ns else 0

    @property
    def retry_after_secs(self) -> int:
        """How long until the same is allowed, at least 1 where it was not; 0 where it was."""
        if self.is_allowed:
            return 0
        quota = self.quota
        return _ceil_secs(self.missing_ns + self.cost * quota.interval_ns - quota.span_ns)


def look(quota: Quota, full_at_ns: int, now_ns: int) -> Verdict:
    """Return a bucket as it is, and whether one more request would be allowed.

    It is never further from full than an empty one is: a clock that was set back would otherwise keep it shut until the
    time it had shown before.
    """
    missing_ns = min(max(full_at_ns - now_ns, 0), quota.span_ns)
    return Verdict(missing_ns + quota.interval_ns <= quota.span_ns, quota, missing_ns, 1)


def take(quota: Quota, full_at_ns: int, now_ns: int, cost: int) -> Verdict:
    """Take *cost* requests from a bucket, all or none; what is said of clocks in `look` holds here, too."""
    missing_ns, span_ns = full_at_ns - now_ns, quota.span_ns
    # Every request comes by here: min and max would cost as much as the rest.
    if missing_ns < 0:
        missing_ns = 0
    elif missing_ns > span_ns:
        missing_ns = span_ns
    after_ns = missing_ns + cost * quota.interval_ns
    if after_ns <= span_ns:
        return Verdict(True, quota, after_ns, cost)  # noqa: FBT003 — as above, keywords
    return Verdict(False, quota, missing_ns, cost)  # noqa: FBT003 — as above, keywords


def _ceil_secs(duration_ns: int) -> int:
    return -(-duration_ns // _NS)
