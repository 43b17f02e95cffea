-- An agent key: nobody's secret stands here, only its digest. *sealed* holds name, scopes and lists, and what authenticates
-- every other column but the last: a row that somebody else wrote does not open.
CREATE TABLE agent_keys (
    key_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    lineage TEXT NOT NULL,
    parent_id TEXT,
    digest BLOB NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER,
    sealed BLOB NOT NULL,
    last_used_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_keys_by_owner ON agent_keys (owner_id, created_at_ms);

CREATE INDEX agent_keys_by_lineage ON agent_keys (lineage);

-- What a key may never be again, beside its row, so that an older row that is put back is seen. The subject is a key, and
-- rows of a generation below the floor are old; or an owner, whose keys made by that time (in ms) are revoked.
CREATE TABLE agent_key_floors (
    subject TEXT PRIMARY KEY,
    floor INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
