"""The rows of webhooks, and of what became of each event at each of them."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is stored; nothing of it but its position counts before the box has opened."""

    webhook_id: str
    owner_id: str
    lineage: str | None
    is_disabled: int
    generation: int
    created_at_ms: int
    sealed: bytes
    position: int


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event at one webhook."""

    delivery_id: str
    webhook_id: str
    position: int | None
    event_id: str | None
    type: str
    status: str
    attempts: int
    next_attempt_at_ms: int | None
    response_status: int | None
    reason: str | None
    created_at_ms: int
    updated_at_ms: int


WEBHOOKS: Final = Query("""
    SELECT webhook_id, owner_id, lineage, is_disabled, generation, created_at_ms, sealed, position
    FROM webhooks ORDER BY created_at_ms, webhook_id
""")
# Counted where it is inserted, so that two that come together do not both find the last place free.
ADD_WEBHOOK: Final = Query("""
    INSERT INTO webhooks (webhook_id, owner_id, lineage, is_disabled, generation, created_at_ms,
                          sealed, position)
    SELECT :webhook_id, :owner_id, :lineage, :is_disabled, :generation, :created_at_ms, :sealed,
           :position
    WHERE :most > (SELECT count(*) FROM webhooks WHERE owner_id = :owner_id)
""")
RESEAL_WEBHOOK: Final = Query("""
    UPDATE webhooks SET is_disabled = :is_disabled, generation = :generation, sealed = :sealed
    WHERE webhook_id = :webhook_id
""")
MOVE_WEBHOOK: Final = Query("""
    UPDATE webhooks SET position = :position WHERE webhook_id = :webhook_id
""")
DROP_WEBHOOK: Final = Query("DELETE FROM webhooks WHERE webhook_id = :webhook_id")

_DELIVERIES: Final = """
    SELECT delivery_id, webhook_id, position, event_id, type, status, attempts, next_attempt_at_ms,
           response_status, reason, created_at_ms, updated_at_ms
    FROM webhook_deliveries WHERE webhook_id = :webhook_id
"""
DELIVERY: Final = Query(_DELIVERIES + "AND delivery_id = :delivery_id")
# The one that is tried until it is delivered or given up; there is at most one behind a webhook's position.
HEAD: Final = Query(
    _DELIVERIES + "AND status IN ('pending', 'failed') AND position > :position LIMIT 1"
)
DELIVERIES: Final = Query(
    _DELIVERIES
    + """
    AND (:status IS NULL OR status = :status)
    AND (created_at_ms, delivery_id) < (:before_ms, :before_id)
    ORDER BY created_at_ms DESC, delivery_id DESC LIMIT :limit
"""
)
PUT_DELIVERY: Final = Query("""
    INSERT INTO webhook_deliveries (delivery_id, webhook_id, position, event_id, type, status, attempts,
                                    next_attempt_at_ms, response_status, reason, created_at_ms,
                                    updated_at_ms)
    VALUES (:delivery_id, :webhook_id, :position, :event_id, :type, :status, :attempts,
            :next_attempt_at_ms, :response_status, :reason, :created_at_ms, :updated_at_ms)
    ON CONFLICT (delivery_id) DO UPDATE SET
        status = excluded.status, attempts = excluded.attempts, reason = excluded.reason,
        next_attempt_at_ms = excluded.next_attempt_at_ms,
        response_status = excluded.response_status, created_at_ms = excluded.created_at_ms,
        updated_at_ms = excluded.updated_at_ms
""")
DROP_OLD_DELIVERIES: Final = Query("""
    DELETE FROM webhook_deliveries
    WHERE (status = 'dead' AND updated_at_ms < :dead_before_ms)
       OR (status = 'delivered' AND updated_at_ms < :done_before_ms)
       OR (status = 'failed' AND position IS NULL AND updated_at_ms < :done_before_ms)
""")
DROP_SURPLUS_DELIVERIES: Final = Query("""
    DELETE FROM webhook_deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM (
            SELECT delivery_id, row_number() OVER (
                PARTITION BY webhook_id ORDER BY updated_at_ms DESC, delivery_id DESC
            ) AS place
            FROM webhook_deliveries WHERE status = 'delivered' OR position IS NULL
        ) WHERE place > :most
    )
""")
