"""The sealed form of what is kept for long: sessions, profiles, credentials (D-4.4).

```
"VSES"  version  algorithm  flags  kid  salt  nonce │ ciphertext  tag
   4       1         1        2     8    32     12  │     n        16
```
The salt is random in every seal and goes into the key derivation, so a key is used once and AES-GCM's bound on random
nonces does not matter. What the box belongs to (purpose, owner, account) is in the derivation and in the authenticated
data; the row's generation is in the latter, so that an old box does not open in a newer row. Every bit of a box is
authenticated: a box that differs from what was sealed never opens.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vasya_server.crypto.derive import length_prefixed

if TYPE_CHECKING:
    from vasya_server.crypto.derive import Purpose
    from vasya_server.crypto.master_key import MasterKey

_MAGIC: Final = b"VSES"
_VERSION: Final = b"\x01"
_AES_256_GCM: Final = b"\x01"
_NO_FLAGS: Final = b"\x00\x00"
_KID_AT: Final = 8
_SALT_AT: Final = 16
_NONCE_AT: Final = 48
_HEADER_BYTES: Final = 60
_TAG_BYTES: Final = 16


class SealFailure(StrEnum):
    """Why a box does not open."""

    TRUNCATED = "truncated"
    NOT_A_BOX = "not_a_box"
    UNKNOWN_FORMAT = "unknown_format"
    OTHER_KEY = "other_key"
    NOT_AUTHENTIC = "not_authentic"


class SealBroken(Exception):
    """A box cannot be opened: another key, another place, or it was changed."""

    def __init__(self, failure: SealFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def seal(
    key: MasterKey,
    purpose: Purpose,
    *context: str,
    generation: int,
    plaintext: bytes,
    salt: bytes | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """Seal *plaintext* for one place and one generation of it.

    Args:
        generation: How often the row was sealed before; 0 to 2**64 - 1.
        salt: 32 bytes; only vectors give it.
        nonce: 12 bytes; only vectors give it.
    """
    salt = salt or secrets.token_bytes(_NONCE_AT - _SALT_AT)
    nonce = nonce or secrets.token_bytes(_HEADER_BYTES - _NONCE_AT)
    header = _MAGIC + _VERSION + _AES_256_GCM + _NO_FLAGS + key.kid + salt + nonce
    if len(header) != _HEADER_BYTES:
        raise ValueError("internal error: the salt has 32 bytes and the nonce 12")
    cipher = AESGCM(key.derive(purpose, *context, salt=salt))
    return header + cipher.encrypt(nonce, plaintext, _bound(header, purpose, context, generation))


def open_sealed(
    key: MasterKey, purpose: Purpose, *context: str, generation: int, box: bytes
) -> bytes:
    """Return what was sealed in *box* for exactly this purpose, context and generation.

    Raises:
        SealBroken: The box is damaged, was sealed with another key, or belongs elsewhere.
    """
    if len(box) < _HEADER_BYTES + _TAG_BYTES:
        raise SealBroken(SealFailure.TRUNCATED)
    header = box[:_HEADER_BYTES]
    if not header.startswith(_MAGIC):
        raise SealBroken(SealFailure.NOT_A_BOX)
    if header[len(_MAGIC) : _KID_AT] != _VERSION + _AES_256_GCM + _NO_FLAGS:
        raise SealBroken(SealFailure.UNKNOWN_FORMAT)
    if header[_KID_AT:_SALT_AT] != key.kid:
        raise SealBroken(SealFailure.OTHER_KEY)
    cipher = AESGCM(key.derive(purpose, *context, salt=header[_SALT_AT:_NONCE_AT]))
    bound = _bound(header, purpose, context, generation)
    try:
        return cipher.decrypt(header[_NONCE_AT:], box[_HEADER_BYTES:], bound)
    except InvalidTag:
        raise SealBroken(SealFailure.NOT_AUTHENTIC) from None


def _bound(header: bytes, purpose: Purpose, context: tuple[str, ...], generation: int) -> bytes:
    return header + length_prefixed(purpose, *context) + generation.to_bytes(8, "big")
