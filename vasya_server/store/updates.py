"""The rows of how far accounts have followed Telegram, and where messages were."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Bulk, Query


class StateRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed update state of an account."""

    sealed: bytes


class PlaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed chat of one message."""

    sealed: bytes


STATE: Final = Query("SELECT sealed FROM update_states WHERE account_id = :account_id")
PUT_STATE: Final = Query("""
    INSERT INTO update_states (account_id, sealed) VALUES (:account_id, :sealed)
    ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed
""")
FORGET_STATE: Final = Query("DELETE FROM update_states WHERE account_id = :account_id")
PLACE: Final = Query("""
    SELECT sealed FROM message_places WHERE account_id = :account_id AND message_id = :message_id
""")
PUT_PLACES: Final = Bulk(
    "INSERT INTO message_places (account_id, message_id, at_ms, sealed) VALUES {rows}"
    " ON CONFLICT (account_id, message_id) DO UPDATE SET at_ms = excluded.at_ms, sealed = excluded.sealed",
    "(?, ?, ?, ?)",
    ("account_id", "message_id", "at_ms", "sealed"),
)
FORGET_PLACES: Final = Query("DELETE FROM message_places WHERE at_ms < :before_ms")
