"""What a reader cannot see is taken out of a text, and nothing else is (D-11.4)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vasya_server.model.message import Entity
from vasya_server.telegram.untrusted import is_clean, sanitize, sanitize_formatted

# D-11.4's list, as it stands there.
LISTED = {
    "control": [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0)],
    "bidi": [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "zero_width": [0x180E, 0x200B, 0x2060, 0xFEFF],
    "variation": [*range(0x180B, 0x180E), 0x180F, *range(0xE0100, 0xE01F0)],
    "tag": [*range(0xE0000, 0xE0080)],
    "invisible": [
        *(0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        *(*range(0x2061, 0x2066), *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC)),
        *(*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
    ],
    "noncharacter": [
        *range(0xFDD0, 0xFDF0),
        *(plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    ],
    "surrogate": [*range(0xD800, 0xE000)],
}
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
TEXAS = "\U0001f3f4\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f"

# Of everything, with what is suspect and what it may stand beside far more often than chance has it.
CHARACTERS = st.one_of(
    st.characters(codec=None),
    st.sampled_from([chr(point) for points in LISTED.values() for point in points]),
    st.sampled_from("\u200c\u200d\ufe0e\ufe0f👨👩❤🏴#1aی\u094dकर\U000e0067\U000e007f\n"),
    st.sampled_from([ENGLAND, "👨\u200d👩", "می\u200cخواهم", "\u200b" * 9]),
)
UNSEEN = [chr(point) for name in LISTED if name != "surrogate" for point in LISTED[name]]
TEXTS = st.lists(CHARACTERS, max_size=24).map("".join)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def covered(text: str, entity: Entity) -> str:
    """Return what *entity* covers in *text*, by Telegram's way of counting."""
    raw = text.encode("utf-16-le", "surrogatepass")
    stretch = raw[2 * entity.offset : 2 * (entity.offset + entity.length)]
    return stretch.decode("utf-16-le", "surrogatepass")


@st.composite
def formatted(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    """Draw letters with what is dropped between them, and stretches of whole characters of that."""
    junk = st.text(st.sampled_from(UNSEEN), max_size=3)
    text = draw(junk) + "".join(
        letter + draw(junk) for letter in draw(st.text("a漢😀", max_size=6))
    )
    places = st.integers(0, len(text))
    found = []
    for start, end in draw(st.lists(st.tuples(places, places), max_size=4)):
        first, last = sorted((start, end))
        offset = units(text[:first])
        found.append(Entity(type="bold", offset=offset, length=units(text[:last]) - offset))
    return text, found


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_character_is_dropped_and_named(name: str) -> None:
    for point in LISTED[name]:
        assert sanitize(f"a{chr(point)}b") == ("ab", 1, (name,)), hex(point)


def test_no_character_passes_the_quick_look_that_the_careful_one_drops() -> None:
    alone = [chr(point) for point in range(0x110000)]

    assert [c for c in alone if is_clean(c) and sanitize(f"a{c}b").removed] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("👨\u200d👩\u200d👧\u200d👦", id="family"),
        pytest.param("👩🏽\u200d🤝\u200d👨🏻", id="couple with skin tones"),
        pytest.param(
            "🕵🏻\u200d♂\ufe0f 🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥", id="symbols joined to emoji"
        ),
        pytest.param("🐦\u200d⬛ 🙂\u200d↔\ufe0f", id="newer sequences"),
        pytest.param("☎\ufe0e ☎\ufe0f 1\ufe0f\u20e3 #\ufe0f\u20e3 ©\ufe0f", id="presentation"),
        pytest.param("🇺🇦🇩🇪", id="flags of countries"),
        pytest.param(f"{ENGLAND}{SCOTLAND} {WALES}!", id="flags of the three countries"),
        pytest.param("می\u200cخواهم خانه\u200cای", id="Persian"),
        pytest.param("क\u094d\u200dष र\u094d\u200dय क\u094d\u200cष", id="Hindi and Marathi"),
        pytest.param("ශ\u0dca\u200dරී ලංකා", id="Sinhala"),
        pytest.param("র\u200d\u09cdযাব", id="Bengali"),
        pytest.param("അവന\u0d4d\u200d", id="older Malayalam"),
        pytest.param("e\u0301 ﬁ ① Å ʼn", id="what normalising would change"),
        pytest.param("line\n\ttab and\u00a0no-break\u3000space", id="spaces"),
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert sanitize(text) == (text, 0, ())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("pay\u202egnp.exe", "paygnp.exe", id="reversed"),
        pytest.param(
            "".join(chr(0xE0000 + ord(c)) for c in "obey") + "hi", "hi", id="hidden words"
        ),
        pytest.param("a\u200db", "ab", id="joiner between letters that do not join"),
        pytest.param("a\u200cb", "ab", id="non-joiner there"),
        pytest.param("a\ufe0fb \ufe0f", "ab ", id="selector after what has no other look"),
        pytest.param("❤\ufe0f\ufe0f\ufe0e", "❤\ufe0f", id="second selector"),
        pytest.param("👨\u200d\u200d👩", "👨\u200d👩", id="second joiner"),
        pytest.param("👨\u200d", "👨", id="joiner of nothing"),
        pytest.param("ی\u200c\u200cا", "ی\u200cا", id="second non-joiner"),
        pytest.param("👨\u200b\u200d\u200b👩", "👨\u200d👩", id="between what is dropped"),
        pytest.param(TEXAS, "🏴", id="flag that nobody draws"),
        pytest.param(ENGLAND[1:], "", id="tags without a flag"),
        pytest.param(ENGLAND[:-1] + "x", "🏴x", id="flag without an end"),
        pytest.param("∩\ufe00", "∩", id="selector that no emoji knows"),
        pytest.param("\ud83d", "", id="half a character"),
    ],
)
def test_what_means_nothing_goes(text: str, left: str) -> None:
    assert sanitize(text).text == left


def test_several_kinds_are_counted_and_named_once_each() -> None:
    assert sanitize("a\u202eb\u202ec\U000e0041\x00") == ("abc", 4, ("bidi", "control", "tag"))


@given(TEXTS)
def test_doing_it_twice_changes_nothing_more(text: str) -> None:
    once = sanitize(text).text

    assert sanitize(once) == (once, 0, ())


@given(TEXTS)
def test_it_only_removes_and_counts_what_it_removes(text: str) -> None:
    left, removed, classes = sanitize(text)
    rest = iter(text)

    assert all(character in rest for character in left)
    assert len(text) - len(left) == removed
    assert bool(removed) is bool(classes)
    left.encode()  # what is left can be written as UTF-8


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("\n\t")))
def test_ascii_is_left_alone(text: str) -> None:
    assert sanitize(text) == (text, 0, ())


@given(TEXTS)
def test_the_quick_look_agrees_with_the_careful_one(text: str) -> None:
    if is_clean(text):
        assert sanitize(text).removed == 0


@given(formatted())
@example(("a\u200b😀b", [Entity(type="bold", offset=1, length=3)]))
def test_entities_cover_what_they_covered(drawn: tuple[str, list[Entity]]) -> None:
    text, entities = drawn
    (left, _, _), moved = sanitize_formatted(text, entities)

    if not set(text).isdisjoint(UNSEEN):
        before = [covered(text, entity) for entity in entities]
        seen = ["".join(c for c in stretch if c not in UNSEEN) for stretch in before]
        assert [covered(left, entity) for entity in moved] == [each for each in seen if each]
        assert all(entity.offset + entity.length <= units(left) for entity in moved)
    else:
        assert moved == entities
