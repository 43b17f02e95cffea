CREATE TABLE claims (
    action_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    lineage TEXT NOT NULL,
    key_digest BLOB,
    fingerprint BLOB NOT NULL,
    account_id TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('dispatched', 'done', 'failed', 'aborted', 'unknown')),
    dispatch BLOB NOT NULL,
    answer BLOB,
    created_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER,
    UNIQUE (owner_id, lineage, key_digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_end ON claims (finished_at_ms);
