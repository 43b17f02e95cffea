"""The compact page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from vasya_server.model.base import Sanitized
from vasya_server.model.chat import ChatType
from vasya_server.model.message import (
    CompactChat,
    Entity,
    Media,
    Message,
    PollOption,
    PollState,
    ReplyTo,
    Sender,
    ServiceAction,
)
from vasya_server.telegram.compact import media_words, to_compact, to_compact_page

AT = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Sender(id=7, type=ChatType.USER, name="Ann")


def message(**fields: Any) -> Message:
    return Message(id=1, chat_id=7, sent_at=AT, sender=ANN, **fields)


def test_the_chat_and_each_person_are_named_once() -> None:
    page = to_compact_page(
        CompactChat(id=7, type=ChatType.USER, title="Ann"),
        [message(text="a"), message(text="b")],
        max_text=10,
        next_cursor=None,
    )

    assert msgspec.to_builtins(page) == {
        "chat": {"id": 7, "type": "user", "title": "Ann"},
        "people": {"7": "Ann"},
        "items": [
            {"id": 1, "at": "2026-01-02T00:00:00Z", "from": 7, "text": "a"},
            {"id": 1, "at": "2026-01-02T00:00:00Z", "from": 7, "text": "b"},
        ],
        "trust": "untrusted",
    }


def test_formatting_is_folded_into_the_text() -> None:
    compact = to_compact(
        message(text="so bold", entities=[Entity(type="bold", offset=3, length=4)]), 99
    )

    assert compact.text == "so **bold**"


def test_a_long_text_is_cut_and_says_so() -> None:
    compact = to_compact(message(text="abcdef"), 4)

    assert (compact.text, compact.is_truncated) == ("abcd", True)


def test_a_text_of_just_the_limit_is_whole() -> None:
    compact = to_compact(message(text="abcd"), 4)

    assert (compact.text, compact.is_truncated) == ("abcd", False)


def test_a_cut_closes_the_formatting_it_meets() -> None:
    text = message(text="👍 bold words", entities=[Entity(type="bold", offset=3, length=10)])

    assert to_compact(text, 4).text == "👍 **bo**"


def test_a_cut_takes_no_emoji_apart() -> None:
    family = "👨\u200d👩\u200d👧"

    assert to_compact(message(text=f"ab{family}"), 5).text == "ab"


def test_a_cut_takes_no_accent_off() -> None:
    assert to_compact(message(text="cafe\u0301s"), 4).text == "caf"


@pytest.mark.parametrize("at", range(1, 7))
def test_a_cut_takes_no_flag_apart(at: int) -> None:
    wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"

    assert to_compact(message(text=f"ab{wales}"), at + 2).text == "ab"


def test_a_cut_leaves_no_joiner_hanging() -> None:
    assert to_compact(message(text="abmi\u200cx"), 5).text == "abm"


def test_what_was_hidden_and_what_may_not_be_read_is_told() -> None:
    compact = to_compact(
        message(sanitized=Sanitized(removed=1, classes=["tag"]), redacted="service_notification"),
        9,
    )

    assert compact.sanitized == Sanitized(removed=1, classes=["tag"])
    assert compact.redacted == "service_notification"


def test_a_reply_names_the_message() -> None:
    assert to_compact(message(reply_to=ReplyTo(message_id=5)), 9).reply_to == 5


def test_a_service_message_says_what_happened() -> None:
    action = ServiceAction(type="chat_edit_title", title="New name")

    assert to_compact(message(action=action), 9).media == "service chat_edit_title New name"


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (Media(type="photo", size_bytes=9, width=1, height=1), "photo"),
        (
            Media(type="document", file_name="deck.pdf", size_bytes=1_800_000),
            "document deck.pdf 1.8 MB",
        ),
        (Media(type="document", size_bytes=999_600), "document 1.0 MB"),
        (Media(type="document", size_bytes=0), "document 0 B"),
        (Media(type="document", size_bytes=512), "document 512 B"),
        (Media(type="document", size_bytes=2_500_000_000_000), "document 2500 GB"),
        (Media(type="voice", duration_secs=12), "voice 12 s"),
        (Media(type="video", duration_secs=80.4), "video 1:20"),
        (Media(type="audio", title="A — B", duration_secs=3661), "audio A — B 1:01:01"),
        (
            Media(
                type="poll",
                poll=PollState(
                    question="Lunch?",
                    options=[PollOption(index=0, text="Pizza"), PollOption(index=1, text="Sushi")],
                ),
            ),
            "poll Lunch? (Pizza / Sushi)",
        ),
        (Media(type="location", latitude=52.5, longitude=13.4), "location 52.50000,13.40000"),
        (Media(type="sticker", title="😀"), "sticker 😀"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_media_is_told_in_a_few_words(media: Media, words: str) -> None:
    assert media_words(media) == words
