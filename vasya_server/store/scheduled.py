"""The rows of messages that wait at Telegram for their time."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class ScheduledRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one change has waiting."""

    action_id: str
    owner_id: str
    account_id: str
    sealed: bytes


ALL_SCHEDULED: Final = Query(
    "SELECT action_id, owner_id, account_id, sealed FROM scheduled_sends ORDER BY action_id"
)
ADD_SCHEDULED: Final = Query("""
    INSERT INTO scheduled_sends (action_id, owner_id, account_id, sealed)
    VALUES (:action_id, :owner_id, :account_id, :sealed)
    ON CONFLICT (action_id) DO UPDATE SET sealed = excluded.sealed
""")
FORGET_SCHEDULED: Final = Query("DELETE FROM scheduled_sends WHERE action_id = :action_id")
