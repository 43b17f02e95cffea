"""Looking for something in whatever form it may have been left behind."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LEAST_BASE64 = 8
_LEAST_NUMBER_BYTES = 5


class Haystack:
    """What is searched, once as it is and once without capitals."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.folded = content.lower()

    def holds(self, secret: str | bytes) -> bool:
        return any(form in self.folded for form in _readable(secret)) or any(
            form in self.content for form in _exact(secret)
        )


def found(secrets: Mapping[str, str | bytes], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return which of *secrets* is in which of *places*."""
    hits = []
    for place, content in places.items():
        haystack = Haystack(content)
        hits += [(place, name) for name, secret in secrets.items() if haystack.holds(secret)]
    return hits


def forms(secret: str | bytes) -> Iterator[bytes]:
    """Give every form that is looked for: a control plants each of them."""
    yield from _readable(secret)
    yield from _exact(secret)


def _spelled(secret: str | bytes) -> Iterable[bytes]:
    """Return the bytes of *secret*, in the encodings and capitals that a text may have."""
    if isinstance(secret, bytes):
        return {secret}
    cases = {secret, secret.lower(), secret.upper(), secret.title(), secret.casefold()}
    return {case.encode(code) for case in cases for code in ("utf-8", "utf-16-le", "utf-16-be")}


def _readable(secret: str | bytes) -> set[bytes]:
    """Return the forms in which capitals say nothing, without any."""
    spelled = _spelled(secret)
    made = {each for each in spelled if isinstance(secret, str)} | {
        s.hex().encode() for s in spelled
    }
    if isinstance(secret, str):
        for case in {secret, secret.lower(), secret.upper(), secret.title()}:
            made |= {json.dumps(case)[1:-1].encode(), quote(case, safe="").encode()}
            made |= {
                quote(case).encode(),
                case.encode("unicode_escape"),
                repr(case.encode()).encode()[2:-1],
            }
    return {form.lower() for form in made}


def _exact(secret: str | bytes) -> set[bytes]:
    """Return the forms in which each bit counts: raw bytes, base64 at every offset, a number in binary."""
    made = {secret} if isinstance(secret, bytes) else set()
    for spelled in _spelled(secret):
        for offset, begin in enumerate((0, 2, 3)):
            text = base64.b64encode(bytes(offset) + spelled)
            whole = text[begin : (offset + len(spelled)) * 8 // 6]
            if len(whole) >= _LEAST_BASE64:
                made |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    if isinstance(secret, str) and secret.isdecimal():
        length = (int(secret).bit_length() + 7) // 8
        if length >= _LEAST_NUMBER_BYTES:
            made |= {int(secret).to_bytes(length, "big"), int(secret).to_bytes(length, "little")}
    return made
