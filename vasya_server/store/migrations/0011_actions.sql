-- A mutation may wait for a human, be refused by one, or never come to that; when it was sent is not when it was asked for.
CREATE TABLE claims_with_more_states (
    id INTEGER PRIMARY KEY,
    action_id TEXT NOT NULL UNIQUE,
    owner_id TEXT NOT NULL,
    lineage TEXT NOT NULL,
    key_digest BLOB UNIQUE,
    fingerprint BLOB NOT NULL,
    account_id TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('awaiting_approval', 'scheduled', 'started', 'dispatched', 'done', 'failed',
        'aborted', 'unknown', 'rejected', 'expired', 'cancelled')),
    dispatch BLOB NOT NULL,
    answer BLOB,
    created_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER,
    sent_at_ms INTEGER
) STRICT;

INSERT INTO claims_with_more_states (id, action_id, owner_id, lineage, key_digest, fingerprint, account_id, kind, status,
    dispatch, answer, created_at_ms, finished_at_ms)
SELECT id, action_id, owner_id, lineage, key_digest, fingerprint, account_id, kind, status, dispatch, answer,
    created_at_ms, finished_at_ms
FROM claims;

DROP TABLE claims;

ALTER TABLE claims_with_more_states RENAME TO claims;

CREATE INDEX claims_by_end ON claims (finished_at_ms);

-- A mutation that does not happen at once: *question* is what a human is asked, *decision* what was decided about it.
-- Both are sealed, so that whoever writes the database can neither change the one nor make the other.
CREATE TABLE actions (
    id INTEGER PRIMARY KEY,
    action_id TEXT NOT NULL UNIQUE REFERENCES claims (action_id) ON DELETE CASCADE,
    owner_id TEXT NOT NULL,
    lineage TEXT NOT NULL,
    question BLOB NOT NULL,
    decision BLOB
) STRICT;

CREATE INDEX actions_by_owner ON actions (owner_id, id);

CREATE INDEX actions_by_lineage ON actions (lineage, id);
