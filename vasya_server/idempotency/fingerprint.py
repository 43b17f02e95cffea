"""The client's idempotency key, and what the request that carries it says (D-6.1, D-6.3)."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import Purpose, length_prefixed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vasya_server.crypto.master_key import MasterKey

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
# RFC 9651: inside a quoted string only `"` and `\` are escaped.
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED: Final = re.compile(r'\\(["\\])')


class KeyInvalid(ValueError):
    """The header is repeated, or its value is no idempotency key."""


def parse_idempotency_key(values: Sequence[str]) -> str | None:
    """Return the key that the header's lines carry, or None without any (D-6.1).

    `"k"` and `k` are the same key: clients of both kinds exist.

    Raises:
        KeyInvalid: There are several lines, or not 1 to 255 characters of %x21-7E.

    Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    if not values:
        return None
    if len(values) > 1:
        raise KeyInvalid("more than one header line")
    key = values[0].strip(" \t")
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        if quoted is None:
            raise KeyInvalid("not a quoted string")
        key = _ESCAPED.sub(r"\1", quoted[1])
    if _KEY.fullmatch(key) is None:
        raise KeyInvalid("not 1 to 255 printable ASCII characters")
    return key


def fingerprint(
    key: MasterKey,
    method: str,
    route: str,
    path: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes,
) -> bytes:
    """Return 32 bytes that two requests share exactly where they say the same (D-6.3).

    Keyed, so that a short text cannot be guessed from what is stored.

    Args:
        route: The path template; its parameters go into *path*.
        body: The decoded body in its one canonical encoding, or the SHA-256 of an upload.
    """
    said = length_prefixed(method, route, _sorted(path), _sorted(query), body)
    return key.digest(Purpose.IDEM_FINGERPRINT)(said)


def _sorted(parameters: Mapping[str, str]) -> bytes:
    """Join names and values by name: their order says nothing, where each begins does."""
    if not parameters:
        return b""
    return length_prefixed(*chain.from_iterable(sorted(parameters.items())))
