"""Text with formatting: Markdown and HTML in, Markdown out."""

from __future__ import annotations

import contextlib
import random

import pytest

from tests.growth import growth
from vasya_server.errors import ValidationFailed
from vasya_server.model.message import Entity
from vasya_server.model.writing import TextFormat
from vasya_server.telegram.formatting import parse, to_markdown
from vasya_server.telegram.html import utf16_length


def read(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    plain, entities = parse(text, TextFormat.MARKDOWN)
    return plain, [(entity.type, entity.offset, entity.length) for entity in entities]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("**b**", "b", [("bold", 0, 1)]),
        ("*i*", "i", [("italic", 0, 1)]),
        ("_i_", "i", [("italic", 0, 1)]),
        ("__i__", "i", [("italic", 0, 1)]),
        ("~~s~~", "s", [("strikethrough", 0, 1)]),
        ("||s||", "s", [("spoiler", 0, 1)]),
        ("<u>u</u>", "u", [("underline", 0, 1)]),
        ("`c*d*`", "c*d*", [("code", 0, 4)]),
        ("``a`b``", "a`b", [("code", 0, 3)]),
        ("***both***", "both", [("italic", 0, 4), ("bold", 0, 4)]),
        ("**a *b* c**", "a b c", [("bold", 0, 5), ("italic", 2, 1)]),
        ("> one\n> two\nthree", "one\ntwo\nthree", [("blockquote", 0, 7)]),
        ("```\nx = 1\n```", "x = 1", [("pre", 0, 5)]),
        ("  **b**\n", "b", [("bold", 0, 1)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_markdown_is_read(source: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    assert read(source) == (text, entities)


def test_offsets_count_utf_16_units() -> None:
    assert read("👍👍 **b**") == ("👍👍 b", [("bold", 5, 1)])


@pytest.mark.parametrize(
    "text",
    [
        "snake_case_name",
        "2 * 3 * 4",
        "**open",
        "a || b",
        "* item\n* item",
        "[not a link]",
        "https://example.org/_a_/b_c_",
        "#1 > 2",
        "****",
    ],
)
def test_what_is_no_formatting_stays_text(text: str) -> None:
    assert read(text) == (text, [])


def test_a_backslash_takes_punctuation_literally() -> None:
    assert read(r"\*not italic\* C:\Users") == (r"*not italic* C:\Users", [])


def test_a_fence_names_its_language() -> None:
    text, entities = parse("run\n```python\nprint(1)\n```\nnow", TextFormat.MARKDOWN)

    assert text == "run\nprint(1)\nnow"
    assert entities == [Entity(type="pre", offset=4, length=8, language="python")]


def test_a_link_keeps_its_target() -> None:
    text, entities = parse("see [the **docs**](https://example.org/a_(b))", TextFormat.MARKDOWN)

    assert text == "see the docs"
    assert entities[0] == Entity(
        type="text_link", offset=4, length=8, url="https://example.org/a_(b)"
    )


def test_a_link_to_a_user_id_is_a_mention() -> None:
    _, entities = parse("[Ann](tg://user?id=42)", TextFormat.MARKDOWN)

    assert entities == [Entity(type="text_mention", offset=0, length=3, user_id=42)]


def test_plain_text_is_only_trimmed() -> None:
    assert parse("  **b** \n", TextFormat.PLAIN) == ("**b**", [])


def test_html_is_read() -> None:
    source = '<b>b<i>i</i></b> &lt;3 <a href="https://e.org">l</a><pre><code class="language-py">x</code></pre>'
    text, entities = parse(source, TextFormat.HTML)

    assert text == "bi <3 lx"
    assert entities == [
        Entity(type="bold", offset=0, length=2),
        Entity(type="italic", offset=1, length=1),
        Entity(type="text_link", offset=6, length=1, url="https://e.org"),
        Entity(type="pre", offset=7, length=1, language="py"),
    ]


def test_html_knows_spoilers_quotes_and_custom_emoji() -> None:
    source = (
        '<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>'
        '<blockquote expandable>c</blockquote><tg-emoji emoji-id="9">d</tg-emoji>'
    )
    _, entities = parse(source, TextFormat.HTML)

    kinds = ["spoiler", "spoiler", "expandable_blockquote", "custom_emoji"]
    assert [entity.type for entity in entities] == kinds
    assert entities[3].custom_emoji_id == "9"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("<h1>x</h1>", "unknown_tag"),
        ("<b>x", "tag_not_closed"),
        ("<b><i>x</b></i>", "tag_not_open"),
        ("x</b>", "tag_not_open"),
        ("<a>x</a>", "missing_attribute"),
        ("<span>x</span>", "unknown_tag"),
        ("x <b y", "tag_malformed"),
        ('<a href="x', "tag_malformed"),
        ("<b<i>x</i></b>", "tag_malformed"),
        ('<tg-emoji emoji-id="x">x</tg-emoji>', "missing_attribute"),
        ('<tg-emoji emoji-id="9999999999999999999">x</tg-emoji>', "missing_attribute"),
    ],
)
def test_html_that_telegram_cannot_show_is_refused(source: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse(source, TextFormat.HTML)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/text", code)]


@pytest.mark.parametrize(
    "source",
    [
        "**b** *i* <u>u</u> ~~s~~ ||p|| `c`",
        "***bi** i*",
        "[the **docs**](https://example.org/a_(b))",
        "[Ann](tg://user?id=42)",
        "> quoted **bold**\n> more\nplain",
        "```py\nif x:\n    y()\n```\ndone",
        "`` a`b ``",
        r"\*a\* b\_ \`c\` \~\~ \|\| \[x](\y",
    ],
)
def test_formatting_survives_out_and_in(source: str) -> None:
    text, entities = parse(source, TextFormat.MARKDOWN)

    assert parse(to_markdown(text, entities), TextFormat.MARKDOWN) == (text, entities)


def test_text_without_marks_is_written_as_it_is() -> None:
    text = "snake_case, 2 * 3, https://e.org/_x_, [12:30] ok"

    assert to_markdown(text, []) == text


def test_what_markdown_cannot_say_is_written_as_its_text() -> None:
    entities = [
        Entity(type="custom_emoji", offset=0, length=2, custom_emoji_id="1"),
        Entity(type="hashtag", offset=3, length=4),
    ]

    assert to_markdown("👍 #tag", entities) == "👍 #tag"


@pytest.mark.parametrize(
    ("offset", "length"), [(-5, 3), (0, 999), (2, 0), (50, 5), (1, 1)], ids=str
)
def test_entities_out_of_bounds_do_no_harm(offset: int, length: int) -> None:
    written = to_markdown("👍abc", [Entity(type="bold", offset=offset, length=length)])

    assert written.replace("*", "") == "👍abc"


def test_html_keeps_breaks_and_what_is_no_tag() -> None:
    assert parse("a<br>b<br/>c &amp; 1 < 2 <3 <!x", TextFormat.HTML) == (
        "a\nb\nc & 1 < 2 <3 <!x",
        [],
    )


def test_html_links_may_name_a_user() -> None:
    _, entities = parse("<a href='tg://user?id=42'>Ann</a>", TextFormat.HTML)

    assert entities == [Entity(type="text_mention", offset=0, length=3, user_id=42)]


@pytest.mark.parametrize("user_id", ["9" * 16, "9" * 5000, "٣", "-1", ""])
def test_a_number_that_is_no_user_id_is_only_a_link(user_id: str) -> None:
    _, entities = parse(f"[x](tg://user?id={user_id})", TextFormat.MARKDOWN)

    assert [entity.type for entity in entities] == ["text_link"]


_PIECES = [*"ab c*_`~|[]()<>\\!.\n>👍é", "https://x.y/_a_ ", "<u>", "](", "```", "**"]
_STYLES = ["bold", "italic", "strikethrough", "spoiler", "underline", "code", "pre"]


@pytest.mark.parametrize("seed", range(20))
def test_any_text_and_formatting_reads_back_as_the_same_text(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 — the same texts every time
    for _ in range(200):
        text = "".join(rng.choices(_PIECES, k=rng.randint(1, 14))).strip()
        length = utf16_length(text)
        starts = [rng.randint(0, length) for _ in range(rng.randint(0, 3))]
        entities = [
            Entity(type=rng.choice(_STYLES), offset=start, length=rng.randint(0, length - start))
            for start in starts
        ]
        written = to_markdown(text, entities)

        assert parse(written, TextFormat.MARKDOWN)[0] == text, written


_HARD_MARKDOWN = ["*a ", "[", "`a``b", "](", "a* ", "~~a", "<u>", "> \n", "*a* ", "(", "\\"]
_HARD_HTML = ["<", "<!", "<!--", "<a ", "<a b='", "<a b=", "<![", "</", "<b>", "&#", "&", "<a\x00"]


@pytest.mark.parametrize(
    ("piece", "text_format"),
    [(piece, TextFormat.MARKDOWN) for piece in _HARD_MARKDOWN]
    + [(piece, TextFormat.HTML) for piece in _HARD_HTML],
)
def test_no_text_is_slow_to_read(piece: str, text_format: TextFormat) -> None:
    def read(length: int) -> None:
        with contextlib.suppress(ValidationFailed):
            parse(piece * (length // len(piece)), text_format)

    assert growth(lambda: read(2_048), lambda: read(16_384)) < 24, "eightfold: not by its square"
