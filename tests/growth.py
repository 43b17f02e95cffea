"""How much longer a text takes to work through than a shorter one: a ratio within one run, so that no machine is too slow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What is shorter than this is the clock and the call, not the work.
_LEAST_SECS = 0.000_2
_ROUNDS = 3


def growth(short: Callable[[], Any], long: Callable[[], Any]) -> float:
    """Return how many times the processor time of *short* it is that *long* takes, each at its best."""
    return _best_secs(long) / max(_best_secs(short), _LEAST_SECS)


def _best_secs(work: Callable[[], Any]) -> float:
    return min(_secs(work) for _ in range(_ROUNDS))


def _secs(work: Callable[[], Any]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
