"""The rows of the mutations that wait for somebody."""

from __future__ import annotations

from typing import Final

from vasya_server.store.claims import CLAIM_COLUMNS, ClaimRow
from vasya_server.store.database import Query


class ActionRow(ClaimRow, frozen=True, kw_only=True):
    """A mutation that did not happen at once, with what was asked about it: nothing, where it waits at Telegram alone."""

    id: int
    question: bytes | None
    decision: bytes | None


_COLUMNS: Final = f"""
    SELECT actions.id, question, decision, {CLAIM_COLUMNS}
    FROM actions JOIN claims ON claims.action_id = actions.action_id
"""  # noqa: S608 — a constant
ACTION: Final = Query(_COLUMNS + "WHERE actions.action_id = :action_id")
# Those that wait for a human, or have waited, and those that wait at Telegram.
ACTIONS_OF_OWNER: Final = Query(
    f"""
    SELECT claims.id, question, decision, {CLAIM_COLUMNS}
    FROM claims LEFT JOIN actions ON actions.action_id = claims.action_id
    WHERE claims.id < :below AND (:lineage IS NULL OR claims.lineage = :lineage)
      AND claims.action_id IN (
          SELECT action_id FROM actions WHERE owner_id = :owner_id
          UNION SELECT action_id FROM scheduled_sends WHERE owner_id = :owner_id
      )
    ORDER BY claims.id DESC LIMIT :limit
    """  # noqa: S608 — a constant
)
WAITING: Final = Query(
    _COLUMNS + "WHERE finished_at_ms IS NULL AND status IN ('awaiting_approval', 'started')"
)
ADD_CLAIM: Final = Query("""
    INSERT INTO claims (action_id, owner_id, lineage, key_digest, fingerprint, account_id, kind,
                        status, dispatch, created_at_ms)
    VALUES (:action_id, :owner_id, :lineage, :key_digest, :fingerprint, :account_id, :kind,
            'awaiting_approval', :dispatch, :created_at_ms)
""")
# Counted where it is inserted, so that two that come together do not both find the last place free.
ADD_ACTION: Final = Query("""
    INSERT INTO actions (action_id, owner_id, lineage, question)
    SELECT :action_id, :owner_id, :lineage, :question
    WHERE :max_waiting > (
        SELECT count(*) FROM actions JOIN claims ON claims.action_id = actions.action_id
        WHERE actions.lineage = :lineage AND status = 'awaiting_approval'
    )
""")
START: Final = Query("""
    UPDATE claims SET status = 'started' WHERE action_id = :action_id AND status = 'awaiting_approval'
""")
NOTE_DECISION: Final = Query("""
    UPDATE actions SET decision = :decision WHERE action_id = :action_id
""")
# Behind END, which may have come too late: what was decided before is not written over.
NOTE_ENDING: Final = Query("""
    UPDATE actions SET decision = :decision
    WHERE action_id = :action_id AND EXISTS (
        SELECT 1 FROM claims WHERE claims.action_id = :action_id AND status = :status
    )
""")
DISPATCH: Final = Query("""
    UPDATE claims SET status = 'dispatched', dispatch = :dispatch, sent_at_ms = :sent_at_ms
    WHERE action_id = :action_id AND status = 'started'
""")
END: Final = Query("""
    UPDATE claims SET status = :status, answer = :answer, finished_at_ms = :finished_at_ms
    WHERE action_id = :action_id AND status IN ('awaiting_approval', 'started')
""")
