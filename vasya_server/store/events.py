"""The rows of the event log: what happened stands sealed, in the order in which it was written down."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Bulk, Query


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed event."""

    position: int
    account_id: str
    seq: int
    sealed: bytes


class SeqRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last number of an account."""

    seq: int


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A position of an owner, or the last of all; None where there is none."""

    position: int | None


class FloorRow(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where an owner's events have been forgotten."""

    owner_id: str
    position: int


class OwnerRow(msgspec.Struct, frozen=True, kw_only=True):
    """An owner who has events."""

    owner_id: str


LAST_POSITION: Final = Query(
    "SELECT max(seq) AS position FROM sqlite_sequence WHERE name = 'events'"
)
OWNERS: Final = Query("SELECT DISTINCT owner_id FROM events")
FLOORS: Final = Query("SELECT owner_id, position FROM event_floors")
LAST_SEQ: Final = Query("SELECT seq FROM event_heads WHERE account_id = :account_id")
EVENTS_AFTER: Final = Query("""
    SELECT position, account_id, seq, sealed FROM events
    WHERE owner_id = :owner_id AND position > :position ORDER BY position LIMIT :limit
""")
ADD_EVENTS: Final = Bulk(
    "INSERT INTO events (position, owner_id, account_id, seq, at_ms, sealed) VALUES {rows}",
    "(?, ?, ?, ?, ?, ?)",
    ("position", "owner_id", "account_id", "seq", "at_ms", "sealed"),
)
PUT_SEQ: Final = Query("""
    INSERT INTO event_heads (account_id, seq) VALUES (:account_id, :seq)
    ON CONFLICT (account_id) DO UPDATE SET seq = excluded.seq
""")
LAST_BEFORE: Final = Query("""
    SELECT max(position) AS position FROM events WHERE owner_id = :owner_id AND at_ms < :before_ms
""")
PUT_FLOOR: Final = Query("""
    INSERT INTO event_floors (owner_id, position) VALUES (:owner_id, :position)
    ON CONFLICT (owner_id) DO UPDATE SET position = excluded.position
""")
FORGET_EVENTS: Final = Query("""
    DELETE FROM events WHERE owner_id = :owner_id AND position <= :position
""")
