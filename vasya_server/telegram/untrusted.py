"""Strings that strangers control, without what a reader cannot see: the one function that every serialiser calls (D-11.4).

A person sees neither a tag character nor a reversed run of letters for what it is, and a language model reads both. What
is dropped is dropped everywhere, and only invisible characters are. What is kept has a meaning that people see: emoji
sequences, Persian and the scripts of India, the flags of England, Scotland and Wales. Nothing is normalised.

Sources: https://www.unicode.org/reports/tr36/, https://www.unicode.org/reports/tr51/,
https://www.rfc-editor.org/rfc/rfc5892#appendix-A.1
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vasya_server.model.message import Entity

# What is removed, under the names that `sanitized.classes` gives it (docs/api/untrusted-text.md).
_CLASSES: Final[dict[str, str]] = {
    "control": r"\x00-\x08\x0b-\x1f\x7f-\x9f",
    "bidi": r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",
    "zero_width": r"\u180e\u200b-\u200d\u2060\ufeff",
    "variation": r"\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef",
    "tag": r"\U000e0000-\U000e007f",
    # Beside D-11.4's own list: what Unicode keeps free for more of them, and already draws as nothing.
    "invisible": r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2061-\u2065\u206a-\u206f\u3164\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff\U000e01f0-\U000e0fff",
    "noncharacter": r"\ufdd0-\ufdef"
    + "".join(f"\\U{plane:04x}fffe-\\U{plane:04x}ffff" for plane in range(17)),
    "surrogate": r"\ud800-\udfff",
}
_SUSPECTS: Final = re.compile(f"[{''.join(_CLASSES.values())}]+")
_CLASS_OF: Final = tuple((name, re.compile(f"[{range_}]")) for name, range_ in _CLASSES.items())
# The first bytes in UTF-8 of those that `str.isprintable` lets through.
_SUSPECT_LEADS: Final = frozenset(b"\xcd\xe1\xe3\xef\xf3")
_OTHER_BYTES: Final = bytes(byte for byte in range(256) if byte not in _SUSPECT_LEADS)

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_JOINERS: Final = _ZWNJ + _ZWJ
_PRESENTATION: Final = "\ufe0e\ufe0f"
_BLACK_FLAG: Final = "\U0001f3f4"
# Telegram's clients draw these three alone (UTS 51, ED-14): England, Scotland, Wales.
_FLAG_TAGS: Final = re.compile(
    "(?:{})\U000e007f".format(
        "|".join(
            "".join(chr(0xE0000 + ord(letter)) for letter in region)
            for region in ("gbeng", "gbsct", "gbwls")
        )
    )
)
_PICTOGRAPH: Final = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_KEYCAPS: Final = frozenset("#*0123456789")
# Scripts whose letters join: Arabic and its kin, Mongolian, and those of India and its neighbours.
_JOINING: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18aa\u1900-\u194f\u1a20-\u1aad\u1b00-\u1c4f"
    "\ua800-\ua82f\ua840-\ua8df\ua900-\ua92f\ua980-\ua9df\uaa00-\uaadf\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff"
    "\ufe70-\ufefc\U00010a00-\U00010aff\U00010d00-\U00010d3f\U00010f30-\U00010fdf\U00011000-\U0001193f"
    "\U0001e900-\U0001e95f]"
)
_VIRAMA: Final = 9  # its canonical combining class
# Nobody writes more of them in a row; a stranger who does must not make everybody else wait while each is weighed.
_LONGEST_RUN: Final = 8


class Cleaned(NamedTuple):
    """A text without what cannot be seen, and what was in it.

    Args:
        removed: Characters (code points) taken out.
        classes: What they were, sorted: the keys of the table above.
    """

    text: str
    removed: int = 0
    classes: tuple[str, ...] = ()


def sanitize(text: str) -> Cleaned:
    """Return *text* without invisible, bidirectional and control characters; done twice, it changes nothing more."""
    return sanitize_formatted(text, [])[0]


def sanitize_formatted(text: str, entities: list[Entity]) -> tuple[Cleaned, list[Entity]]:
    """Return *text* sanitised, and *entities* over what they covered before; one that covered nothing else is dropped."""
    if is_clean(text) or not (dropped := list(_dropped(text))):
        return Cleaned(text), entities
    kept, done = [], 0
    for start, end in dropped:
        kept.append(text[done:start])
        done = end
    kept.append(text[done:])
    seen = {character for start, end in dropped for character in text[start:end]}
    removed = sum(end - start for start, end in dropped)
    classes = tuple(sorted({_class_of(character) for character in seen}))
    return Cleaned("".join(kept), removed, classes), _moved(text, entities, dropped)


def is_clean(text: str) -> bool:
    """Tell quickly, for nearly every text there is, that nothing has to be removed.

    Two passes in C, and no regular expression, which would cost ten times as much: most of what is suspect is not
    printable, and the rest begins with five bytes that few scripts use.
    """
    if not text.isprintable() and not text.replace("\n", "").isprintable():
        return _SUSPECTS.search(text) is None
    return (
        text.isascii()
        or not text.encode().translate(None, _OTHER_BYTES)
        or _SUSPECTS.search(text) is None
    )


def _class_of(character: str) -> str:
    return next(name for name, pattern in _CLASS_OF if pattern.match(character))


def _dropped(text: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches that have to go.

    What stays is judged by the neighbours that stay, so that a second look finds nothing that the first one left.
    """
    kept, done = "\0\0", 0  # the last two characters that stay, and up to where it is decided
    for run in _SUSPECTS.finditer(text):
        at, end = run.span()
        kept = (kept + text[max(done, at - 2) : at])[-2:]
        while at < end:
            length = _kept_length(text, at, kept)
            if length:
                kept = kept[1] + text[at + length - 1]
                at += length
                continue
            stop = end if end - at > _LONGEST_RUN else at + 1
            yield at, stop
            at = stop
        done = end


