"""Whose turn it is to ask for a name, in time that the test owns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from vasya_server.errors import RateLimited
from vasya_server.limits.resolves import Resolves

if TYPE_CHECKING:
    from tests.limits.conftest import StandingClock

PLENTY = 60.0


class Sleeps:
    """Lets the clock pass instead of waiting, and remembers how much."""

    def __init__(self, clock: StandingClock) -> None:
        self.clock = clock
        self.secs: list[float] = []

    async def __call__(self, secs: float) -> None:
        self.secs.append(secs)
        self.clock.secs += secs
        await asyncio.sleep(0)


@pytest.fixture
def sleeps(clock: StandingClock) -> Sleeps:
    return Sleeps(clock)


@pytest.fixture
def resolves(clock: StandingClock, sleeps: Sleeps) -> Resolves:
    return Resolves(clock.monotonic, is_paced=True, sleep=sleeps)


async def test_names_are_asked_for_one_at_a_time_and_one_a_second_in_their_order(
    resolves: Resolves, sleeps: Sleeps, clock: StandingClock
) -> None:
    begun_at, order, at_once = clock.secs, [], 0

    async def ask(name: str) -> None:
        nonlocal at_once
        async with resolves.turn(PLENTY):
            at_once += 1
            assert at_once == 1
            order.append((name, clock.secs - begun_at))
            await asyncio.sleep(0)
            at_once -= 1

    await asyncio.gather(*(ask(name) for name in "abcd"))

    assert order == [("a", 0.0), ("b", 1.0), ("c", 2.0), ("d", 3.0)]
    assert sleeps.secs == [1.0, 1.0, 1.0]


async def test_after_a_second_nobody_waits(
    resolves: Resolves, sleeps: Sleeps, clock: StandingClock
) -> None:
    async with resolves.turn(PLENTY):
        pass
    clock.secs += 1.0
    async with resolves.turn(PLENTY):
        pass

    assert sleeps.secs == []


async def test_a_turn_that_would_come_too_late_is_refused_at_once(
    resolves: Resolves, sleeps: Sleeps
) -> None:
    async with resolves.turn(PLENTY):
        with pytest.raises(RateLimited) as refused:
            async with resolves.turn(0.5):
                pass

    assert refused.value.violated == ("resolve",)
    assert refused.value.retry_after_secs == 2
    assert sleeps.secs == []


async def test_one_who_waits_for_an_answer_that_does_not_come_gives_up(
    clock: StandingClock, sleeps: Sleeps
) -> None:
    unpaced = Resolves(clock.monotonic, is_paced=False, sleep=sleeps)
    async with unpaced.turn(PLENTY):
        with pytest.raises(RateLimited) as refused:
            async with unpaced.turn(0.01):
                pass
    assert refused.value.retry_after_secs == 1
    async with unpaced.turn(0.01):  # nothing is left behind
        pass


async def test_whoever_fails_or_goes_away_lets_the_next_one_through(resolves: Resolves) -> None:
    with pytest.raises(LookupError):
        async with resolves.turn(PLENTY):
            raise LookupError
    async with resolves.turn(PLENTY):
        waiting = asyncio.create_task(_take(resolves))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    await _take(resolves)


async def _take(resolves: Resolves) -> None:
    async with resolves.turn(PLENTY):
        pass


async def test_without_pacing_they_only_come_one_after_the_other(
    clock: StandingClock, sleeps: Sleeps
) -> None:
    unpaced = Resolves(clock.monotonic, is_paced=False, sleep=sleeps)
    for _ in range(5):
        async with unpaced.turn(0.0):
            pass

    assert sleeps.secs == []


def test_that_nobody_has_a_name_is_remembered_for_half_a_minute(
    resolves: Resolves, clock: StandingClock
) -> None:
    assert not resolves.is_missing("nobody")
    resolves.note_missing("nobody")

    assert resolves.is_missing("nobody")
    assert not resolves.is_missing("somebody")
    clock.secs += 30.0
    assert not resolves.is_missing("nobody")


def test_the_oldest_of_many_missing_names_is_forgotten(resolves: Resolves) -> None:
    for n in range(257):
        resolves.note_missing(f"name{n}")

    assert not resolves.is_missing("name0")
    assert resolves.is_missing("name1")
    assert resolves.is_missing("name256")
