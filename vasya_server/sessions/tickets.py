"""Links that open one file for whoever has them (D-10.7): the token itself is kept nowhere."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import from_ms, to_ms
from vasya_server.crypto.derive import length_prefixed
from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.records import AccountSeal
from vasya_server.errors import LinkNotFound, StorageFailed
from vasya_server.ids import AccountId, KeyId, OwnerId, new_ticket_id
from vasya_server.model.base import Plain
from vasya_server.store import tickets as rows

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Statement

_log: Final = logging.getLogger(__name__)
_TICKET: Final = "ticket"
_TOKEN: Final = re.compile(r"vt_[0-9a-f]{64}")
_SECRET_BYTES: Final = 32


class Maker(msgspec.Struct, frozen=True, array_like=True):
    """For whom a link speaks.

    Args:
        key_id: The agent key; None: no key made it.
        is_human: It hands out what only humans may have.
    """

    key_id: KeyId | None
    is_human: bool


class Opens(msgspec.Struct, frozen=True, array_like=True):
    """The one file that a link opens."""

    chat_id: int
    message_id: int
    maker: Maker


class Ticket(Plain, frozen=True, kw_only=True):
    """A link as it was made.

    Args:
        id: Its name in logs; it opens nothing.
    """

    id: str
    owner: OwnerId
    account_id: AccountId
    lineage: str
    opens: Opens


class Tickets:
    """The links of every owner; the one user of their table."""

    def __init__(self, db: Database, key: MasterKey, clock: Clock) -> None:
        self._db = db
        self._key = key
        self._clock = clock
        # What an owner made up to then is over, whatever the disk says.
        self._ended_ms: dict[OwnerId, int] = {}

    async def make(
        self,
        owner: OwnerId,
        account_id: AccountId,
        lineage: str,
        opens: Opens,
        *,
        expires_at: datetime,
    ) -> str:
        """Make a link and return its token, which is told once.

        Raises:
            StorageFailed: There is none.
        """
        token = f"vt_{secrets.token_bytes(_SECRET_BYTES).hex()}"
        now_ms = to_ms(self._clock.now())
        row = rows.TicketRow(
            ticket_id=new_ticket_id(),
            digest=_digest(token),
            owner_id=owner,
            account_id=account_id,
            lineage=lineage,
            made_at_ms=max(now_ms, self._ended_ms.get(owner, 0) + 1),
            expires_at_ms=to_ms(expires_at),
            sealed=b"",
        )
        seal = AccountSeal(self._key, owner, account_id)
        box = seal.seal(_TICKET, msgspec.msgpack.encode(opens), binding=_binding(row))
        fields = msgspec.structs.asdict(row) | {"sealed": box}
        await self._db.write(rows.ADD_TICKET.bind(**fields), rows.PURGE_TICKETS.bind(now_ms=now_ms))
        return token

    async def find(self, token: str) -> Ticket:
        """Return what *token* opens.

        Raises:
            LinkNotFound: It opens nothing, or nothing any more: not told apart.
            StorageFailed: That cannot be read.
        """
        if _TOKEN.fullmatch(token) is None:
            raise LinkNotFound
        row = await self._db.one(rows.TICKET, rows.TicketRow, digest=_digest(token))
        if row is None or from_ms(row.expires_at_ms) <= self._clock.now():
            raise LinkNotFound
        owner, account_id = OwnerId(row.owner_id), AccountId(row.account_id)
        if row.made_at_ms <= self._ended_ms.get(owner, 0):
            raise LinkNotFound
        try:
            seal = AccountSeal(self._key, owner, account_id)
            data = seal.open(_TICKET, row.sealed, binding=_binding(row))
        except SealBroken:
            raise LinkNotFound from None
        return Ticket(
            id=row.ticket_id,
            owner=owner,
            account_id=account_id,
            lineage=row.lineage,
            opens=msgspec.msgpack.decode(data, type=Opens),
        )

    async def end_all(self, owner: OwnerId) -> None:
        """End every link that the owner's people and keys have made; it never fails."""
        self._ended_ms[owner] = to_ms(self._clock.now())
        try:
            await self._db.write(*self.ending(owner))
        except StorageFailed as error:
            _log.warning("links are over and not erased yet (%s)", error.code)

    def ending(self, owner: OwnerId) -> tuple[Statement, ...]:
        """Return what stores that the owner's links were ended; it may be done twice."""
        until_ms = self._ended_ms.get(owner)
        if until_ms is None:
            return ()
        return (rows.END_TICKETS.bind(owner_id=owner, until_ms=until_ms),)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _binding(row: rows.TicketRow) -> bytes:
    times = f"{row.made_at_ms} {row.expires_at_ms}"
    return length_prefixed(row.ticket_id, row.digest, row.lineage, times)
