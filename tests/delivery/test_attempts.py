from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vasya_server.delivery.attempts import (
    Outcome,
    Schedule,
    after_repetition,
    answered,
    given_up,
    unanswered,
)
from vasya_server.errors import OutboundFailed, OutboundRefused
from vasya_server.outbound import OutboundAnswer
from vasya_server.settings import load
from vasya_server.store.webhooks import DeliveryRow

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR_MS = 3_600_000


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(load({}))


def row(attempts: int = 0, **more: Any) -> DeliveryRow:
    fields: dict[str, Any] = {
        "delivery_id": "dlv_a",
        "webhook_id": "whk_a",
        "position": 1,
        "event_id": "cursor",
        "type": "message.new",
        "status": "pending",
        "attempts": attempts,
        "next_attempt_at_ms": None,
        "response_status": None,
        "reason": None,
        "created_at_ms": 0,
        "updated_at_ms": 0,
    }
    return DeliveryRow(**(fields | more))


def answer(status: int, **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answered(OutboundAnswer(status=status, headers=named, body=b""), NOW)


@pytest.mark.parametrize(
    ("failures", "secs"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 3600), (40, 3600)],
)
def test_waits_grow_to_an_hour_and_vary_by_a_tenth(
    schedule: Schedule, failures: int, secs: int
) -> None:
    waits = {
        schedule.after(row(failures - 1), answer(500), 1000).next_attempt_at_ms for _ in range(50)
    }

    assert len(waits) > 10
    for at_ms in waits:
        assert at_ms is not None
        assert secs * 900 <= at_ms - 1000 <= secs * 1100


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_2xx_is_a_delivery(schedule: Schedule, status: int) -> None:
    after = schedule.after(row(3), answer(status), 7)

    assert (after.status, after.attempts, after.next_attempt_at_ms) == ("delivered", 4, None)
    assert after.updated_at_ms == 7


@pytest.mark.parametrize("status", [100, 199, 301, 302, 408, 425, 429, 500, 503, 599])
def test_what_may_pass_is_tried_for_a_day(schedule: Schedule, status: int) -> None:
    almost = schedule.after(row(30), answer(status), 24 * HOUR_MS - 1)
    over = schedule.after(row(30), answer(status), 24 * HOUR_MS)

    assert almost.status == "pending"
    assert (over.status, over.next_attempt_at_ms) == ("dead", None)
    assert over.response_status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_a_receiver_refuses_is_tried_six_times(schedule: Schedule, status: int) -> None:
    assert schedule.after(row(4), answer(status), 1).status == "pending"
    assert schedule.after(row(5), answer(status), 1).status == "dead"


def test_gone_is_neither_tried_again_nor_given_up(schedule: Schedule) -> None:
    after = schedule.after(row(), answer(410), 1)

    assert answer(410).is_gone
    assert (after.status, after.next_attempt_at_ms) == ("failed", None)


def test_no_answer_has_a_reason_and_no_status(schedule: Schedule) -> None:
    late = schedule.after(row(), unanswered(OutboundFailed("timeout")), 1)
    private = schedule.after(row(), unanswered(OutboundRefused("private_address")), 1)

    assert (late.reason, late.response_status, late.status) == ("timeout", None, "pending")
    assert (private.reason, private.status) == ("private_address", "pending")
    assert not unanswered(OutboundFailed("timeout")).is_alive


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        ("120", 120),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("999999", 3600),
        ("9" * 400, 3600),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_in_both_forms_and_up_to_an_hour(
    text: str, secs: int, status: int
) -> None:
    assert answer(status, retry_after=text).wait_secs == secs
    assert answer(500, retry_after=text).wait_secs == 0


def test_retry_after_makes_a_wait_longer_and_never_shorter(schedule: Schedule) -> None:
    longer = schedule.after(row(), answer(503, retry_after="60"), 0).next_attempt_at_ms
    shorter = schedule.after(row(5), answer(503, retry_after="1"), 0).next_attempt_at_ms

    assert longer == 60_000
    assert shorter is not None
    assert shorter >= 3_240_000


@pytest.mark.parametrize("status", ["delivered", "dead", "failed"])
def test_a_repetition_that_fails_takes_nothing_back(status: str) -> None:
    after = after_repetition(row(3, status=status), answer(500), 9)

    assert (after.status, after.attempts, after.response_status) == (status, 4, 500)
    assert after_repetition(row(3, status=status), answer(200), 9).status == "delivered"


def test_what_is_given_up_says_why() -> None:
    after = given_up(row(2, next_attempt_at_ms=5), "not_allowed", 9)

    assert (after.status, after.reason, after.attempts) == ("dead", "not_allowed", 2)
    assert after.next_attempt_at_ms is None
