"""The rows of uploads: what was uploaded stands sealed, and where it lies is Telegram's own."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class UploadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed upload."""

    expires_at_ms: int
    sealed: bytes


class LiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many uploads of an account have not expired."""

    total: int


UPLOAD: Final = Query("""
    SELECT expires_at_ms, sealed FROM uploads WHERE account_id = :account_id AND upload_id = :upload_id
""")
LIVE_UPLOADS: Final = Query("""
    SELECT count(*) AS total FROM uploads
    WHERE account_id = :account_id AND expires_at_ms > :now_ms
""")
ADD_UPLOAD: Final = Query("""
    INSERT INTO uploads (account_id, upload_id, expires_at_ms, sealed)
    VALUES (:account_id, :upload_id, :expires_at_ms, :sealed)
    ON CONFLICT (account_id, upload_id) DO UPDATE
    SET expires_at_ms = excluded.expires_at_ms, sealed = excluded.sealed
""")
RESEAL_UPLOAD: Final = Query("""
    UPDATE uploads SET sealed = :sealed WHERE account_id = :account_id AND upload_id = :upload_id
""")
PURGE_UPLOADS: Final = Query("DELETE FROM uploads WHERE expires_at_ms <= :before_ms")
