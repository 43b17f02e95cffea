"""What somebody wants written: the words with their formatting, as one message or cut into several.

A long text is cut where a reader would pause, the latest such place that fits: between paragraphs, lines, sentences or words.
No cut is inside an entity, unless it is too long for a message by itself and goes on in the next one, and none inside what
is seen as one character.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.message import Entity
from vasya_server.model.writing import SendMessage, TextFormat
from vasya_server.telegram.clusters import cut_before, is_border
from vasya_server.telegram.formatting import parse, strip
from vasya_server.telegram.html import MAX_EMOJI_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vasya_server.model.writing import EntityInput, Words
    from vasya_server.telegram.formatting import Formatted

# Source: https://limits.tginfo.me, and the `message_length_max` of help.getConfig.
MAX_TEXT_UNITS: Final = 4096
MAX_PIECES: Final = 10
# What Telegram finds in a text by itself.
_AUTOMATIC: Final = frozenset(
    {
        "url",
        "email",
        "phone_number",
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "bank_card",
    }
)
_NEEDED: Final = {
    "text_link": ("url", "url"),
    "text_mention": ("user_id", "userId"),
    "custom_emoji": ("custom_emoji_id", "customEmojiId"),
}
# Behind each of these a text may be cut, the better places first.
_PAUSES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        # The end of a sentence with its quotation marks; the ideographic ones have no space behind them.
        r"[.!?\u2026][\"')\]\u00bb\u2019\u201d]*\s+|[\u3002\uff01\uff1f]",
        r"\s+",
    )
)


def words_of(body: Words) -> Formatted:
    """Return the text that somebody wants written, without white space at its ends, and its formatting.

    Raises:
        ValidationFailed: There is no text, its HTML is wrong, or an entity is.
    """
    if body.text is None:
        raise ValidationFailed(FieldError("/text", "missing"))
    if not body.entities:
        return parse(body.text, body.format)
    if body.format is not TextFormat.PLAIN:
        raise ValidationFailed(FieldError("/format", "not_allowed", (TextFormat.PLAIN.value,)))
    return strip(body.text, list(_given(body.text, body.entities)))


def pieces_of(body: SendMessage) -> list[Formatted]:
    """Return the texts of the messages that a text becomes: one, unless it is to be cut.

    Raises:
        ValidationFailed: As `words_of`; or it takes more messages than may be sent at once.
    """
    text, entities = words_of(body)
    if not body.split:
        return [(text, entities)]
    pieces = list(split(text, entities)) or [(text, entities)]
    if len(pieces) > MAX_PIECES:
        raise ValidationFailed(FieldError("/text", "too_long", (f"at most {MAX_PIECES} messages",)))
    return pieces


def messages_in(body: SendMessage) -> int:
    """Return how many messages are asked for.

    Raises:
        ValidationFailed: As `pieces_of`.
    """
    if body.split and body.text is not None:
        return len(pieces_of(body))
    return len(body.media) or 1


def split(
    text: str, entities: Sequence[Entity], limit: int = MAX_TEXT_UNITS
) -> Iterator[Formatted]:
    """Yield *text* in pieces of at most *limit* UTF-16 code units, with the entities of each."""
    units = [0, *accumulate(1 if character <= "\uffff" else 2 for character in text)]
    start = 0
    while start < len(text):
        end = _end_of_piece(text, units, entities, start, limit)
        kept = [
            msgspec.structs.replace(entity, offset=first - units[start], length=last - first)
            for entity in entities
            if (first := max(entity.offset, units[start]))
            < (last := min(entity.offset + entity.length, units[end]))
        ]
        piece = strip(text[start:end], kept)
        if piece[0]:
            yield piece
        start = end


def _end_of_piece(
    text: str, units: Sequence[int], entities: Sequence[Entity], start: int, limit: int
) -> int:
    """Return the index behind the piece that begins at *start*."""
    if units[-1] - units[start] <= limit:
        return len(text)
    last = bisect_right(units, units[start] + limit) - 1
    whole = [entity for entity in entities if entity.length <= limit]

    def may_cut(at: int) -> bool:
        return is_border(text, at) and not any(
            entity.offset < units[at] < entity.offset + entity.length for entity in whole
        )

    # Half a message is left empty for a better place, and no more.
    for first in (start + (last - start) // 2, start):
        for pause in _PAUSES:
            found = [
                at
                for match in pause.finditer(text, first, last)
                if start < (at := match.end()) and may_cut(at)
            ]
            if found:
                return found[-1]
    bare = (at for at in range(last, start, -1) if may_cut(at))
    return next(bare, cut_before(text, last))


def _given(text: str, entities: Sequence[EntityInput]) -> Iterator[Entity]:
    """Yield the entities that stand beside a plain text; those that Telegram finds by itself are left to it."""
    units = text.encode("utf-16-le", "surrogatepass")
    total = len(units) // 2
    for index, entity in enumerate(entities):
        at, end = f"/entities/{index}", entity.offset + entity.length
        if end > total:
            raise ValidationFailed(FieldError(f"{at}/length", "out_of_range", (f"..{total}",)))
        for edge, name in ((entity.offset, "offset"), (end, "length")):
            if _is_inside_character(units, edge):
                raise ValidationFailed(FieldError(f"{at}/{name}", "inside_character"))
        field, name = _NEEDED.get(entity.type, ("type", "type"))
        if not getattr(entity, field):
            raise ValidationFailed(FieldError(f"{at}/{name}", "missing"))
        if int(entity.custom_emoji_id or 0) >= MAX_EMOJI_ID:
            raise ValidationFailed(FieldError(f"{at}/customEmojiId", "out_of_range"))
        if entity.type not in _AUTOMATIC:
            said = {each: getattr(entity, each) for each in entity.__struct_fields__}
            yield Entity(**said)


def _is_inside_character(units: bytes, offset: int) -> bool:
    """Tell whether an offset in UTF-16 code units is between the two that make one character."""
    high_byte = units[2 * offset + 1 : 2 * offset + 2]
    return b"\xdc" <= high_byte <= b"\xdf"
