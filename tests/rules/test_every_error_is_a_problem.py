"""One table says what every refusal means over HTTP, and misses none."""

from __future__ import annotations

import json

import pytest

from vasya_server import errors
from vasya_server.api import refusals
from vasya_server.api.problems import INTERNAL, PROBLEMS
from vasya_server.api.refusing import refuse, refuse_bug
from vasya_server.errors import StartupRefused, VasyaError

# RFC 9457 3.1: extension members may not take these names.
STANDARD = {"type", "title", "status", "detail", "instance"}


def _classes() -> list[type[VasyaError]]:
    found = [
        value
        for module in (errors, refusals)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, VasyaError) and "code" in vars(value)
    ]
    return [each for each in dict.fromkeys(found) if not issubclass(each, StartupRefused)]


@pytest.mark.parametrize("error", _classes(), ids=lambda e: e.__name__)
def test_every_error_has_its_row(error: type[VasyaError]) -> None:
    assert error.code in PROBLEMS


def test_every_row_has_its_error() -> None:
    assert {error.code for error in _classes()} | {INTERNAL} == set(PROBLEMS)


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in _classes()]

    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_a_row_is_fit_to_be_read(code: str) -> None:
    row = PROBLEMS[code]

    assert 400 <= row.status <= 599
    assert row.title[0].isupper()
    assert row.remedy.endswith(".")


def test_an_error_says_how_long_to_wait_in_the_body_and_the_header() -> None:
    refusal = refuse(errors.FloodWait(31), "req_1")

    assert json.loads(refusal.body) == {
        "type": "urn:vasya:problem:telegram_flood_wait",
        "title": "Telegram flood wait",
        "status": 429,
        "code": "telegram_flood_wait",
        "detail": "Telegram asks to wait before this is done again.",
        "instance": "urn:vasya:request:req_1",
        "requestId": "req_1",
        "isRetryable": True,
        "retryAfterSecs": 31,
        "remedy": "Wait for retryAfterSecs, then repeat the request with the same Idempotency-Key.",
        "telegramError": "FLOOD_WAIT",
    }
    assert refusal.headers == ((b"retry-after", b"31"),)


def test_field_errors_point_at_the_field_and_list_what_is_allowed() -> None:
    error = errors.ValidationFailed(errors.FieldError("?type", "not_allowed", ("photo", "video")))

    members = json.loads(refuse(error, "req_1").body)

    assert members["errors"] == [
        {"pointer": "?type", "code": "not_allowed", "allowed": ["photo", "video"]}
    ]


def test_a_bug_says_nothing_but_the_request_id() -> None:
    refusal = refuse_bug("req_1")

    assert refusal.status == 500
    assert json.loads(refusal.body)["detail"] == "The server failed; nothing more is said here."
    assert json.loads(refusal.body)["requestId"] == "req_1"
