"""The rows of when owners wrote last, chat by chat."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class ActivityRow(msgspec.Struct, frozen=True):
    """When the owner wrote last in one chat."""

    at_ms: int


LAST_ACTIVITY: Final = Query(
    "SELECT at_ms FROM owner_activity WHERE account_id = :account_id AND chat = :chat"
)
NOTE_ACTIVITY: Final = Query("""
    INSERT INTO owner_activity (account_id, chat, at_ms) VALUES (:account_id, :chat, :at_ms)
    ON CONFLICT (account_id, chat) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)
""")
FORGET_ACTIVITY: Final = Query("DELETE FROM owner_activity WHERE at_ms < :before_ms")
