"""Where a crash test can have the process stop dead, to be killed from outside.

Settings refuse `VASYA_KILL_POINT` unless another data centre than Telegram's own is set, so no real account can meet it.
"""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from typing import NoReturn

_FOREVER_SECS = 3600.0


class KillPoint(StrEnum):
    """The moments between which a mutation's state differs; W1 and W2 are its two durable writes.

    `after_approval` is passed only where a human had to agree first, before W1.
    """

    AFTER_APPROVAL = "after_approval"
    BEFORE_W1 = "before_w1"
    INSIDE_W1 = "inside_w1"
    AFTER_W1 = "after_w1"
    DURING_CALL = "during_call"
    BEFORE_W2 = "before_w2"
    INSIDE_W2 = "inside_w2"
    BEFORE_ANSWER = "before_answer"


def reach(point: KillPoint, stop_at: str | None) -> None:
    """Pass *point*, or stop there for ever where it is the one that the settings name."""
    if point == stop_at:
        stop(point)


def stop(point: KillPoint) -> NoReturn:
    """Say which point was reached, and hold this thread."""
    sys.stderr.write(f"KILL_POINT {point}\n")
    sys.stderr.flush()
    while True:
        time.sleep(_FOREVER_SECS)
