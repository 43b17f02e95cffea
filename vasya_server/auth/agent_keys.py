"""The text of an agent key: made, recognised, and digested; pure, and nothing here knows of a database.

```
vk_ak0123456789abcdef_000102…1e1f2a32989e
│  └ id, public        └ secret, 64 hex    └ CRC-32 of all before it, 8 hex
```
The prefix and the checksum are for scanners: a leaked key is found by a pattern and told from other hexadecimal text
without asking anybody (D-1.1, D-1.2). The checksum is no security control; the 256 random bits are.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.ids import KeyId

if TYPE_CHECKING:
    from vasya_server.ids import ActionId

PREFIX: Final = b"vk_"
SECRET_BYTES: Final = 32
# For an id that nobody has: as long as a real digest, and the digest of nothing that can be presented.
NO_DIGEST: Final = bytes(32)

_KEY: Final = re.compile(rb"vk_(ak[0-9a-f]{16})_([0-9a-f]{64})([0-9a-f]{8})")
_KEY_ID: Final = re.compile(r"ak[0-9a-f]{16}")
_ID_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key as it is shown, once: *token* is the whole text."""

    id: KeyId
    token: str

    @property
    def digest(self) -> bytes:
        """Return what is stored of it."""
        return digest_of(self.token.encode("ascii"))

    def __repr__(self) -> str:
        return f"AgentKey({self.id}, …)"


def make_key(key_id: KeyId, secret: bytes | None = None) -> AgentKey:
    """Make the key of that id.

    Args:
        secret: 32 bytes; only vectors give it.
    """
    body = f"vk_{key_id}_{(secret or secrets.token_bytes(SECRET_BYTES)).hex()}"
    return AgentKey(key_id, f"{body}{zlib.crc32(body.encode('ascii')):08x}")


def parse_key(presented: bytes) -> KeyId | None:
    """Return the id of what is presented, or None where it has not the form and the checksum of a key.

    There is one text for a key: no case, blank or encoding makes another that is taken for it.
    """
    found = _KEY.fullmatch(presented)
    if found is None or zlib.crc32(presented[: found.start(3)]) != int(found[3], 16):
        return None
    return KeyId(found[1].decode("ascii"))


def digest_of(presented: bytes) -> bytes:
    """Return what is stored of a key.

    A plain SHA-256: 256 random bits cannot be guessed, however fast the hash is (D-1.3).
    """
    return hashlib.sha256(presented).digest()


def is_digest_of(presented: bytes, digest: bytes | None) -> bool:
    """Tell whether *digest* is that of *presented*, in the same time for an id that nobody has (None) as for any other."""
    return hmac.compare_digest(digest_of(presented), NO_DIGEST if digest is None else digest)


def key_id_of(action_id: ActionId) -> KeyId:
    """Return the id of the key that an action makes.

    It is known before the key is, so that the audit's intent names it, and so that the same request, repeated after a
    crash, finds the key that it made instead of making another. Action ids are random; 64 bits of their digest are, too.
    """
    return KeyId(f"ak{hashlib.sha256(action_id.encode('ascii')).hexdigest()[:_ID_CHARACTERS]}")


def is_key_id(text: str) -> bool:
    """Tell whether *text* has the form of a key's id."""
    return _KEY_ID.fullmatch(text) is not None
