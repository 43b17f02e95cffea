from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from vasya_server.audit.entry import PLAIN_REQUEST_ID
from vasya_server.cli.logs import MAX_WAITING, LineWriter, RedactingFormatter, mask
from vasya_server.errors import ConfigurationInvalid
from vasya_server.ids import new_request_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def test_no_request_id_of_ours_is_masked_as_a_phone_number() -> None:
    for _ in range(2000):
        request_id = new_request_id()
        assert line("vasya.access", "request", request_id=request_id)["request_id"] == request_id


def test_a_request_id_of_ours_stands_in_the_audit_log_as_it_is() -> None:
    assert PLAIN_REQUEST_ID.fullmatch(new_request_id())


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


def test_a_request_is_told_by_its_template_and_never_by_its_path() -> None:
    said = line(
        "vasya.access",
        "request",
        method="GET",
        route="/api/v1/accounts/{account}/chats/{chat}",
        path="/api/v1/accounts/me/chats/@some_body",
        status=200,
        ms=1.5,
        request_id="req_x",
    )
    del said["at"]
    assert said == {
        "level": "error",
        "logger": "vasya.access",
        "message": "request",
        "request_id": "req_x",
        "method": "GET",
        "route": "/api/v1/accounts/{account}/chats/{chat}",
        "status": 200,
        "ms": 1.5,
    }


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def a_logger(writer: LineWriter) -> logging.Logger:
    writer.setFormatter(RedactingFormatter())
    logger = logging.Logger("vasya")  # noqa: LOG001 — of this test alone
    logger.addHandler(writer)
    return logger


def messages(text: bytes) -> list[str]:
    return [json.loads(each)["message"] for each in text.splitlines()]


def test_what_was_logged_is_written_when_it_is_flushed(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    logger = a_logger(writer)
    logger.info("one")
    logger.info("two")
    writer.flush()
    assert messages(os.read(pipe[0], 65536)) == ["one", "two"]
    writer.close()


def fill(end: int) -> int:
    """Leave no room in a pipe and return how many bytes are in it; *end* itself stays a blocking one."""
    other = os.open(f"/proc/self/fd/{end}", os.O_WRONLY | os.O_NONBLOCK)
    filled = 0
    try:
        while True:
            filled += os.write(other, b"\n" * 4096)
    except BlockingIOError:
        return filled
    finally:
        os.close(other)


def test_a_pipe_that_nobody_reads_stops_nobody_and_how_much_was_dropped_is_told_later(
    pipe: tuple[int, int],
) -> None:
    filled = fill(pipe[1])
    writer = LineWriter(pipe[1])
    logger = a_logger(writer)
    begun = time.monotonic()
    logger.info("the first")
    time.sleep(0.1)  # the thread has taken it, and hangs
    for _ in range(MAX_WAITING + 7):
        logger.info("another")
    assert time.monotonic() - begun < 5
    begun = time.monotonic()
    writer.flush()
    assert 0.9 < time.monotonic() - begun < 5
    text = os.read(pipe[0], filled)
    while text.count(b"}\n") < 2 + MAX_WAITING:
        text += os.read(pipe[0], 65536)
    writer.close()
    said = messages(text[filled:])
    assert said[:2] == ["the first", "7 log lines were dropped, because nobody took them"]
    assert said[2:] == ["another"] * MAX_WAITING


def test_lines_that_cannot_be_written_are_counted_and_end_nothing(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    writer = LineWriter(full)
    logger = a_logger(writer)
    logger.info("one")
    writer.flush()
    with (tmp_path / "log").open("wb") as file:
        os.dup2(file.fileno(), full)
    logger.info("two")
    writer.flush()
    writer.close()
    os.close(full)
    assert messages((tmp_path / "log").read_bytes()) == [
        "two",
        "1 log lines were dropped, because nobody took them",
    ]


def test_a_wrong_log_call_is_told_without_what_it_carries(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    a_logger(writer).info("%d people", "dinner at eight?")
    writer.flush()
    assert json.loads(os.read(pipe[0], 65536)) == {
        "logger": "vasya",
        "message": "a record has no rendering",
    }
    writer.close()
