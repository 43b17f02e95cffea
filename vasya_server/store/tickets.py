"""The rows of links to files."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class TicketRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is stored; nothing of it counts before the box has opened."""

    ticket_id: str
    digest: bytes
    owner_id: str
    account_id: str
    lineage: str
    made_at_ms: int
    expires_at_ms: int
    sealed: bytes


TICKET: Final = Query("""
    SELECT ticket_id, digest, owner_id, account_id, lineage, made_at_ms, expires_at_ms, sealed
    FROM tickets WHERE digest = :digest
""")
ADD_TICKET: Final = Query("""
    INSERT INTO tickets (ticket_id, digest, owner_id, account_id, lineage, made_at_ms, expires_at_ms,
                         sealed)
    VALUES (:ticket_id, :digest, :owner_id, :account_id, :lineage, :made_at_ms, :expires_at_ms,
            :sealed)
""")
END_TICKETS: Final = Query("""
    DELETE FROM tickets WHERE owner_id = :owner_id AND made_at_ms <= :until_ms
""")
PURGE_TICKETS: Final = Query("DELETE FROM tickets WHERE expires_at_ms <= :now_ms")
