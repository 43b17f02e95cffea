"""Buckets in memory and in the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.disk import full_disk
from vasya_server.errors import StorageFailed
from vasya_server.limits.buckets import Buckets, open_buckets
from vasya_server.limits.gcra import Quota
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from tests.limits.conftest import StandingClock
    from vasya_server.store.database import Database

HOURLY = Quota("chat", 20, 3600, 20, "VASYA_LIMIT_CHAT_PER_HOUR")
BRISK = Quota("read", 120, 60, 60, "VASYA_LIMIT_READ_PER_MIN")
ALL = Query("SELECT quota, bucket FROM limits ORDER BY quota, bucket")


class Row(msgspec.Struct, frozen=True):
    quota: str
    bucket: str


async def stored(db: Database) -> list[tuple[str, str]]:
    return [(row.quota, row.bucket) for row in await db.all(ALL, Row)]


def drain(buckets: Buckets, quota: Quota, key: str) -> int:
    """Take until it is refused, and return how many were allowed."""
    count = 0
    while buckets.take(quota, key).is_allowed:
        count += 1
    return count


async def test_a_full_bucket_allows_its_burst_at_once(db: Database, clock: StandingClock) -> None:
    assert drain(Buckets(db, clock), HOURLY, "a") == 20


async def test_one_key_does_not_touch_anothers_bucket_nor_one_bucket_another(
    db: Database, clock: StandingClock
) -> None:
    buckets = Buckets(db, clock)
    drain(buckets, HOURLY, "a")

    assert buckets.look(HOURLY, "b").left == (20, 0)
    assert buckets.look(BRISK, "a").left == (60, 0)


async def test_looking_takes_nothing(db: Database, clock: StandingClock) -> None:
    buckets = Buckets(db, clock)
    buckets.take(HOURLY, "a")

    assert [buckets.look(HOURLY, "a").left for _ in range(3)] == [(19, 180)] * 3


async def test_what_costs_more_than_is_left_takes_nothing(
    db: Database, clock: StandingClock
) -> None:
    buckets = Buckets(db, clock)
    buckets.take(HOURLY, "a", cost=15)

    refused = buckets.take(HOURLY, "a", cost=6)

    assert not refused.is_allowed
    assert refused.retry_after_secs == 180
    assert buckets.look(HOURLY, "a").left[0] == 5


async def test_what_is_given_back_is_there_again_and_a_refusal_gives_nothing(
    db: Database, clock: StandingClock
) -> None:
    buckets = Buckets(db, clock)
    taken = buckets.take(HOURLY, "a", cost=15)
    refused = buckets.take(HOURLY, "a", cost=6)

    buckets.give_back(refused, "a")
    assert buckets.look(HOURLY, "a").left[0] == 5

    buckets.give_back(taken, "a")
    assert buckets.look(HOURLY, "a").left == (20, 0)


async def test_a_restart_does_not_refill(db: Database, clock: StandingClock) -> None:
    async with open_buckets(db, clock) as buckets:
        drain(buckets, HOURLY, "a")

    clock.secs += 180
    async with open_buckets(db, clock) as buckets:
        assert drain(buckets, HOURLY, "a") == 1


async def test_what_a_killed_process_had_saved_is_not_refilled_either(
    db: Database, clock: StandingClock
) -> None:
    killed = Buckets(db, clock)
    drain(killed, HOURLY, "a")
    await killed.save()

    async with open_buckets(db, clock) as buckets:
        assert not buckets.take(HOURLY, "a").is_allowed


async def test_only_what_has_changed_is_stored(db: Database, clock: StandingClock) -> None:
    buckets = Buckets(db, clock)
    buckets.take(HOURLY, "a")
    await buckets.save()
    await db.write(Query("DELETE FROM limits").bind())

    buckets.take(HOURLY, "b")
    await buckets.save()

    assert await stored(db) == [("chat", "b")]


async def test_full_buckets_are_forgotten_everywhere(db: Database, clock: StandingClock) -> None:
    buckets = Buckets(db, clock)
    buckets.take(BRISK, "a")
    buckets.take(HOURLY, "a")
    await buckets.save()
    clock.secs += 1
    buckets.sweep()
    buckets.take(HOURLY, "b")
    await buckets.save()

    assert await stored(db) == [("chat", "a"), ("chat", "b")]


async def test_memory_is_given_back_every_minute(db: Database, clock: StandingClock) -> None:
    async with open_buckets(db, clock) as buckets:
        buckets.take(BRISK, "a")
        buckets.take(HOURLY, "a")
        await asyncio.sleep(0)  # the minute counts from when it is first looked at
        clock.secs += 61
        while len(buckets) > 1:
            await asyncio.sleep(0.05)

        assert buckets.look(HOURLY, "a").left == (19, 119)


async def test_what_a_full_disk_kept_out_is_stored_with_the_next(
    db: Database, clock: StandingClock
) -> None:
    buckets = Buckets(db, clock)
    buckets.take(HOURLY, "a")
    with full_disk(), pytest.raises(StorageFailed):
        await buckets.save()

    await buckets.save()

    assert await stored(db) == [("chat", "a")]


async def test_a_full_disk_at_the_end_costs_the_buckets_and_not_the_stop(
    db: Database, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_buckets(db, clock) as buckets:
        buckets.take(HOURLY, "a")
        with full_disk():
            await buckets.try_to_save()

    assert "the rate limits were not stored (storage_failed)" in caplog.text
    assert await stored(db) == [("chat", "a")]


async def test_a_clock_set_back_shuts_nobody_out(db: Database, clock: StandingClock) -> None:
    buckets = Buckets(db, clock)
    drain(buckets, BRISK, "a")
    clock.secs -= 86_400

    refused = buckets.take(BRISK, "a")
    clock.secs += 1

    assert refused.retry_after_secs == 1
    assert buckets.take(BRISK, "a").is_allowed
