"""Telethon's log lines carry no words of anybody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from vasya_server.telegram.logs import redact_telethon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.telegram.accounts import AccountRuntime

SECRET = "the meeting is at the old mill, call +4915112345678"


class Written(logging.Handler):
    """What reaches the root logger's handlers, and so whoever reads the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def written() -> Iterator[Written]:
    redact_telethon()
    handler = Written()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def talkative(written: Written) -> Iterator[Written]:
    """Let Telethon say everything it can."""
    logger = logging.getLogger("telethon")
    logger.setLevel(logging.DEBUG)
    yield written
    logger.setLevel(logging.ERROR)


async def test_the_warning_of_a_deduplicated_send_does_not_quote_the_message(
    alice: AccountRuntime, talkative: Written
) -> None:
    """Telethon logs the whole request where an answer does not map its random id."""
    client: Any = alice._client  # noqa: SLF001 — nothing else reaches Telethon's inside
    request = functions.messages.SendMessageRequest(types.InputPeerSelf(), SECRET, random_id=7)

    answer = types.Updates([], [], [], None, 0)
    client._get_response_message(request, answer, types.InputPeerSelf())  # noqa: SLF001 — as above

    lines = [line for line in talkative.lines if "messageparse" in line]
    assert lines == ["telethon.client.messageparse: Request %s had missing message mapping %s"]
    assert "old mill" not in str(talkative.lines)


def test_an_exception_is_named_and_not_quoted(talkative: Written) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("telethon.network.mtprotosender").exception("Unhandled: %s", SECRET)

    assert talkative.lines == ["telethon.network.mtprotosender: Unhandled: %s (ValueError)"]


def test_telethon_is_quiet_below_errors(written: Written) -> None:
    logging.getLogger("telethon.client.users").warning("Telegram is having issues %s", SECRET)

    assert written.lines == []
