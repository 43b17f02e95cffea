"""How much of what may be done is left."""

from __future__ import annotations

from datetime import datetime

import msgspec

from vasya_server.model.account import Restriction
from vasya_server.model.base import Wire


class BucketState(Wire, frozen=True, kw_only=True):
    """One bucket: it holds *quota* requests when it is full, and fills in *window_secs*.

    Args:
        reset_secs: Seconds until more are left than now; 0 where it is full.
    """

    name: str
    quota: int = msgspec.field()
    window_secs: int = msgspec.field()
    remaining: int = msgspec.field()
    reset_secs: int = msgspec.field()


class BudgetState(Wire, frozen=True, kw_only=True):
    """One budget of a key.

    Args:
        limit: How much the human allows in any 24 hours.
        reset_secs: Seconds until more is left than now; 0 where nothing is used.
    """

    limit: int = msgspec.field()
    remaining: int = msgspec.field()
    reset_secs: int = msgspec.field()


class BudgetStates(Wire, frozen=True, kw_only=True):
    """The budgets of a key; one that it has not is absent."""

    sends_per_day: BudgetState | None = None
    new_chats_per_day: BudgetState | None = None


class Flood(Wire, frozen=True, kw_only=True):
    """A method that Telegram has asked to be left alone: until when, and how often it has since it was last quiet for a day."""

    method: str
    until: datetime = msgspec.field()
    count: int = msgspec.field()


class Limits(Wire, frozen=True, kw_only=True):
    """What limits a credential here, and an account at Telegram."""

    buckets: list[BucketState] = msgspec.field()
    floods: list[Flood] = msgspec.field(default_factory=list)
    restrictions: list[Restriction] = msgspec.field(default_factory=list)
