"""Objects are cleaned by what their fields are marked as."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.growth import growth
from vasya_server.model.account import AccountUser
from vasya_server.model.base import Sanitized
from vasya_server.model.chat import ChatType
from vasya_server.model.message import Button, Entity, Media, Message, Sender
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.untrusted import sanitize

AT = datetime(2026, 1, 2, tzinfo=UTC)
HIDDEN = "\u202e"


def a_message(**fields: object) -> Message:
    plain = {"id": 1, "chat_id": 7, "sent_at": AT, "text": "hi", "grouped_id": HIDDEN}
    return Message(**{**plain, **fields})  # type: ignore[arg-type]  # the fields of a message


def test_what_is_clean_is_the_same_object() -> None:
    message = a_message(media=Media(type="poll", title="Lunch?", options=["Pizza", "Суп"]))

    assert clean(message) is message


def test_parts_are_counted_on_the_whole() -> None:
    message = clean(
        a_message(
            text=f"{HIDDEN}hi",
            entities=[Entity(type="text_link", offset=1, length=2, url=f"a{HIDDEN}")],
            sender=Sender(id=7, type=ChatType.USER, name=f"A{HIDDEN}nn"),
            media=Media(type="poll", options=["Pizza", f"Su{HIDDEN}{HIDDEN}p"]),
            buttons=[Button(id=0, text="\U000e0041", kind="url")],
        )
    )

    assert message.sanitized == Sanitized(removed=6, classes=["bidi", "tag"])
    assert message.entities == [Entity(type="text_link", offset=0, length=2, url="a")]
    assert message.sender == Sender(id=7, type=ChatType.USER, name="Ann")
    assert message.media == Media(type="poll", options=["Pizza", "Sup"])
    assert message.buttons == [Button(id=0, text="", kind="url")]


def test_what_nobody_else_writes_is_left_alone() -> None:
    assert clean(a_message()).grouped_id == HIDDEN


def test_an_object_that_cannot_tell_is_cleaned_all_the_same() -> None:
    user = AccountUser(id=1, first_name=f"A{HIDDEN}", last_name=None)

    assert clean(user) == AccountUser(id=1, first_name="A")


@pytest.mark.parametrize(
    "hostile",
    [
        "\u200b",
        "\u200d",
        "\U000e0041",
        "\u200d\u200b",
        "a\ufe0f",
        "👨\u200d",
        "ی\u200c",
        "\u200da\u200d",
    ],
)
def test_no_text_is_slow_to_clean(hostile: str) -> None:
    short, long = hostile * 2_500, hostile * 20_000

    assert growth(lambda: sanitize(short), lambda: sanitize(long)) < 24, (
        "eightfold: not by its square"
    )
