"""Whose turn it is to send, in time that the test owns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from vasya_server.errors import RateLimited
from vasya_server.ids import AccountId
from vasya_server.limits.buckets import Buckets
from vasya_server.limits.turns import Turns

if TYPE_CHECKING:
    from tests.limits.conftest import StandingClock
    from vasya_server.store.database import Database

ALICE, BOB = AccountId("acc_alice"), AccountId("acc_bob")
# Long enough for whoever may go, too short for whoever has to wait a second.
AT_ONCE = 0.2


@pytest.fixture
def turns(db: Database, clock: StandingClock) -> Turns:
    """Return turns whose pause is always the shortest."""
    return Turns(Buckets(db, clock), clock, is_on=True, uniform=lambda shortest, _longest: shortest)


def passes(clock: StandingClock, secs: float) -> None:
    clock.secs += secs


async def test_three_go_with_a_pause_between_them_and_then_one_a_second(
    turns: Turns, clock: StandingClock
) -> None:
    for _ in range(3):
        await turns.take(ALICE, AT_ONCE)
        with pytest.raises(RateLimited):
            await turns.take(ALICE, AT_ONCE)
        passes(clock, 0.3125)
    passes(clock, 0.0625)
    for _ in range(3):
        await turns.take(ALICE, AT_ONCE)
        passes(clock, 0.75)
        with pytest.raises(RateLimited):
            await turns.take(ALICE, AT_ONCE)
        passes(clock, 0.25)


async def test_one_account_does_not_wait_for_another(turns: Turns) -> None:
    await turns.take(ALICE, AT_ONCE)
    await turns.take(BOB, AT_ONCE)


async def test_a_refusal_names_the_bucket_and_how_much_too_late_it_would_be(
    turns: Turns, clock: StandingClock
) -> None:
    for _ in range(3):
        await turns.take(ALICE, AT_ONCE)
        passes(clock, 0.3)

    refused = turns.look(ALICE, 0)

    assert refused is not None
    assert refused.violated == ("account",)
    assert refused.retry_after_secs == 1
    assert "VASYA_PACING" in str(refused.remedy)
    assert turns.look(ALICE, 2) is None


async def test_they_come_in_their_order_and_who_goes_away_leaves_no_gap(
    turns: Turns, clock: StandingClock
) -> None:
    order: list[str] = []

    async def come(name: str) -> None:
        await turns.take(ALICE, 30)
        order.append(name)

    await turns.take(ALICE, AT_ONCE)
    waiting = [asyncio.create_task(come(name)) for name in ("first", "second", "third")]
    await asyncio.sleep(0)
    waiting[1].cancel()
    passes(clock, 5)
    async with asyncio.timeout(5):
        await waiting[0]
        passes(clock, 1)
        await waiting[2]

    assert waiting[1].cancelled()
    assert order == ["first", "third"]


async def test_who_would_be_too_far_back_is_refused_at_once(
    turns: Turns, clock: StandingClock
) -> None:
    await turns.take(ALICE, AT_ONCE)
    waiting = [asyncio.create_task(turns.take(ALICE, 30)) for _ in range(10)]
    await asyncio.sleep(0)

    with pytest.raises(RateLimited) as refused:
        await turns.take(ALICE, 5)

    assert refused.value.retry_after_secs == 7
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    passes(clock, 1)
    await turns.take(ALICE, AT_ONCE)


async def test_without_pacing_everybodys_turn_is_now(db: Database, clock: StandingClock) -> None:
    turns = Turns(Buckets(db, clock), clock, is_on=False)

    for _ in range(50):
        await turns.take(ALICE, 0)
    assert turns.state(ALICE) is None


async def test_whoever_waits_longer_than_it_looked_like_is_refused(turns: Turns) -> None:
    """Another holds the turn, and sends for longer than any look could tell."""
    await turns.take(BOB, AT_ONCE)
    line = turns._lines[BOB]  # noqa: SLF001 — nobody else holds a turn for long
    line.not_before = 0.0
    async with line.turn:
        with pytest.raises(RateLimited):
            await turns.take(BOB, AT_ONCE)
    assert line.waiting == 0
