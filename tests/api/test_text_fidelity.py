"""What is written is what the other side has, to the last code unit, and what is read is written again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_writing import first_error, last, units
from vasya_sandbox.entities import slice_utf16
from vasya_sandbox.records import Entity

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene

FAMILY = "👨‍👩‍👧‍👦"
FLAGS = "🇩🇪🏴󠁧󠁢󠁳󠁣󠁴󠁿"
HEBREW = "שלום עולם"
PERSIAN = "می‌خواهم"
SAMPLES = {
    "families": f"{FAMILY} and {FAMILY}",
    "flags": FLAGS,
    "hebrew": HEBREW,
    "persian with a joiner": PERSIAN,
    "accents": "e\u0301 and \u00e9, Zoe\u0308",
    "skin tones": "👋🏽 👩🏿‍🚒",
    "devanagari": "क्षत्रिय",
    "hangul": "한국어 각",
    "4,096 units of emoji": "👍" * 2048,
    "4,096 letters": "ж" * 4096,
    "marks": r"2 * 3 * 4 = 24, snake_case, a|b, C:\path, [x](y), <b>, `tick`, ~tilde~, > no quote",
}
# As it is written, what is shown, and what the other side has of it.
STYLES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "bold": ("**{}**", "<b>{}</b>", "bold", {}),
    "italic": ("*{}*", "<i>{}</i>", "italic", {}),
    "underline": ("<u>{}</u>", "<u>{}</u>", "underline", {}),
    "strikethrough": ("~~{}~~", "<s>{}</s>", "strikethrough", {}),
    "spoiler": ("||{}||", "<tg-spoiler>{}</tg-spoiler>", "spoiler", {}),
    "code": ("`{}`", "<code>{}</code>", "code", {}),
    "text_link": (
        "[{}](https://e.example/a_b?c=1)",
        '<a href="https://e.example/a_b?c=1">{}</a>',
        "text_link",
        {"url": "https://e.example/a_b?c=1"},
    ),
    "custom_emoji": (
        "[{}](tg://emoji?id=5368324170671202286)",
        '<tg-emoji emoji-id="5368324170671202286">{}</tg-emoji>',
        "custom_emoji",
        {"customEmojiId": "5368324170671202286"},
    ),
}
STORED = {"url": "url", "customEmojiId": "document_id", "userId": "user_id", "language": "language"}


def stored(kind: str, offset: int, length: int, more: dict[str, Any]) -> Entity:
    """Return an entity as the other side has it."""
    said: dict[str, Any] = {
        STORED[name]: int(value) if name == "customEmojiId" else value
        for name, value in more.items()
    }
    return Entity(kind, offset, length, **said)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("form", ["plain", "html"])
async def test_a_text_arrives_as_it_was_written(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, sample: str, form: str
) -> None:
    text = SAMPLES[sample]
    said = text.replace("&", "&amp;").replace("<", "&lt;") if form == "html" else text

    sent = await client.post(to_bob, json={"text": said, "format": form})

    assert sent.status_code == 201, sent.text
    assert (last(scene).text, sent.json()["text"]) == (text, text)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["markdown", "html", "entities"])
@pytest.mark.parametrize("words", ["word", FAMILY, FLAGS, HEBREW, PERSIAN])
async def test_every_style_covers_the_same_units_on_the_other_side(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, style: str, form: str, words: str
) -> None:
    markdown, html, kind, more = STYLES[style]
    before, after = f"{FAMILY} ", " end"
    offset, length = units(before), units(words)
    bodies: dict[str, dict[str, Any]] = {
        "markdown": {"text": before + markdown.format(words) + after},
        "html": {"text": before + html.format(words) + after, "format": "html"},
        "entities": {
            "text": before + words + after,
            "format": "plain",
            "entities": [{"type": kind, "offset": offset, "length": length, **more}],
        },
    }

    sent = await client.post(to_bob, json=bodies[form])

    assert sent.status_code == 201, sent.text
    assert last(scene).text == before + words + after
    assert last(scene).entities == [stored(kind, offset, length, more)]
    assert slice_utf16(last(scene).text, offset, length) == words
    read = sent.json()["entities"]
    again = await client.post(
        to_bob, json={"text": sent.json()["text"], "format": "plain", "entities": read}
    )
    assert (again.json()["text"], again.json()["entities"]) == (sent.json()["text"], read)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("markdown", "```python\nif x:\n    y()\n```"),
        ("html", '<pre><code class="language-python">if x:\n    y()</code></pre>'),
    ],
)
async def test_a_block_of_code_keeps_its_language_and_its_blanks(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, form: str, text: str
) -> None:
    await client.post(to_bob, json={"text": text, "format": form})

    assert last(scene).text == "if x:\n    y()"
    assert last(scene).entities == [Entity("pre", 0, 13, language="python")]


@pytest.mark.parametrize(
    ("form", "text", "kind"),
    [
        ("markdown", "> one\n> two\n\nend", "blockquote"),
        ("markdown", "**> one\n> two\n\nend", "expandable_blockquote"),
        ("html", "<blockquote>one\ntwo</blockquote>\n\nend", "blockquote"),
        ("html", "<blockquote expandable>one\ntwo</blockquote>\n\nend", "expandable_blockquote"),
    ],
)
async def test_quotes_are_folded_or_not(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, form: str, text: str, kind: str
) -> None:
    sent = await client.post(to_bob, json={"text": text, "format": form})

    assert last(scene).text == "one\ntwo\n\nend"
    assert last(scene).entities == [Entity(kind, 0, 7)]
    assert sent.json()["entities"] == [{"type": kind, "offset": 0, "length": 7}]


@pytest.mark.parametrize("form", ["markdown", "html", "entities"])
async def test_somebody_is_mentioned_by_name(
    client: httpx.AsyncClient, account: str, scene: Scene, form: str
) -> None:
    carol = scene.carol.id
    bodies: dict[str, dict[str, Any]] = {
        "markdown": {"text": f"hi [Кэрол](tg://user?id={carol})"},
        "html": {"text": f'hi <a href="tg://user?id={carol}">Кэрол</a>', "format": "html"},
        "entities": {
            "text": "hi Кэрол",
            "format": "plain",
            "entities": [{"type": "text_mention", "offset": 3, "length": 5, "userId": carol}],
        },
    }

    sent = await client.post(f"{account}/chats/{scene.group.peer_id}/messages", json=bodies[form])

    assert sent.status_code == 201, sent.text
    record = scene.world.message(
        scene.carol, scene.group, scene.world.ids(scene.carol, scene.group)[-1]
    )
    assert record is not None
    assert (record.text, record.entities) == (
        "hi Кэрол",
        [Entity("text_mention", 3, 5, user_id=carol)],
    )
    assert record.mentions == [carol]


async def test_what_telegram_finds_by_itself_is_read_and_may_be_written_again(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    text = "see https://e.example/x #tag $ABC /start @bob_b a@e.example +49 30 1234567"

    sent = await client.post(to_bob, json={"text": text})

    found = sent.json()["entities"]
    assert [each["type"] for each in found] == [
        "url",
        "hashtag",
        "cashtag",
        "bot_command",
        "mention",
        "email",
        "phone_number",
    ]
    again = await client.post(to_bob, json={"text": text, "format": "plain", "entities": found})
    assert (again.status_code, again.json()["entities"]) == (201, found)
    assert last(scene).text == text


async def test_styles_overlap_and_nest_as_they_were_given(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    entities = [
        {"type": "bold", "offset": 0, "length": 8},
        {"type": "italic", "offset": 5, "length": 8},
        {"type": "underline", "offset": 5, "length": 3},
    ]

    sent = await client.post(
        to_bob, json={"text": "onetwothreefour", "format": "plain", "entities": entities}
    )

    assert sent.json()["entities"] == entities
    assert last(scene).entities == [
        Entity("bold", 0, 8),
        Entity("italic", 5, 8),
        Entity("underline", 5, 3),
    ]


async def test_blanks_at_the_ends_go_and_entities_move_with_the_text(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    entities = [{"type": "bold", "offset": 0, "length": 6}]

    await client.post(to_bob, json={"text": "  👍 ok  ", "format": "plain", "entities": entities})

    assert (last(scene).text, last(scene).entities) == ("👍 ok", [Entity("bold", 0, 4)])


@pytest.mark.parametrize(
    ("entity", "pointer", "code"),
    [
        ({"type": "bold", "offset": 0, "length": 99}, "/entities/0/length", "out_of_range"),
        ({"type": "bold", "offset": 1, "length": 2}, "/entities/0/offset", "inside_character"),
        ({"type": "bold", "offset": 0, "length": 1}, "/entities/0/length", "inside_character"),
        ({"type": "bold", "offset": 0, "length": 0}, "/entities/0/length", "out_of_range"),
        ({"type": "text_link", "offset": 2, "length": 1}, "/entities/0/url", "missing"),
        ({"type": "text_mention", "offset": 2, "length": 1}, "/entities/0/userId", "missing"),
        (
            {"type": "custom_emoji", "offset": 0, "length": 2},
            "/entities/0/customEmojiId",
            "missing",
        ),
        (
            {"type": "custom_emoji", "offset": 0, "length": 2, "customEmojiId": "9" * 19},
            "/entities/0/customEmojiId",
            "out_of_range",
        ),
        ({"type": "blink", "offset": 0, "length": 2}, "/entities/0/type", "not_allowed"),
        ({"type": "bold", "offset": 0}, "/entities/0/length", "missing"),
    ],
)
async def test_an_entity_that_cannot_be_is_refused_where_it_is_wrong(
    client: httpx.AsyncClient, to_bob: str, entity: dict[str, Any], pointer: str, code: str
) -> None:
    refused = await client.post(
        to_bob, json={"text": "👍 ok", "format": "plain", "entities": [entity]}
    )

    assert first_error(refused) == (pointer, code)


async def test_entities_stand_beside_a_plain_text_alone(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    body = {"text": "**x**", "entities": [{"type": "bold", "offset": 0, "length": 1}]}

    assert first_error(await client.post(to_bob, json=body)) == ("/format", "not_allowed")


async def test_a_reply_quotes_what_was_said_and_nothing_else(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    asked = scene.world.post(scene.bob, scene.alice, f"soup {FAMILY} or cake?").message
    answered = asked.copies[scene.alice.id]

    sent = await client.post(
        to_bob, json={"text": "both", "replyTo": answered, "quote": f"{FAMILY} or"}
    )

    assert sent.status_code == 201, sent.text
    reply = last(scene).reply
    assert reply is not None
    assert (reply.number, reply.quote) == (asked.number, f"{FAMILY} or")
    wrong = await client.post(to_bob, json={"text": "x", "replyTo": answered, "quote": "pizza"})
    assert first_error(wrong) == ("/quote", "not_in_message")
