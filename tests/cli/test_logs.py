from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from vasya_server.cli.logs import RedactingFormatter, mask
from vasya_server.errors import ConfigurationInvalid


def line(logger: str, message: str, *arguments: object, **extra: object) -> dict[str, Any]:
    exc_info = extra.pop("exc_info", None)
    record = logging.LogRecord(logger, logging.ERROR, "f.py", 1, message, arguments, exc_info)  # type: ignore[arg-type]
    record.__dict__.update(extra)
    rendered = RedactingFormatter().format(record)
    assert "\n" not in rendered
    decoded: dict[str, Any] = json.loads(rendered)
    return decoded


def test_a_record_is_one_line_of_json() -> None:
    said = line("vasya_server.cli", "closing")
    assert {name: said[name] for name in ("level", "logger", "message")} == {
        "level": "error",
        "logger": "vasya_server.cli",
        "message": "closing",
    }


def test_only_known_extras_are_written() -> None:
    said = line("vasya.api", "done", request_id="req_x", text="dinner at eight?")
    assert said["request_id"] == "req_x"
    assert "dinner" not in json.dumps(said)


def test_the_arguments_of_other_peoples_records_are_dropped() -> None:
    said = line("somewhere", "request %s failed", "SendMessage(message='dinner at eight?')")
    assert said["message"] == "request %s failed"


def test_only_the_first_line_of_other_peoples_records_is_written() -> None:
    said = line("asyncio", "Task exception was never retrieved\nfuture: 'dinner at eight?'")
    assert said["message"] == "Task exception was never retrieved"


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("vl_" + "0f" * 32, id="embedded token"),
        pytest.param("vk_ak0123456789abcdef_" + "0f" * 36, id="agent key"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", id="jwt"),
        pytest.param("+4915112345678", id="phone"),
        pytest.param("4915112345678", id="phone without plus"),
        pytest.param("@some_body", id="username"),
        pytest.param("1" + "Ab-_" * 88, id="session string"),
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_masked(secret: str) -> None:
    assert mask(f"before {secret} after") == "before … after"


def raised(error: Exception) -> tuple[type[Exception], Exception, Any]:
    try:
        raise error
    except type(error) as caught:
        return type(caught), caught, caught.__traceback__


def test_an_exception_is_told_by_type_and_place_and_not_by_its_words() -> None:
    said = line("vasya.api", "bug", exc_info=raised(ValueError("dinner at eight?")))
    assert said["error"]["type"] == "ValueError"
    assert said["error"]["at"][0].endswith(" raised")
    assert "dinner" not in json.dumps(said)


def test_the_sentence_of_our_own_refusals_is_told() -> None:
    said = line("vasya.api", "bug", exc_info=raised(ConfigurationInvalid("The key is weak.")))
    assert said["error"]["detail"] == "The key is weak."
