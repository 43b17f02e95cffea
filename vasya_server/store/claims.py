"""The rows of the mutations: claimed, sent, answered."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Bulk, Query


class ClaimRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mutation as it is stored."""

    action_id: str
    owner_id: str
    lineage: str
    key_digest: bytes | None
    fingerprint: bytes
    account_id: str | None
    kind: str
    status: str
    dispatch: bytes
    answer: bytes | None
    created_at_ms: int
    finished_at_ms: int | None
    sent_at_ms: int | None


class KeyRow(msgspec.Struct, frozen=True):
    """The digest of a key that somebody has used."""

    key_digest: bytes


CLAIM_COLUMNS: Final = """
    claims.action_id, claims.owner_id, claims.lineage, key_digest, fingerprint, account_id, kind, status, dispatch,
    answer, created_at_ms, finished_at_ms, sent_at_ms
"""
_COLUMNS: Final = f"SELECT {CLAIM_COLUMNS} FROM claims "  # noqa: S608 — a constant
CLAIM_OF_KEY: Final = Query(_COLUMNS + "WHERE key_digest = :key_digest")
CLAIM: Final = Query(_COLUMNS + "WHERE action_id = :action_id")
ADD_CLAIM: Final = Bulk(
    """
    INSERT INTO claims (action_id, owner_id, lineage, key_digest, fingerprint, account_id, kind,
                        status, dispatch, created_at_ms)
    VALUES {rows}
    """,
    row="(?, ?, ?, ?, ?, ?, ?, 'dispatched', ?, ?)",
    columns=(
        *("action_id", "owner_id", "lineage", "key_digest", "fingerprint", "account_id", "kind"),
        *("dispatch", "created_at_ms"),
    ),
)
FINISH_CLAIM: Final = Bulk(
    """
    UPDATE claims SET status = e.column2, answer = e.column3, finished_at_ms = e.column4
    FROM (VALUES {rows}) AS e WHERE claims.action_id = e.column1
    """,
    row="(?, ?, ?, ?)",
    columns=("action_id", "status", "answer", "finished_at_ms"),
)
FREE_KEY: Final = Query("UPDATE claims SET key_digest = NULL WHERE action_id = :action_id")
# An action that waited for a human counts from when it was sent.
OPEN_CLAIMS: Final = Query(
    _COLUMNS
    + """
    WHERE finished_at_ms IS NULL AND account_id = :account_id
      AND coalesce(sent_at_ms, created_at_ms) >= :since_ms AND status IN ('dispatched', 'unknown')
    """
)
# Whatever of them may stand in a chat since.
SENT_CLAIMS: Final = Query(
    _COLUMNS
    + """
    WHERE account_id = :account_id AND coalesce(sent_at_ms, created_at_ms) <= :until_ms
      AND status IN ('dispatched', 'unknown', 'done')
      AND (finished_at_ms IS NULL OR finished_at_ms >= :since_ms)
    """
)
KEYS: Final = Query("SELECT key_digest FROM claims WHERE key_digest IS NOT NULL")
LOSE_CLAIM: Final = Query("""
    UPDATE claims SET status = 'unknown' WHERE action_id = :action_id AND status = 'dispatched'
""")
LOSE_CLAIMS: Final = Query("UPDATE claims SET status = 'unknown' WHERE status = 'dispatched'")
PURGE_FINISHED: Final = Query("DELETE FROM claims WHERE finished_at_ms <= :until_ms")
PURGE_UNKNOWN: Final = Query("""
    DELETE FROM claims
    WHERE finished_at_ms IS NULL AND coalesce(sent_at_ms, created_at_ms) <= :until_ms
      AND status IN ('dispatched', 'unknown')
""")
ERASE_CLAIMS: Final = Query("""
    DELETE FROM claims WHERE account_id = :account_id AND status <> 'dispatched'
""")