def _kept_length(text: str, at: int, kept: str) -> int:
    """Return how many characters from *at* on mean something there; 0 to drop the one.

    Args:
        kept: The two characters before it.
    """
    character = text[at]
    if character in _PRESENTATION:
        return int(_is_pictograph(kept[1]) or kept[1] in _KEYCAPS)
    if character in _JOINERS:
        return int(_is_joined(character, kept, text, at + 1))
    if kept[1] == _BLACK_FLAG and (flag := _FLAG_TAGS.match(text, at)):
        return flag.end() - at
    return 0


def _is_joined(joiner: str, kept: str, text: str, at: int) -> bool:
    """Tell whether *joiner* changes how its neighbours look.

    Beside emoji and the letters of joining scripts that is so around a virama: Sinhala, Bengali and Malayalam cannot
    be written without it.
    """
    last = kept[1]
    emoji = kept[0] if last in _PRESENTATION else last
    if joiner == _ZWJ and _is_pictograph(emoji):
        return _is_pictograph(_next(text, at))
    if not _is_joining(last):
        return False
    if unicodedata.combining(last) == _VIRAMA:
        return True
    after = _next(text, at)
    return unicodedata.combining(after) == _VIRAMA or (joiner == _ZWNJ and _is_joining(after))


def _next(text: str, at: int) -> str:
    """Return the next character that is not dropped wherever it stands."""
    for place in range(at, min(at + _LONGEST_RUN, len(text))):
        character = text[place]
        if character in _PRESENTATION or character in _JOINERS or not _SUSPECTS.match(character):
            return character
    return "\0"


def _is_pictograph(character: str) -> bool:
    return _PICTOGRAPH.match(character) is not None


def _is_joining(character: str) -> bool:
    return _JOINING.match(character) is not None and unicodedata.category(character)[0] in "LM"


def _moved(text: str, entities: list[Entity], dropped: Sequence[tuple[int, int]]) -> list[Entity]:
    """Return *entities* in the text without what was dropped; all offsets count UTF-16 code units."""
    if not entities:
        return entities
    stays = [True] * len(text)
    for start, end in dropped:
        stays[start:end] = [False] * (end - start)
    places = [0]  # of each UTF-16 code unit of the old text, and of its end, in the new one
    for character, is_kept in zip(text, stays, strict=True):
        places += accumulate([is_kept] * (2 if character > "\uffff" else 1), initial=places.pop())
    last = len(places) - 1
    moved = []
    for entity in entities:
        start = places[min(entity.offset, last)]
        end = places[min(entity.offset + entity.length, last)]
        if start < end:
            moved.append(replace(entity, offset=start, length=end - start))
    return moved
