"""Text with formatting, read from the HTML that Telegram's Bot API made known.

Source: https://core.telegram.org/bots/api#html-style
"""

from __future__ import annotations

from html.parser import HTMLParser

from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.message import Entity

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
USER_LINK = "tg://user?id="
_LANGUAGE = "language-"


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """Return the text of *text* without tags, and the entities that they meant.

    Raises:
        ValidationFailed: A tag that is unknown, lacks what it needs, or is not closed in order.
    """
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise _refusal("tag_not_closed", reader.open[-1][0])
    return "".join(reader.pieces), reader.entities


def utf16_length(text: str) -> int:
    """Return how many UTF-16 code units *text* has: what Telegram counts its limits in."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def link_entity(target: str) -> Entity:
    """Return what a link to *target* is: a mention where it names a user by id."""
    user_id = target.removeprefix(USER_LINK)
    if user_id != target and user_id.isdecimal():
        return Entity(type="text_mention", offset=0, length=0, user_id=int(user_id))
    return Entity(type="text_link", offset=0, length=0, url=target)


def _refusal(code: str, *allowed: str) -> ValidationFailed:
    return ValidationFailed(
        FieldError("/text", code, allowed), detail="The text is not HTML that Telegram can show."
    )


class _HtmlReader(HTMLParser):
    """Collects text and entities; offsets are kept in UTF-16 code units as the text grows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.entities: list[Entity] = []
        self.open: list[tuple[str, int, Entity | None]] = []
        self._units = 0

    def handle_data(self, data: str) -> None:
        """Keep text as it stands."""
        self.pieces.append(data)
        self._units += utf16_length(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember where a formatting begins."""
        if tag == "br":
            self.handle_data("\n")
            return
        if tag not in _TAGS:
            raise _refusal("unknown_tag", *_TAGS)
        self.open.append((tag, self._units, self._entity(tag, dict(attrs))))

    def handle_endtag(self, tag: str) -> None:
        """End the formatting that began last."""
        if tag == "br":
            return
        if not self.open or self.open[-1][0] != tag:
            raise _refusal("tag_not_open", *(f"/{name}" for name, _, _ in self.open[-1:]))
        _, start, entity = self.open.pop()
        if entity is not None and self._units > start:
            fields = {
                name: getattr(entity, name)
                for name in ("type", "url", "user_id", "language", "custom_emoji_id")
            }
            self.entities.append(Entity(offset=start, length=self._units - start, **fields))

    def _entity(self, tag: str, attributes: dict[str, str | None]) -> Entity | None:
        if tag == "a":
            href = attributes.get("href")
            if not href:
                raise _refusal("missing_attribute", "href")
            return link_entity(href)
        if tag == "span":
            if attributes.get("class") != "tg-spoiler":
                raise _refusal("unknown_tag", 'span class="tg-spoiler"')
            return Entity(type="spoiler", offset=0, length=0)
        if tag == "tg-emoji":
            emoji_id = attributes.get("emoji-id") or ""
            if not emoji_id.isdecimal():
                raise _refusal("missing_attribute", "emoji-id")
            return Entity(type="custom_emoji", offset=0, length=0, custom_emoji_id=emoji_id)
        if tag == "blockquote":
            kind = "expandable_blockquote" if "expandable" in attributes else "blockquote"
            return Entity(type=kind, offset=0, length=0)
        if tag == "code" and self.open and self.open[-1][0] == "pre":
            # The class names the block's language; the tag is no formatting of its own.
            pre, start, _ = self.open[-1]
            language = (attributes.get("class") or "").partition(_LANGUAGE)[2] or None
            self.open[-1] = (pre, start, Entity(type="pre", offset=0, length=0, language=language))
            return None
        return Entity(type=_STYLES[tag], offset=0, length=0)
