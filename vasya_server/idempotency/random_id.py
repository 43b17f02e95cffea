"""Telegram's own idempotency key: the same random_id to the same peer is the same message, for ever (D-6.7, D-6.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import Purpose, length_prefixed

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey

_RANDOM_ID_BYTES: Final = 8


def random_id(
    key: MasterKey,
    *,
    owner: str,
    account: str,
    lineage: str,
    idempotency_key: str,
    fingerprint: bytes,
    peer: str,
    part: int,
) -> int:
    """Derive the random_id of one part of one send: a signed 64-bit number, never 0.

    Telegram does not compare contents, so the fingerprint is part of it: a key that is used again for another text must
    not swallow that text.

    Args:
        lineage: Whose idempotency keys these are.
        peer: `user:`, `chat:` or `channel:` and the bare id.
        part: Index of the album item, the piece of a split text, or the forwarded message.

    Source: https://core.telegram.org/method/messages.sendMessage
    """
    said = length_prefixed(lineage, idempotency_key, fingerprint, peer) + part.to_bytes(4, "big")
    return to_random_id(key.digest(Purpose.RANDOM_ID, owner, account)(said))


def to_random_id(digest: bytes) -> int:
    """Read the first 8 bytes of *digest* as a signed number; 0 becomes 1, for Telegram refuses it (RANDOM_ID_EMPTY)."""
    return int.from_bytes(digest[:_RANDOM_ID_BYTES], "big", signed=True) or 1
