-- Where an owner's events go. The row's box (url, filters, secrets) is bound to every other column but the position, which
-- moves with every event: of the owner's events, those up to it have been delivered, given up, or are not for this hook.
CREATE TABLE webhooks (
    webhook_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    lineage TEXT,
    is_disabled INTEGER NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    created_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_by_owner ON webhooks (owner_id);

-- What became of an event at a webhook; without a position it was a test.
CREATE TABLE webhook_deliveries (
    delivery_id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    position INTEGER,
    event_id TEXT,
    type TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'dead')),
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER,
    response_status INTEGER,
    reason TEXT,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (webhook_id, created_at_ms, delivery_id);
