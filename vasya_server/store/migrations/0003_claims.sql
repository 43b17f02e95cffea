CREATE TABLE claims (
    id INTEGER PRIMARY KEY,
    action_id TEXT NOT NULL UNIQUE,
    owner_id TEXT NOT NULL,
    lineage TEXT NOT NULL,
    key_digest BLOB UNIQUE,
    fingerprint BLOB NOT NULL,
    account_id TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('dispatched', 'done', 'failed', 'aborted', 'unknown')),
    dispatch BLOB NOT NULL,
    answer BLOB,
    created_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER
) STRICT;

CREATE INDEX claims_by_end ON claims (finished_at_ms);
