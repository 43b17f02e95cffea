from __future__ import annotations

import pytest

from vasya_sandbox.entities import complete, detect, slice_utf16, utf16_length
from vasya_sandbox.records import Entity


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain words, no marks", []),
        ("@ada_l and @x", ["mention @ada_l"]),
        ("mail me: ada@a.example", ["email ada@a.example"]),
        ("see https://a.example/x?y=1.", ["url https://a.example/x?y=1"]),
        ("see (a.example/b), now", ["url a.example/b"]),
        ("#tag #42 #тег", ["hashtag #tag", "hashtag #тег"]),
        ("/start@some_bot a/b", ["bot_command /start@some_bot"]),
        ("buy $TSLA", ["cashtag $TSLA"]),
        ("call +99966 210 00 now", ["phone_number +99966 210 00"]),
    ],
)
def test_marks_are_found_in_bare_text(text: str, found: list[str]) -> None:
    assert [
        f"{entity.kind} {slice_utf16(text, entity.offset, entity.length)}"
        for entity in detect(text)
    ] == found


def test_offsets_count_utf16_units() -> None:
    assert detect("😀 #tag") == [Entity("hashtag", 3, 4)]
    assert utf16_length("😀é") == 3


def test_nothing_is_marked_inside_code_and_links() -> None:
    code, link = Entity("code", 0, 4), Entity("text_link", 5, 4, url="https://a.example/")
    assert complete("#one #two #six", [code, link]) == [code, link, Entity("hashtag", 10, 4)]


def test_style_and_mark_may_share_a_range() -> None:
    bold = Entity("bold", 0, 4)
    assert complete("#one", [bold]) == [bold, Entity("hashtag", 0, 4)]
