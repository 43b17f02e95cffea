"""One attempt at a delivery, and what follows from it: tried again, given up, or done (D-10.3)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.model.webhook import DeliveryStatus
from vasya_server.store import webhooks as rows

if TYPE_CHECKING:
    from vasya_server.errors import OutboundFailed, OutboundRefused
    from vasya_server.outbound import OutboundAnswer
    from vasya_server.settings import Settings
    from vasya_server.store.database import Statement

# What a receiver refuses as it is will hardly be taken later; what it cannot take now may be.
_MOST_REFUSALS: Final = 6
_PASSING: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_ASKING_TO_WAIT: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_LONGEST_WAIT_SECS: Final = 3600.0
_JITTER: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt.

    Args:
        status: What the receiver answered; None: no answer.
        reason: Why there was none.
        wait_secs: How long it asks to be left alone.
    """

    status: int | None = None
    reason: str | None = None
    wait_secs: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """Tell whether the receiver has it."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)

    @property
    def is_gone(self) -> bool:
        """Tell whether the receiver wants nothing any more."""
        return self.status == HTTPStatus.GONE

    @property
    def is_refusal(self) -> bool:
        """Tell whether the receiver will not take this, however often it is sent."""
        status = self.status or 0
        return HTTPStatus(400) <= status < HTTPStatus(500) and status not in _PASSING

    @property
    def is_alive(self) -> bool:
        """Tell whether there is a receiver that works at all."""
        return self.status is not None and self.status < HTTPStatus(500)


def answered(answer: OutboundAnswer, now: datetime) -> Outcome:
    """Return what a receiver's answer comes to; a redirect is a failure like another and is not followed."""
    asked = answer.headers.get("retry-after") if answer.status in _ASKING_TO_WAIT else None
    wait_secs = 0.0 if asked is None else min(_seconds(asked, now), _LONGEST_WAIT_SECS)
    return Outcome(status=answer.status, wait_secs=wait_secs)


def unanswered(error: OutboundRefused | OutboundFailed) -> Outcome:
    """Return what it comes to that there was no answer."""
    return Outcome(reason=error.reason)


def _seconds(retry_after: str, now: datetime) -> float:
    """Read `Retry-After`, in seconds or as a date; what cannot be read asks for nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


class Schedule:
    """When a delivery is tried again, and when no more."""

    def __init__(self, settings: Settings) -> None:
        self._waits = settings.webhook_retry_secs
        self._give_up_ms = settings.webhook_give_up_secs * 1000

    @property
    def first_secs(self) -> float:
        """How long after the first failure."""
        return self._waits[0]

    def after(self, row: rows.DeliveryRow, outcome: Outcome, now_ms: int) -> rows.DeliveryRow:
        """Return the delivery after an attempt that was made because it was due."""
        tried = msgspec.structs.replace(
            row,
            attempts=row.attempts + 1,
            next_attempt_at_ms=None,
            response_status=outcome.status,
            reason=outcome.reason,
            updated_at_ms=now_ms,
        )
        if outcome.is_delivered:
            return msgspec.structs.replace(tried, status=DeliveryStatus.DELIVERED.value)
        if outcome.is_gone:
            return msgspec.structs.replace(tried, status=DeliveryStatus.FAILED.value)
        is_over = now_ms >= row.created_at_ms + self._give_up_ms
        if is_over or (outcome.is_refusal and tried.attempts >= _MOST_REFUSALS):
            return msgspec.structs.replace(tried, status=DeliveryStatus.DEAD.value)
        wait_secs = self._waits[min(tried.attempts, len(self._waits)) - 1]
        wait_secs *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 — not secret
        due_ms = now_ms + int(max(wait_secs, outcome.wait_secs) * 1000)
        return msgspec.structs.replace(
            tried, status=DeliveryStatus.PENDING.value, next_attempt_at_ms=due_ms
        )


def after_repetition(row: rows.DeliveryRow, outcome: Outcome, now_ms: int) -> rows.DeliveryRow:
    """Return a delivery after an attempt that somebody asked for: a failure takes nothing back and plans nothing."""
    return msgspec.structs.replace(
        row,
        status=DeliveryStatus.DELIVERED.value if outcome.is_delivered else row.status,
        attempts=row.attempts + 1,
        next_attempt_at_ms=None,
        response_status=outcome.status,
        reason=outcome.reason,
        updated_at_ms=now_ms,
    )


def given_up(row: rows.DeliveryRow, reason: str, now_ms: int) -> rows.DeliveryRow:
    """Return a delivery that is not tried any more."""
    return msgspec.structs.replace(
        row,
        status=DeliveryStatus.DEAD.value,
        next_attempt_at_ms=None,
        reason=reason,
        updated_at_ms=now_ms,
    )


def putting(row: rows.DeliveryRow) -> Statement:
    """Return what stores a delivery."""
    return rows.PUT_DELIVERY.bind(**msgspec.structs.asdict(row))
