"""The root key: 32 bytes from the environment, a file, or the OS keychain, in this order (D-4.1, D-4.2)."""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import KeyedDigest, Purpose, derive
from vasya_server.errors import ConfigurationInvalid, MasterKeyMismatch

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.crypto.keychain import Keychain
    from vasya_server.settings import Settings

_KEY_BYTES: Final = 32
_KID_BYTES: Final = 8
_MAX_DERIVED: Final = 4096
# 32 random bytes have fewer distinct values once in 10**16 keys; repeated words and typed patterns nearly always do.
_DISTINCT_BYTES: Final = 16
_MAX_FILE_BYTES: Final = 1024
_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
# The last character carries four bits of the key and two zero bits.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")


class KeySource(StrEnum):
    """Where the master key came from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    KEYCHAIN = "keychain"


class MasterKey:
    """The root of the key tree; it never leaves the process and is never printed."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _KEY_BYTES:
            raise ValueError("internal error: a master key has 32 bytes")
        self._raw = bytearray(raw)
        self.kid = derive(self._raw, Purpose.KID, length=_KID_BYTES)
        # What every request derives again; the derivation costs more than the digest that it is for.
        self._derived: dict[tuple[str | bytes, ...], bytes] = {}
        self._digests: dict[tuple[str | bytes, ...], KeyedDigest] = {}

    def __repr__(self) -> str:
        return "MasterKey(…)"

    def derive(
        self, purpose: Purpose, *context: str | bytes, salt: bytes = b"", length: int = 32
    ) -> bytes:
        """Derive a key, or a keyed digest of *context*, for one purpose."""
        if not self._raw:
            raise ValueError("internal error: the master key is closed")
        if salt or length != _KEY_BYTES:
            return derive(self._raw, purpose, *context, salt=salt, length=length)
        place = (purpose, *context)
        if (known := self._derived.get(place)) is None:
            if len(self._derived) >= _MAX_DERIVED:
                self._derived.clear()
            known = self._derived[place] = derive(self._raw, purpose, *context)
        return known

    def digest(self, purpose: Purpose, *context: str | bytes) -> KeyedDigest:
        """Return the digest under the key of one purpose and context."""
        place = (purpose, *context)
        if (known := self._digests.get(place)) is None:
            if len(self._digests) >= _MAX_DERIVED:
                self._digests.clear()
            known = self._digests[place] = KeyedDigest(self.derive(purpose, *context))
        return known

    def close(self) -> None:
        """Overwrite the key in memory; copies that Python made on the way in are beyond reach."""
        self._derived.clear()
        self._digests.clear()
        self._raw[:] = bytes(len(self._raw))
        self._raw.clear()


def parse_master_key(text: str) -> MasterKey:
    """Read a key written as 64 hexadecimal or 44 base64 characters; surrounding white space is dropped.

    Passphrases are refused: what a person can remember, a stolen database lets others guess.

    Raises:
        ConfigurationInvalid: It is something else, or visibly not random.
    """
    text = text.strip()
    if _HEX.fullmatch(text):
        raw = bytes.fromhex(text)
    elif _BASE64.fullmatch(text):
        raw = base64.b64decode(text)
    else:
        raise ConfigurationInvalid(
            "The session master key must be 32 random bytes, written as 64 hexadecimal or 44 base64 characters; "
            "`openssl rand -hex 32` makes one."
        )
    if len(set(raw)) < _DISTINCT_BYTES:
        raise ConfigurationInvalid(
            "The session master key is not random: it repeats too few byte values; `openssl rand -hex 32` makes one."
        )
    return MasterKey(raw)


def is_written_as(key: MasterKey, text: str) -> bool:
    """Tell whether *text* is one of the forms of *key*."""
    try:
        other = parse_master_key(text)
    except ConfigurationInvalid:
        return False
    is_same = other.kid == key.kid
    other.close()
    return is_same


def load_master_key(
    settings: Settings, *, data_dir_id: str, may_create: bool, keychain: Keychain
) -> tuple[MasterKey, KeySource]:
    """Find the master key; settings refuse to name two places for it.

    Args:
        data_dir_id: Names this data dir's entry in the keychain, so that two of them never share a key.
        may_create: Nothing is sealed yet, so a new key in the keychain can lose nothing.

    Raises:
        ConfigurationInvalid: There is no usable key, or its file is not private.
        MasterKeyMismatch: The data dir is sealed and the keychain does not know its key.
        KeychainLocked: The keychain asks for its owner.
    """
    if settings.session_master_key is not None:
        return parse_master_key(settings.session_master_key.reveal()), KeySource.ENVIRONMENT
    if settings.session_master_key_file is not None:
        return parse_master_key(_read(settings.session_master_key_file)), KeySource.FILE
    user = f"session-master-key:{data_dir_id}"
    found = keychain.get(user)
    if found is None:
        if not may_create:
            raise MasterKeyMismatch(
                "The keychain holds no session master key for this data dir, which is sealed already; nothing was changed."
            )
        found = secrets.token_hex(_KEY_BYTES)
        keychain.set(user, found)
    return parse_master_key(found), KeySource.KEYCHAIN


def _read(path: Path) -> str:
    """Return the text of a key file that only its owner can read."""
    try:
        # Without O_NONBLOCK a named pipe in the file's place would hang the start.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 — no Path opens with flags
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ConfigurationInvalid("SESSION_MASTER_KEY_FILE is not a regular file.")
            if facts.st_uid != os.getuid() or facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationInvalid(
                    "SESSION_MASTER_KEY_FILE must belong to the user of this process and to nobody else: "
                    "chown it and `chmod 600` it."
                )
            return file.read(_MAX_FILE_BYTES).decode("ascii", "replace")
    except OSError as error:
        reason = error.strerror or "it failed"
        raise ConfigurationInvalid(f"SESSION_MASTER_KEY_FILE cannot be read: {reason}.") from error
