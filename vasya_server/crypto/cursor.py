"""Cursors: a position that a client carries for us and can neither read, change, nor use elsewhere.

They hold ids and access hashes, so they are sealed and not only signed. A random salt makes every key single-use, as in
`envelope`; they outlive a restart, because nothing but the master key is needed to read them. Where the same position has
to have the same name whoever is told it, the salt follows from everything that the cursor holds and is bound to: then a key
is used twice only to seal the same again, which tells nothing but that.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vasya_server.crypto.derive import Purpose, length_prefixed

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey

MAX_CURSOR_CHARACTERS: Final = 512

_VERSION: Final = b"\x01"
_SALT_BYTES: Final = 12
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _SALT_BYTES + _NONCE_BYTES
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{1,512}")

T = TypeVar("T")


class CursorInvalid(ValueError):
    """The text is no cursor of this server, or one of another owner, account, route or filter."""


class Cursors:
    """Writes and reads cursors under one master key."""

    def __init__(self, key: MasterKey) -> None:
        self._key = key

    def write(
        self,
        owner: str,
        account: str,
        route: str,
        payload: object,
        *,
        filters: bytes = b"",
        is_stable: bool = False,
    ) -> str:
        """Return a cursor of at most 512 characters for *payload*, anything msgspec encodes.

        Args:
            route: The operation that may read it.
            filters: A digest of the parameters that must be the same on the next page.
            is_stable: The same payload for the same reader is the same text.
        """
        data, bound = msgspec.msgpack.encode(payload), _bound(owner, account, route, filters)
        if is_stable:
            random = self._key.digest(Purpose.CURSOR_SALT)(length_prefixed(bound, data))
        else:
            random = secrets.token_bytes(_SALT_BYTES + _NONCE_BYTES)
        salt, nonce = random[:_SALT_BYTES], random[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
        cipher = AESGCM(self._key.derive(Purpose.CURSOR, owner, salt=salt))
        sealed = cipher.encrypt(nonce, data, bound)
        text = _encode(_VERSION + salt + nonce + sealed)
        if len(text) > MAX_CURSOR_CHARACTERS:
            raise ValueError("internal error: this position does not fit into a cursor")
        return text

    def read(
        self,
        owner: str,
        account: str,
        route: str,
        text: str,
        type: type[T],  # noqa: A002 — msgspec's own name for it
        *,
        filters: bytes = b"",
    ) -> T:
        """Return the payload that `write` was given for the same owner, account, route and filters.

        Raises:
            CursorInvalid: It was not.
        """
        box = _decode(text)
        if len(box) <= _HEAD_BYTES or not box.startswith(_VERSION):
            raise CursorInvalid("The cursor is not one of this server.")
        salt, nonce = box[1 : 1 + _SALT_BYTES], box[1 + _SALT_BYTES : _HEAD_BYTES]
        cipher = AESGCM(self._key.derive(Purpose.CURSOR, owner, salt=salt))
        try:
            data = cipher.decrypt(nonce, box[_HEAD_BYTES:], _bound(owner, account, route, filters))
            return msgspec.msgpack.decode(data, type=type)
        except (InvalidTag, msgspec.MsgspecError):
            raise CursorInvalid("The cursor is not one of this list.") from None


def _bound(owner: str, account: str, route: str, filters: bytes) -> bytes:
    return _VERSION + length_prefixed(Purpose.CURSOR, owner, account, route, filters)


def _encode(box: bytes) -> str:
    return base64.urlsafe_b64encode(box).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Decode base64url without padding; the last character's spare bits must be zero, or two texts were one cursor."""
    if _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        raise CursorInvalid("The cursor is not one of this server.")
    box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(box) != text:
        raise CursorInvalid("The cursor is not one of this server.")
    return box
