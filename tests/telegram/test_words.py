"""Cutting a long text: nothing is lost, nothing taken apart, and each message ends where a reader would pause."""

from __future__ import annotations

import pytest

from vasya_server.model.message import Entity
from vasya_server.telegram.clusters import is_border
from vasya_server.telegram.words import split

FAMILY = "👨‍👩‍👧‍👦"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def pieces(text: str, limit: int) -> list[str]:
    return [piece for piece, _ in split(text, [], limit)]


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("one two three", 20, ["one two three"]),
        ("one\ntwo\n\nthree four", 16, ["one\ntwo", "three four"]),
        ("one two\nthree four", 14, ["one two", "three four"]),
        ("It is. So it is. And on", 18, ["It is. So it is.", "And on"]),
        ("one two three", 9, ["one two", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        # A better place is not worth a message that is nearly empty.
        ("a\n\nlong words here", 14, ["a\n\nlong words", "here"]),
        ("日本語。日本語。日本語", 9, ["日本語。日本語。", "日本語"]),
        ("   \n\n  ", 4, []),
    ],
)
def test_a_text_is_cut_where_a_reader_pauses(text: str, limit: int, found: list[str]) -> None:
    assert pieces(text, limit) == found


@pytest.mark.parametrize(
    "character",
    [FAMILY, "🇩🇪", "👋🏽", "e\u0301", "क्ष", "각", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "ی\u200cخ"],
    ids=["family", "flag", "skin tone", "accent", "conjunct", "syllable", "region", "joiner"],
)
def test_what_is_seen_as_one_character_is_never_taken_apart(character: str) -> None:
    text = character * 50

    found = pieces(text, units(character) * 7 + 1)

    assert "".join(found) == text
    assert {piece.replace(character, "") for piece in found} == {""}
    assert all(
        not is_border(character, at) for at in range(1, len(character)) if character != "می‌خ"
    )


def test_a_cut_never_falls_into_an_entity_that_fits_a_message() -> None:
    link = Entity(type="text_link", offset=11, length=8, url="https://e.example")

    found = list(split("some words the site there", [link], 16))

    assert found == [
        ("some words", []),
        (
            "the site there",
            [Entity(type="text_link", offset=0, length=8, url="https://e.example")],
        ),
    ]


def test_an_entity_that_is_longer_than_a_message_goes_on_in_the_next() -> None:
    block = Entity(type="pre", offset=2, length=20, language="c")

    found = list(split("ab" + "x" * 20, [block], 8))

    assert [text for text, _ in found] == ["abxxxxxx", "xxxxxxxx", "xxxxxx"]
    assert [(e.type, e.offset, e.length, e.language) for _, (e,) in found] == [
        ("pre", 2, 6, "c"),
        ("pre", 0, 8, "c"),
        ("pre", 0, 6, "c"),
    ]
