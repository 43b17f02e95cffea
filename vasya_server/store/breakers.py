"""The rows of what Telegram has asked accounts to leave alone."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class BreakersRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed breakers of an account."""

    sealed: bytes


BREAKERS: Final = Query("SELECT sealed FROM account_breakers WHERE account_id = :account_id")
PUT_BREAKERS: Final = Query("""
    INSERT INTO account_breakers (account_id, sealed) VALUES (:account_id, :sealed)
    ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed
""")
