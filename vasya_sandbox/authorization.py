"""Authorization keys: sealing, salts, and who is logged in.

Source: https://core.telegram.org/mtproto/description
"""

from __future__ import annotations

import secrets
import struct
from functools import cache
from hashlib import sha256, shake_256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from telethon.crypto import AES, AuthKey
from telethon.tl import types

from vasya_sandbox.state import KeyRecord
from vasya_sandbox.transport import BrokenPeer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session

SALT_LIFE_SECS = 3600
# The salt before stays valid while clients learn of the new one.
SALT_OVERLAP_SECS = 1800
# What a key's record calls by the same name.
_PLAIN_FIELDS = (
    "created_at",
    "active_at",
    "layer",
    "api_id",
    "device_model",
    "system_version",
    "app_version",
    "system_lang_code",
    "lang_pack",
    "lang_code",
    "takeout_id",
)
_HEADER = struct.Struct("<qqqii")
_MINTED_LABEL = b"vasya-sandbox minted key"


def mint_key(user_id: int, secret: bytes | None = None) -> AuthKey:
    """Return a new key, or with *secret* the same one for the user every time."""
    data = secrets.token_bytes(255)
    if secret is not None:
        label = _MINTED_LABEL + struct.pack("<q", user_id) + secret
        data = shake_256(label).digest(255)
    # Telethon strips leading zero bytes of a key and its string sessions cannot hold the rest.
    return AuthKey(b"\x01" + data)


def message_keys(key: bytes, message_key: bytes, offset: int) -> tuple[bytes, bytes]:
    """Derive the AES key and vector of one message; *offset* is 0 from a client, 8 from a server.

    Source: https://core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector
    """
    a = sha256(message_key + key[offset : offset + 36]).digest()
    b = sha256(key[offset + 40 : offset + 76] + message_key).digest()
    return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]


class Authorization:
    """An authorization key, who is logged in on it, and what they were told."""

    def __init__(
        self,
        key: AuthKey,
        *,
        created_at: int,
        on_user: Callable[[Authorization, User | None], None],
    ) -> None:
        self.key = key
        self.created_at = created_at
        self.active_at = created_at
        self.salt_seed = secrets.randbits(62)
        self._on_user = on_user
        self._user: User | None = None
        # Passed the code, still owes the password.
        self.pending: User | None = None
        self.srp: Any = None
        self.takeout_id: int | None = None
        # Of the last invokeWithLayer and initConnection.
        self.layer = 0
        self.api_id = 0
        self.device_model = ""
        self.system_version = ""
        self.app_version = ""
        self.system_lang_code = ""
        self.lang_pack = ""
        self.lang_code = ""
        self.sessions: dict[int, Session] = {}
        # How far the user's box is known to have arrived: what a session acknowledged.
        self.delivered_pts: int | None = None
        # Channels that moved on unseen.
        self.missed_channels: set[int] = set()

    def record(self) -> KeyRecord:
        """Return what a restart has to bring back."""
        missed = set(self.missed_channels)
        for session in self.sessions.values():
            for message in session.unacked.values():
                missed |= message.channels
        return KeyRecord(
            key=self.key.key,
            user_id=self._user.id if self._user else None,
            salt=self.salt_seed,
            delivered_pts=self.delivered_pts,
            missed_channel_ids=sorted(missed),
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
        )

    def restore(self, record: KeyRecord, user: User | None) -> None:
        """Become what `record` returned."""
        self.user = user
        self.salt_seed = record.salt
        self.delivered_pts = record.delivered_pts
        self.missed_channels = set(record.missed_channel_ids)
        for name in _PLAIN_FIELDS:
            setattr(self, name, getattr(record, name))

    @property
    def user(self) -> User | None:
        """Who is logged in; handlers set it to log somebody in."""
        return self._user

    @user.setter
    def user(self, user: User | None) -> None:
        if user is self._user:
            return
        before, self._user = self._user, user
        self.delivered_pts = self.takeout_id = None
        self.missed_channels.clear()
        for session in self.sessions.values():
            session.change_user()
        self._on_user(self, before)

    def introduce(self, request: Any) -> None:
        """Note what initConnection says of the client."""
        self.api_id = request.api_id
        self.device_model = request.device_model
        self.system_version = request.system_version
        self.app_version = request.app_version
        self.system_lang_code = request.system_lang_code
        self.lang_pack = request.lang_pack
        self.lang_code = request.lang_code

    def salt(self, now: float) -> int:
        """Return the salt of this hour."""
        return self._salt_at(int(now) // SALT_LIFE_SECS)

    def accepts_salt(self, salt: int, now: float) -> bool:
        """Tell whether a client may still use *salt*."""
        if salt == self.salt(now):
            return True
        hour, age_secs = divmod(int(now), SALT_LIFE_SECS)
        return age_secs < SALT_OVERLAP_SECS and salt == self._salt_at(hour - 1)

    def future_salts(self, now: float, count: int) -> list[Any]:
        """Return the salts of this and the next hours."""
        first = int(now) // SALT_LIFE_SECS
        return [
            types.FutureSalt(
                hour * SALT_LIFE_SECS,
                (hour + 1) * SALT_LIFE_SECS + SALT_OVERLAP_SECS,
                self._salt_at(hour),
            )
            for hour in range(first, first + count)
        ]

    def rotate_salts(self) -> None:
        """Invalidate every salt given out so far."""
        self.salt_seed = secrets.randbits(62)

    def _salt_at(self, hour: int) -> int:
        return _salt(self.key.key, self.salt_seed, hour)

    def open(self, packet: bytes) -> tuple[int, int, int, int, bytes]:
        """Decrypt *packet*: salt, session id, message id, sequence number and body.

        Raises:
            BrokenPeer: It was not sealed with this key, or its lengths are wrong.
        """
        sealed = packet[24:]
        if not sealed or len(sealed) % 16:
            raise BrokenPeer("an encrypted packet of a wrong length")
        key, message_key = self.key.key, packet[8:24]
        data = AES.decrypt_ige(sealed, *message_keys(key, message_key, 0))
        if not compare_digest(sha256(key[88:120] + data).digest()[8:24], message_key):
            raise BrokenPeer("a packet with a wrong message key")
        if len(data) < _HEADER.size:
            raise BrokenPeer("an encrypted packet without a message")
        salt, session_id, msg_id, seq, size_bytes = _HEADER.unpack_from(data)
        end = _HEADER.size + size_bytes
        # 12 to 1024 bytes of padding: https://core.telegram.org/mtproto/security_guidelines
        if size_bytes < 4 or size_bytes % 4 or not 12 <= len(data) - end <= 1024:  # noqa: PLR2004
            raise BrokenPeer("a message of a wrong length")
        return salt, session_id, msg_id, seq, data[_HEADER.size : end]

    def seal(self, session_id: int, message: bytes, now: float) -> bytes:
        """Encrypt *message*, its header included, for a session."""
        data = struct.pack("<qq", self.salt(now), session_id) + message
        data += secrets.token_bytes(-(len(data) + 12) % 16 + 12)
        key = self.key.key
        message_key = sha256(key[96:128] + data).digest()[8:24]
        sealed: bytes = AES.encrypt_ige(data, *message_keys(key, message_key, 8))
        return struct.pack("<Q", self.key.key_id) + message_key + sealed


@cache
def _salt(key: bytes, seed: int, hour: int) -> int:
    """Derive a salt, so that future ones can be promised without being stored."""
    digest = sha256(struct.pack("<Qq", seed, hour) + key).digest()
    salt: int = struct.unpack_from("<q", digest)[0]
    return salt
