"""One tree of keys: every use of the root key has a label, so that no two uses ever share a key (D-4.3)."""

from __future__ import annotations

import hmac
import struct
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Changing this label loses every sealed row: it names the tree, not the program's version.
_TREE: Final = b"vasya/v1/"
_u32be: Final = struct.Struct(">I").pack


class Purpose(StrEnum):
    """What a derived key is for; the values are part of the stored format and never change."""

    KID = "kid"
    KEY_CHECK = "key-check"
    SESSION = "session"
    PROFILE = "profile"
    SETTINGS = "settings"
    PEERS = "peers"
    PEER_INDEX = "peer-index"
    OWNER_INDEX = "owner-index"
    USER_INDEX = "user-index"
    CURSOR = "cursor"
    CURSOR_SALT = "cursor-salt"
    IDEM_FINGERPRINT = "idem-fp"
    IDEM_BODY = "idem-body"
    IDEM_INDEX = "idem-index"
    RANDOM_ID = "random-id"
    AUDIT_MAC = "audit-mac"
    LOG_PSEUDONYM = "logpseudo"
    AGENT_KEY = "agent-key"
    ROW_MAC = "rowmac"
    TOKEN_INDEX = "token-index"  # noqa: S105 — what a key is for, no key
    TOKEN_MAC = "token-mac"  # noqa: S105 — as above
    LIMIT_INDEX = "limit-index"
    EVENTS = "events"
    WEBHOOK = "webhook"
    WEBHOOK_INDEX = "webhook-index"


def derive(
    root: bytes | bytearray,
    purpose: Purpose,
    *context: str | bytes,
    salt: bytes = b"",
    length: int = 32,
) -> bytes:
    """Derive *length* bytes from *root* with HKDF-SHA256 for one purpose in one context.

    Without the root key the result is unpredictable, so it serves as a key and as a keyed digest of *context* alike.

    Source: https://www.rfc-editor.org/rfc/rfc5869
    """
    info = _TREE + purpose.encode() + b"\0" + length_prefixed(*context)
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(root)


def length_prefixed(*parts: str | bytes) -> bytes:
    """Join *parts* so that no other parts join to the same bytes: each goes behind its length as u32be.

    Plain concatenation would let owner `ab`, account `c` pass for owner `a`, account `bc`.
    """
    pieces: list[bytes] = []
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        pieces += (_u32be(len(encoded)), encoded)
    return b"".join(pieces)


class KeyedDigest:
    """HMAC-SHA256 under one key, whose half of the work is done once.

    `hmac.digest` would let other threads run while it computes; with a busy database thread beside it, it comes back
    hundreds of times later.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")

    def __repr__(self) -> str:
        return "KeyedDigest(…)"

    def __call__(self, message: bytes) -> bytes:
        """Return the 32 bytes of *message*."""
        state = self._keyed.copy()
        state.update(message)
        return state.digest()
