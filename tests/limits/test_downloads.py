"""What an agent key is handed out: so many files at a time, and so many bytes in a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.limits.test_rules import agent, person
from vasya_server.errors import RateLimited, TooManyDownloads
from vasya_server.limits.buckets import Buckets
from vasya_server.limits.downloads import Downloads
from vasya_server.settings import load

if TYPE_CHECKING:
    from tests.limits.conftest import StandingClock
    from vasya_server.store.database import Database

MIB = 1024 * 1024


@pytest.fixture
def buckets(db: Database, clock: StandingClock) -> Buckets:
    return Buckets(db, clock)


@pytest.fixture
def downloads(buckets: Buckets) -> Downloads:
    return Downloads(buckets, load({"VASYA_LIMIT_DOWNLOAD_BYTES_PER_DAY": str(8 * MIB)}))


async def test_a_lineage_has_two_on_the_way_at_once(downloads: Downloads) -> None:
    first = downloads.begin(agent("a"), 1)
    second = downloads.begin(agent("a", key_id="ak_2"), 1)

    with pytest.raises(TooManyDownloads):
        downloads.begin(agent("a"), 1)

    downloads.begin(agent("b"), 1).end()
    first.end()
    first.end()
    downloads.begin(agent("a"), 1).end()
    second.end()


async def test_humans_are_not_counted(downloads: Downloads) -> None:
    leaves = [downloads.begin(person(), 100 * MIB) for _ in range(5)]

    for leave in leaves:
        leave.end()


async def test_a_day_has_its_bytes_and_they_come_back(
    downloads: Downloads, clock: StandingClock
) -> None:
    handed_out(downloads, 6 * MIB)

    with pytest.raises(RateLimited) as refused:
        downloads.begin(agent("a"), 4 * MIB)

    # Two of eight MiB are missing, and a quarter of a day brings them.
    assert refused.value.violated == ("download",)
    assert refused.value.retry_after_secs == 21_600
    clock.secs += 21_600
    handed_out(downloads, 4 * MIB)


async def test_what_was_not_handed_out_is_put_back(downloads: Downloads) -> None:
    leave = downloads.begin(agent("a"), 8 * MIB)
    leave.sent_bytes = 1 * MIB
    leave.end()

    handed_out(downloads, 7 * MIB)
    with pytest.raises(RateLimited):
        downloads.begin(agent("a"), 1)


async def test_what_is_larger_than_a_day_costs_a_day(downloads: Downloads) -> None:
    handed_out(downloads, 100 * MIB)

    with pytest.raises(RateLimited) as refused:
        downloads.begin(agent("a"), 100 * MIB)

    assert refused.value.retry_after_secs == 86_400


async def test_a_download_that_outlives_its_bucket_ends_quietly(
    downloads: Downloads, buckets: Buckets, clock: StandingClock
) -> None:
    leave = downloads.begin(agent("a"), 8 * MIB)
    clock.secs += 90_000
    buckets.sweep()

    leave.end()

    assert len(buckets) == 0


def handed_out(downloads: Downloads, size_bytes: int) -> None:
    leave = downloads.begin(agent("a"), size_bytes)
    leave.sent_bytes = size_bytes
    leave.end()
