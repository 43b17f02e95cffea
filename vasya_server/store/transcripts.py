"""The rows of transcripts."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class TranscriptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed transcript."""

    sealed: bytes


TRANSCRIPT: Final = Query("""
    SELECT sealed FROM transcripts WHERE account_id = :account_id AND digest = :digest
""")
PUT_TRANSCRIPT: Final = Query("""
    INSERT INTO transcripts (account_id, digest, owner_id, made_at_ms, sealed)
    VALUES (:account_id, :digest, :owner_id, :made_at_ms, :sealed)
    ON CONFLICT (account_id, digest) DO UPDATE
    SET made_at_ms = excluded.made_at_ms, sealed = excluded.sealed
""")
FORGET_TRANSCRIPTS: Final = Query("""
    DELETE FROM transcripts WHERE owner_id = :owner_id AND made_at_ms < :before_ms
""")
TRANSCRIPT_OWNERS: Final = Query("SELECT DISTINCT owner_id FROM transcripts")
