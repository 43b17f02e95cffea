"""The names that each account asks Telegram for, whoever asks (limits/resolves.py)."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from vasya_server.limits.resolves import Resolves

if TYPE_CHECKING:
    from vasya_server.telegram.accounts import AccountRuntime

_resolves: Final[weakref.WeakKeyDictionary[AccountRuntime, Resolves]] = weakref.WeakKeyDictionary()


def resolves_of(runtime: AccountRuntime) -> Resolves:
    """Return the look-ups of one account."""
    found = _resolves.get(runtime)
    if found is None:
        is_paced = runtime._settings.pacing == "human"
        found = _resolves[runtime] = Resolves(runtime._clock.monotonic, is_paced=is_paced)
    return found
