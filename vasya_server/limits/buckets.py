"""Every bucket that is not full, in memory; what has changed is stored every second, so that a restart does not refill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from vasya_server.errors import StorageFailed
from vasya_server.limits import gcra
from vasya_server.store import limits as rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.clock import Clock
    from vasya_server.limits.gcra import Quota, Verdict
    from vasya_server.store.database import Database

# What a process that is killed can forget.
_SAVE_EVERY_SECS: Final = 1.0
# Full buckets are worth nothing; the longest takes a day to fill, and most half a minute.
_SWEEP_EVERY_SECS: Final = 60.0
_NS_PER_MS: Final = 1_000_000
_log: Final = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_buckets(db: Database, clock: Clock) -> AsyncIterator[Buckets]:
    """Take up the buckets where the last process left them, and store them while they are used and at the end."""
    buckets = Buckets(db, clock)
    await buckets.load()
    saving = asyncio.create_task(buckets.save_now_and_then())
    try:
        yield buckets
    finally:
        saving.cancel()
        await asyncio.wait({saving})
        await buckets.try_to_save()


class Buckets:
    """The buckets of one process, by the name of their quota and a key that names nobody.

    Taking is synchronous and does no I/O: between a look and a take nobody else gets in.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._now_ns = clock.now_ns
        self._full_at_ns: dict[tuple[str, str], int] = {}
        self._unsaved: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        """Return how many buckets are in memory: those that are not full, and those that became so lately."""
        return len(self._full_at_ns)

    async def load(self) -> None:
        """Read the buckets that are not full."""
        now_ms = self._now_ns() // _NS_PER_MS
        for row in await self._db.all(rows.BUCKETS, rows.BucketRow, now_ms=now_ms):
            self._full_at_ns[row.quota, row.bucket] = row.full_at_ms * _NS_PER_MS

    def take(self, quota: Quota, key: str, cost: int = 1) -> Verdict:
        """Take *cost* requests out of a bucket, or nothing where that many are not left."""
        now_ns = self._now_ns()
        place = (quota.name, key)
        verdict = gcra.take(quota, self._full_at_ns.get(place, 0), now_ns, cost)
        # Also where it refuses: a time from before the clock was set back is brought within reach.
        self._full_at_ns[place] = now_ns + verdict.missing_ns
        self._unsaved.add(place)
        return verdict

    def look(self, quota: Quota, key: str) -> Verdict:
        """Tell what is left in a bucket, and whether one more request would be allowed, without taking anything."""
        full_at_ns = self._full_at_ns.get((quota.name, key), 0)
        return gcra.look(quota, full_at_ns, self._now_ns())

    def give_back(self, verdict: Verdict, key: str) -> None:
        """Put back what *verdict* took, because it was not used."""
        quota = verdict.quota
        place = (quota.name, key)
        # A bucket that has become full meanwhile is forgotten, and holds no more than that.
        if verdict.is_allowed and place in self._full_at_ns:
            self._full_at_ns[place] -= verdict.cost * quota.interval_ns
            self._unsaved.add(place)

    def sweep(self) -> None:
        """Forget the buckets that are full."""
        now_ns = self._now_ns()
        full = [place for place, at_ns in self._full_at_ns.items() if at_ns <= now_ns]
        for place in full:
            del self._full_at_ns[place]

    async def save(self) -> None:
        """Store what has changed since the last time.

        Raises:
            StorageFailed: It could not be stored, and will be with what changes next.
        """
        if not self._unsaved:
            return
        unsaved, self._unsaved = self._unsaved, set()
        statements = [
            rows.SAVE_BUCKET.bind(
                quota=place[0],
                bucket=place[1],
                # Rounded up: what is stored may not hold more than what was taken from.
                full_at_ms=-(-full_at_ns // _NS_PER_MS),
            )
            for place in unsaved
            if (full_at_ns := self._full_at_ns.get(place)) is not None
        ]
        now_ms = self._now_ns() // _NS_PER_MS
        try:
            await self._db.write(*statements, rows.DROP_FULL_BUCKETS.bind(now_ms=now_ms))
        except BaseException:  # cancelled, too: what was not stored for certain is stored again
            self._unsaved |= unsaved
            raise

    async def try_to_save(self) -> None:
        """Do as `save`; what a full disk keeps from being stored only a restart could miss."""
        try:
            await self.save()
        except StorageFailed as error:
            _log.warning("the rate limits were not stored (%s)", error.code)

    async def save_now_and_then(self) -> None:
        """Store and sweep for ever."""
        swept_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(_SAVE_EVERY_SECS)
            await self.try_to_save()
            if self._clock.monotonic() - swept_at >= _SWEEP_EVERY_SECS:
                self.sweep()
                swept_at = self._clock.monotonic()
