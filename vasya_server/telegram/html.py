"""Text with formatting, read from the HTML that Telegram's Bot API made known.

Source: https://core.telegram.org/bots/api#html-style
"""

from __future__ import annotations

import re
from html import unescape

import msgspec

from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.message import Entity

USER_LINK = "tg://user?id="
EMOJI_LINK = "tg://emoji?id="
_STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
}
_TAGS = (*_STYLES, "a", "blockquote", "br", "span", "tg-emoji")
_LANGUAGE = "language-"
_USER = re.compile(re.escape(USER_LINK) + "([0-9]{1,15})")
_EMOJI = re.compile(re.escape(EMOJI_LINK) + "([1-9][0-9]{0,18})")
_NUMBER = re.compile("[0-9]{1,19}")
MAX_EMOJI_ID = 2**63

# The standard library's parser takes quadratic time for tags that are not closed, and fails on some of them. Each of
# these matches in one pass or not at all, and what does not match ends the reading.
_TAG_START = re.compile(r"<(?=/?[a-zA-Z])")
_TAG_NAME = re.compile(r"(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_ATTRIBUTE = re.compile(r"""\s+([a-zA-Z-]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s"'<>=]+)))?""")
_TAG_END = re.compile(r"\s*/?>")


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """Return the text of *text* without tags, and the entities that they meant.

    Raises:
        ValidationFailed: A tag that is unknown, malformed, lacks what it needs, or is not closed in order.
    """
    return _HtmlReader(text).read()


def utf16_length(text: str) -> int:
    """Return how many UTF-16 code units *text* has: what Telegram counts its limits in."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def link_entity(target: str) -> Entity:
    """Return what a link to *target* is: a mention where it names a user by id, an emoji where it names one."""
    if (user := _USER.fullmatch(target)) is not None:
        return Entity(type="text_mention", offset=0, length=0, user_id=int(user[1]))
    if (emoji := _EMOJI.fullmatch(target)) is not None and int(emoji[1]) < MAX_EMOJI_ID:
        return Entity(type="custom_emoji", offset=0, length=0, custom_emoji_id=emoji[1])
    return Entity(type="text_link", offset=0, length=0, url=target)


def _refusal(code: str, *allowed: str) -> ValidationFailed:
    return ValidationFailed(
        FieldError("/text", code, allowed), detail="The text is not HTML that Telegram can show."
    )


class _HtmlReader:
    """One pass over the source; offsets are kept in UTF-16 code units as the text grows."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._units = 0
        self._entities: list[Entity] = []
        self._open: list[tuple[str, int, Entity | None]] = []

    def read(self) -> tuple[str, list[Entity]]:
        """Return the text and its entities, inner ones first."""
        at = 0
        while (start := _TAG_START.search(self._source, at)) is not None:
            self._add(unescape(self._source[at : start.start()]))
            at = self._read_tag(start.end())
        self._add(unescape(self._source[at:]))
        if self._open:
            raise _refusal("tag_not_closed", f"/{self._open[-1][0]}")
        return "".join(self._pieces), self._entities

    def _read_tag(self, at: int) -> int:
        """Take the tag whose name begins at *at*; return where it ends."""
        name = _TAG_NAME.match(self._source, at)
        end, attributes = at, {}
        if name is not None:
            end = name.end()
            while (attribute := _ATTRIBUTE.match(self._source, end)) is not None:
                value = attribute[2] or attribute[3] or attribute[4] or ""
                attributes[attribute[1].lower()] = unescape(value)
                end = attribute.end()
        closing = _TAG_END.match(self._source, end)
        if name is None or closing is None:
            raise _refusal("tag_malformed", "&lt;")
        tag = name[2].lower()
        if tag not in _TAGS:
            raise _refusal("unknown_tag", *_TAGS)
        if tag == "br":
            self._add("\n")
        elif name[1]:
            self._end(tag)
        else:
            self._open.append((tag, self._units, self._entity(tag, attributes)))
        return closing.end()

    def _add(self, text: str) -> None:
        self._pieces.append(text)
        self._units += utf16_length(text)

    def _end(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            raise _refusal("tag_not_open", *(f"/{name}" for name, _, _ in self._open[-1:]))
        _, start, entity = self._open.pop()
        if entity is not None and self._units > start:
            length = self._units - start
            self._entities.append(msgspec.structs.replace(entity, offset=start, length=length))

    def _entity(self, tag: str, attributes: dict[str, str]) -> Entity | None:
        if tag == "a":
            if not attributes.get("href"):
                raise _refusal("missing_attribute", "href")
            return link_entity(attributes["href"])
        if tag == "span":
            if attributes.get("class") != "tg-spoiler":
                raise _refusal("unknown_tag", 'span class="tg-spoiler"')
            return Entity(type="spoiler", offset=0, length=0)
        if tag == "tg-emoji":
            emoji_id = attributes.get("emoji-id", "")
            if _NUMBER.fullmatch(emoji_id) is None or int(emoji_id) >= MAX_EMOJI_ID:
                raise _refusal("missing_attribute", "emoji-id")
            return Entity(type="custom_emoji", offset=0, length=0, custom_emoji_id=emoji_id)
        if tag == "blockquote":
            kind = "expandable_blockquote" if "expandable" in attributes else "blockquote"
            return Entity(type=kind, offset=0, length=0)
        if tag == "code" and self._open and self._open[-1][0] == "pre":
            # The class names the block's language; the tag is no formatting of its own.
            pre, start, _ = self._open[-1]
            language = attributes.get("class", "").partition(_LANGUAGE)[2] or None
            self._open[-1] = (
                pre,
                start,
                Entity(type="pre", offset=0, length=0, language=language),
            )
            return None
        return Entity(type=_STYLES[tag], offset=0, length=0)
