"""The ways to say a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from vasya_server.errors import ValidationFailed
from vasya_server.telegram.time_reference import parse_time

NOW = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+02:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31T09:00:00 02:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31 09:00:00-05:30", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
        ("2026-01-31t09:00:00.1234567z", datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)),
        ("24h", datetime(2026, 3, 9, 1, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 3, 3, 1, 30, tzinfo=UTC)),
        ("90m", datetime(2026, 3, 10, 0, 0, tzinfo=UTC)),
        ("today", datetime(2026, 3, 10, tzinfo=UTC)),
        ("yesterday", datetime(2026, 3, 9, tzinfo=UTC)),
    ],
)
def test_every_form_is_a_time_in_utc(text: str, at: datetime) -> None:
    assert parse_time(text, now=NOW, pointer="?since") == at


def test_today_begins_at_the_zones_midnight() -> None:
    zone = timezone(timedelta(hours=-3))

    at = parse_time("today", now=NOW.astimezone(zone), pointer="?since")

    assert at == datetime(2026, 3, 9, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("yesterday", datetime(2026, 3, 27, 23, tzinfo=UTC)),
        ("today", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("24h", datetime(2026, 3, 28, 10, tzinfo=UTC)),
    ],
)
def test_a_day_on_which_the_clocks_change_is_not_24_hours(text: str, at: datetime) -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    assert parse_time(text, now=noon, pointer="?since") == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T09:00:00",
        "2026-02-30T09:00:00Z",
        "2026-01-31T09:00:60Z",
        "2026-01-31T09:00:00+99:99",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "tomorrow",
        "-7d",
        "7 d",
        "999999999w",
        "now",
        "٧d",
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_time(text, now=NOW, pointer="?until")

    [error] = refused.value.errors
    assert (error.pointer, error.code) == ("?until", "invalid_time")
    assert "yesterday" in error.allowed
