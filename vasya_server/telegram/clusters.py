"""Where a text may be cut so that nothing that is seen as one character is taken apart.

A part of the rules for grapheme clusters: whatever Telegram's users write in one message, emoji sequences, flags, accented
letters, Hangul and the conjuncts of Indic scripts.

Source: https://unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries
"""

from __future__ import annotations

import unicodedata
from typing import Final

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_SKIN_TONES: Final = ("\U0001f3fb", "\U0001f3ff")
_TAGS: Final = ("\U000e0020", "\U000e007f")
_FLAG_LETTERS: Final = ("\U0001f1e6", "\U0001f1ff")
# What makes one letter of this consonant and the next.
_VIRAMAS: Final = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0c4d\u0d4d"
_JAMO: Final = ("\u1100", "\u11ff")
_TRAILING_JAMO: Final = ("\u1160", "\u11ff")
_SYLLABLES: Final = ("\uac00", "\ud7a3")
# Longer than any that a keyboard makes: a family of four with skin tones, a flag of a region.
_LONGEST: Final = 64


def cut_before(text: str, at: int) -> int:
    """Return where to cut at *at* or shortly before; of what is one character for ever, at *at*."""
    for cut in range(at, max(at - _LONGEST, 0), -1):
        if is_border(text, cut):
            return cut
    return at


def is_border(text: str, at: int) -> bool:
    """Tell whether one character ends and another begins at an index of *text*."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if after in (_ZWNJ, _ZWJ) or before in (_ZWNJ, _ZWJ) or (before, after) == ("\r", "\n"):
        return False
    if unicodedata.category(after)[0] == "M":
        return False
    if _SKIN_TONES[0] <= after <= _SKIN_TONES[1] or _TAGS[0] <= after <= _TAGS[1]:
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, at) % 2 == 0
    if before in _VIRAMAS and unicodedata.category(after) == "Lo":
        return False
    return not _is_one_syllable(before, after)


def _is_flag_letter(character: str) -> bool:
    return _FLAG_LETTERS[0] <= character <= _FLAG_LETTERS[1]


def _flag_letters_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return at - start


def _is_one_syllable(before: str, after: str) -> bool:
    """Tell whether two signs of Hangul are of one syllable."""
    is_led = _JAMO[0] <= before <= _JAMO[1] or _SYLLABLES[0] <= before <= _SYLLABLES[1]
    if not is_led:
        return False
    if _TRAILING_JAMO[0] <= after <= _TRAILING_JAMO[1]:
        return True
    is_leading = _JAMO[0] <= before < _TRAILING_JAMO[0]
    return is_leading and (_JAMO[0] <= after <= _JAMO[1] or _SYLLABLES[0] <= after <= _SYLLABLES[1])
