"""The ways in which a caller can say a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from vasya_server.errors import FieldError, ValidationFailed

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
# A plus that was not percent-encoded arrives as a space; nothing else can stand there.
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+\- ])(\d\d:\d\d))",
    re.ASCII,
)
_ALLOWED = (
    "RFC 3339 with an offset (2026-01-31T09:00:00Z)",
    "a duration back from now (24h, 7d)",
    "today",
    "yesterday",
)


def parse_time(text: str, *, now: datetime, pointer: str) -> datetime:
    """Return the aware UTC time that *text* means at *now*.

    Args:
        now: In the time zone whose midnight `today` and `yesterday` begin at.
        pointer: The parameter that carried it, for the refusal.

    Raises:
        ValidationFailed: None of the forms, or a time that does not exist.
    """
    try:
        found = _parsed(text, now)
    except (ValueError, OverflowError) as error:
        raise ValidationFailed(FieldError(pointer, "invalid_time", _ALLOWED)) from error
    if found is None:
        raise ValidationFailed(FieldError(pointer, "invalid_time", _ALLOWED))
    return found


def to_unix(name: str, text: str | None, now: datetime) -> int:
    """Return the time that the parameter *name* names in seconds, within what Telegram's dates can say; 0 for none.

    Raises:
        ValidationFailed: As `parse_time`.
    """
    if text is None:
        return 0
    at = parse_time(text, now=now, pointer=f"?{name}")
    return min(max(int(at.timestamp()), 1), 2**31 - 1)


def _parsed(text: str, now: datetime) -> datetime | None:
    if text in {"today", "yesterday"}:
        day = now.date() - timedelta(days=text == "yesterday")
        return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo).astimezone(UTC)
    if duration := _DURATION.fullmatch(text):
        # In UTC, for across a change of the clocks 24 hours are not a day.
        return now.astimezone(UTC) - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    if stamp := _RFC3339.fullmatch(text):
        date, time, fraction, zulu, sign, offset = stamp.groups()
        shift = "+00:00" if zulu else f"{'-' if sign == '-' else '+'}{offset}"
        micros = (fraction or "0")[:6].ljust(6, "0")
        return datetime.fromisoformat(f"{date}T{time}.{micros}{shift}").astimezone(UTC)
    return None
