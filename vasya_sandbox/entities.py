"""Find what Telegram's server itself marks up in a text: links, mentions, tags, commands."""

from __future__ import annotations

import re

from vasya_sandbox.records import Entity

# One pass; the first alternative that fits wins, so an address is not taken for a mention.
_FOUND = re.compile(
    r"(?P<email>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b)"
    r"|(?P<url>\bhttps?://[^\s<>\"]+[^\s<>\".,;:!?)\]'»]|\b(?:[a-z0-9-]+\.)+(?:org|com|net|me|dev|io|example)\b(?:/[^\s<>\"]*[^\s<>\".,;:!?)\]'»])?)"
    r"|(?P<mention>(?<![\w@])@[A-Za-z][A-Za-z0-9_]{2,31}\b)"
    r"|(?P<hashtag>(?<![\w#&])\#[^\W\d]\w{0,127})"
    r"|(?P<cashtag>(?<![\w$])\$[A-Z]{3,8}\b)"
    r"|(?P<bot_command>(?<![\w/@])/[A-Za-z][A-Za-z0-9_]{0,31}(?:@\w{3,32})?(?![\w/.]))"
    r"|(?P<phone_number>(?<![\w+])\+\d[\d ]{8,17}\d\b)",
    re.IGNORECASE,
)
# Cheap test that spares most texts the expression.
_MARKS = re.compile(r"[@#$/+]|\w\.\w")
# Inside code Telegram marks nothing.
_OPAQUE = frozenset(("code", "pre"))


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, Telegram's measure."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def detect(text: str) -> list[Entity]:
    """Return what can be seen in the bare text.

    Source: https://core.telegram.org/api/entities
    """
    if not _MARKS.search(text):
        return []
    return [
        Entity(
            kind=found.lastgroup or "",
            offset=utf16_length(text[: found.start()]),
            length=utf16_length(found.group()),
        )
        for found in _FOUND.finditer(text)
    ]


def complete(text: str, given: list[Entity]) -> list[Entity]:
    """Return the sender's entities and the detected ones that do not collide with them."""
    found = detect(text)
    if not given:
        return found
    blocked = [
        entity
        for entity in given
        if entity.kind in _OPAQUE or entity.kind in ("text_link", "text_mention")
    ]
    added = [
        entity
        for entity in found
        if not any(_overlap(entity, other) for other in blocked) and entity not in given
    ]
    return sorted([*given, *added], key=lambda entity: (entity.offset, -entity.length))


def slice_utf16(text: str, offset: int, length: int) -> str:
    """Return a part of *text* measured in UTF-16 code units."""
    data = text.encode("utf-16-le", "surrogatepass")
    return data[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")


def _overlap(one: Entity, other: Entity) -> bool:
    return one.offset < other.offset + other.length and other.offset < one.offset + one.length
