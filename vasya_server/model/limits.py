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


class Flood(Wire, frozen=True, kw_only=True):
    """A method that Telegram has asked to be left alone for a time."""

    method: str
    until: datetime = msgspec.field()
    count: int = msgspec.field()


class Limits(Wire, frozen=True, kw_only=True):
    """What limits a credential here, and an account at Telegram."""

    buckets: list[BucketState] = msgspec.field()
    floods: list[Flood] = msgspec.field(default_factory=list)
    restrictions: list[Restriction] = msgspec.field(default_factory=list)
