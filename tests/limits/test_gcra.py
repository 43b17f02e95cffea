"""Bucket arithmetic, over any quota, any waits and any clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vasya_server.limits.gcra import Quota, Verdict, look, take

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
# A busy machine is no finding.
unhurried = hypothesis_settings(deadline=None)


def quota(amount: int = 120, per_secs: int = 60, burst: int = 60) -> Quota:
    return Quota("read", amount, per_secs, burst, "VASYA_LIMIT_READ_PER_MIN")


quotas = st.builds(
    quota,
    amount=st.integers(1, 1_000_000),
    per_secs=st.sampled_from([1, 60, 3600, 86_400]),
    burst=st.integers(1, 1000),
)
costs = st.integers(1, 5)
# Waits and costs, one after the other.
histories = st.lists(st.tuples(st.integers(0, 3600 * SECOND), costs), max_size=40)


def full_at(verdict: Verdict, now_ns: int) -> int:
    return now_ns + verdict.missing_ns


def test_a_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    read = quota(amount=120, per_secs=60, burst=60)

    assert read.interval_ns == SECOND // 2
    assert read.window_secs == 30


def test_one_request_out_of_a_full_bucket() -> None:
    verdict = take(quota(), 0, NOW, 1)

    assert verdict.is_allowed
    assert verdict.left == (59, 1)
    assert verdict.retry_after_secs == 0


def test_an_empty_bucket_says_when_the_next_is_allowed() -> None:
    hourly = quota(amount=20, per_secs=3600, burst=20)

    verdict = take(hourly, NOW + 3600 * SECOND, NOW, 1)

    assert not verdict.is_allowed
    assert verdict.left == (0, 180)
    assert verdict.retry_after_secs == 180


def test_a_full_bucket_has_nothing_to_wait_for() -> None:
    assert look(quota(), 0, NOW).left == (60, 0)


@unhurried
@given(quotas, histories)
def test_no_stretch_of_time_lets_through_more_than_burst_and_rate(
    bucket: Quota, history: list[tuple[int, int]]
) -> None:
    now_ns, full_at_ns = NOW, 0
    passed: list[tuple[int, int]] = []
    for wait_ns, cost in history:
        now_ns += wait_ns
        verdict = take(bucket, full_at_ns, now_ns, cost)
        full_at_ns = full_at(verdict, now_ns)
        if verdict.is_allowed:
            passed.append((now_ns, cost))

    for first, (begin_ns, _) in enumerate(passed):
        total = 0
        for end_ns, cost in passed[first:]:
            total += cost
            assert (total - bucket.burst) * bucket.interval_ns <= end_ns - begin_ns


@unhurried
@given(quotas, st.integers(-(10**15), 10**20), costs)
def test_what_is_refused_takes_nothing(bucket: Quota, ahead_ns: int, cost: int) -> None:
    before = look(bucket, NOW + ahead_ns, NOW)

    verdict = take(bucket, NOW + ahead_ns, NOW, cost)

    assert verdict.is_allowed == (before.left[0] >= cost)
    assert verdict.left[0] == before.left[0] - (cost if verdict.is_allowed else 0)
    assert 0 <= verdict.left[0] <= bucket.burst


@unhurried
@given(quotas, st.integers(-(10**15), 10**20), costs)
def test_after_the_wait_that_is_told_the_same_is_allowed_and_not_much_before(
    bucket: Quota, ahead_ns: int, cost: int
) -> None:
    refused = take(bucket, NOW + ahead_ns, NOW, cost)
    if refused.is_allowed or cost > bucket.burst:
        return
    wait_secs = refused.retry_after_secs

    assert wait_secs >= 1
    assert refused.left[1] <= wait_secs
    assert take(bucket, full_at(refused, NOW), NOW + wait_secs * SECOND, cost).is_allowed
    too_soon_ns = (wait_secs - 1) * SECOND - 1
    assert not take(bucket, full_at(refused, NOW), NOW + too_soon_ns, cost).is_allowed


@unhurried
@given(quotas, st.integers(-(10**15), 10**20))
def test_more_is_left_after_the_time_that_is_told(bucket: Quota, ahead_ns: int) -> None:
    verdict = look(bucket, NOW + ahead_ns, NOW)
    remaining, reset_secs = verdict.left

    later = look(bucket, full_at(verdict, NOW), NOW + reset_secs * SECOND)

    assert (reset_secs == 0) == (verdict.missing_ns == 0)
    assert later.left[0] > remaining or reset_secs == 0


@unhurried
@given(quotas, st.integers(0, 10**20))
def test_a_clock_that_was_set_back_shuts_a_bucket_for_one_request_at_most(
    bucket: Quota, ahead_ns: int
) -> None:
    first = take(bucket, NOW + ahead_ns, NOW, 1)

    second = take(bucket, full_at(first, NOW), NOW + bucket.interval_ns, 1)

    assert second.is_allowed
