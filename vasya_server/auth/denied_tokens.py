"""JWTs that are taken no more although their time is not over: single ones by `jti`, or all that an owner had (D-2.8).

It is all in memory, so that a check is a look-up, and a denial holds before it is stored. A `jti` is denied for good: how
long its token lives nobody said. In the database are keyed digests and MACs, so that who can write there cannot deny
anything; that a row was taken away cannot be seen there, but the audit log tells of every denial.
"""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING, Final

from vasya_server.clock import from_ms, to_ms
from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.errors import StorageFailed
from vasya_server.ids import OwnerId
from vasya_server.store import tokens as rows

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Statement

_log: Final = logging.getLogger(__name__)


class DeniedTokens:
    """The deny list of every owner; there is one per process."""

    def __init__(self, db: Database, key: MasterKey) -> None:
        self._db = db
        self._index = key.digest(Purpose.TOKEN_INDEX)
        self._macs = key.digest(Purpose.TOKEN_MAC)
        self._digests: set[bytes] = set()
        self._cutoffs: dict[OwnerId, datetime] = {}
        self._unstored: list[Statement] = []

    async def open(self) -> None:
        """Load the list; rows that this server did not write are passed over and told of.

        Raises:
            StorageFailed: The database cannot be read.
        """
        self._digests |= {
            row.digest for row in await self._db.all(rows.DENIED_TOKENS, rows.DeniedTokenRow)
        }
        for row in await self._db.all(rows.CUTOFFS, rows.CutoffRow):
            owner = OwnerId(row.owner_id.decode("ascii", "replace"))
            if not hmac.compare_digest(row.mac, self._mac(owner, row.issued_before_ms)):
                _log.warning("a row of the deny list was not written by this server")
                continue
            self._cut_off(owner, from_ms(row.issued_before_ms))

    def digest(self, owner: OwnerId, jti: str) -> bytes:
        """Return what stands for the token here: nobody else's has it, whatever it is called."""
        return self._index(length_prefixed(owner, jti))

    def denies(self, owner: OwnerId, digest: bytes | None, issued_at: datetime | None) -> bool:
        """Tell whether the token is denied; one that does not say when it was issued counts as old."""
        if digest in self._digests:
            return True
        cutoff = self._cutoffs.get(owner)
        return cutoff is not None and (issued_at is None or issued_at < cutoff)

    async def deny(self, owner: OwnerId, jti: str) -> None:
        """Deny one token from now on, whether or not there is one of that name."""
        digest = self.digest(owner, jti)
        self._digests.add(digest)
        await self._store(rows.DENY_TOKEN.bind(digest=digest))

    async def deny_issued_before(self, owner: OwnerId, at: datetime) -> None:
        """Deny all tokens of the owner that were issued before *at*; an earlier moment than the last changes nothing."""
        at_ms = to_ms(at)
        self._cut_off(owner, from_ms(at_ms))
        await self._store(
            rows.ADD_CUTOFF.bind(
                owner_id=owner, issued_before_ms=at_ms, mac=self._mac(owner, at_ms)
            ),
            rows.ERASE_CUTOFFS_BEFORE.bind(owner_id=owner, issued_before_ms=at_ms),
        )

    def take_unstored(self) -> tuple[Statement, ...]:
        """Hand over what could not be stored, once: whoever takes it sees to it. Done twice it changes nothing more."""
        taken, self._unstored = tuple(self._unstored), []
        return taken

    def _cut_off(self, owner: OwnerId, at: datetime) -> None:
        known = self._cutoffs.get(owner)
        self._cutoffs[owner] = at if known is None else max(known, at)

    async def _store(self, *statements: Statement) -> None:
        try:
            await self._db.write(*statements)
        except StorageFailed:
            # Denying reduces risk: it holds already, and is stored as soon as that is possible (D-7.10).
            self._unstored += statements
            _log.warning("a denied token is stored with its outcome")

    def _mac(self, owner: OwnerId, issued_before_ms: int) -> bytes:
        return self._macs(length_prefixed(owner, str(issued_before_ms)))
