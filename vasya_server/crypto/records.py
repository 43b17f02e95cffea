"""The sealed form of many small rows of one place, such as the peers that an account has met.

One key per place, a random nonce per row: 29 bytes more than the data and no derivation. AES-GCM allows 2**32 random
nonces under one key; a place where a hundred rows a second are sealed would get there in more than a year of doing nothing
else, and rows that do not change are not sealed again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.crypto.envelope import SealBroken, SealFailure

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
# 128 bits: two of a million rows meet with a chance of 2**-89.
_DIGEST_BYTES: Final = 16


class _RecordSeal:
    """Seals and finds the rows of one place; no row opens in another place, or as another kind."""

    def __init__(self, key: MasterKey, purpose: Purpose, index: Purpose, *place: str) -> None:
        self._cipher = AESGCM(key.derive(purpose, *place))
        self._digest = key.digest(index, *place)
        self._place = _VERSION + length_prefixed(purpose, *place)
        # By kind: what every row of it is bound to. Kinds are a few words of the code.
        self._bound_to: dict[str, bytes] = {}

    def seal(self, kind: str, data: bytes, *, binding: bytes) -> bytes:
        """Seal *data* for the row that *binding* (its digest) names."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, data, self._bound(kind, binding))

    def open(self, kind: str, box: bytes, *, binding: bytes) -> bytes:
        """Return what was sealed in *box* for this kind and row.

        Raises:
            SealBroken: The box is damaged or belongs elsewhere.
        """
        if len(box) < len(_VERSION) + _NONCE_BYTES + _TAG_BYTES:
            raise SealBroken(SealFailure.TRUNCATED)
        if not box.startswith(_VERSION):
            raise SealBroken(SealFailure.UNKNOWN_FORMAT)
        nonce, sealed = box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, sealed, self._bound(kind, binding))
        except InvalidTag:
            raise SealBroken(SealFailure.NOT_AUTHENTIC) from None

    def digest(self, kind: str, value: str | int) -> bytes:
        """Return the 16 bytes under which a row is found: the same for the same value, and nothing without the key."""
        text = length_prefixed(kind, str(value))
        return self._digest(text)[:_DIGEST_BYTES]

    def _bound(self, kind: str, binding: bytes) -> bytes:
        if (place := self._bound_to.get(kind)) is None:
            place = self._bound_to[kind] = self._place + length_prefixed(kind)
        return place + length_prefixed(binding)


class AccountSeal(_RecordSeal):
    """Seals the rows of one account."""

    def __init__(self, key: MasterKey, owner_id: str, account_id: str) -> None:
        super().__init__(key, Purpose.PEERS, Purpose.PEER_INDEX, owner_id, account_id)


class EventSeal(_RecordSeal):
    """Seals what happened in one account; events are found by their numbers and by no digest."""

    def __init__(self, key: MasterKey, owner_id: str, account_id: str) -> None:
        super().__init__(key, Purpose.EVENTS, Purpose.PEER_INDEX, owner_id, account_id)


class ClaimSeal(_RecordSeal):
    """Seals what an owner's mutations were and were answered (D-6.6)."""

    def __init__(self, key: MasterKey, owner_id: str) -> None:
        super().__init__(key, Purpose.IDEM_BODY, Purpose.IDEM_INDEX, owner_id)
