-- Links to files: what a link opens stands sealed, and of the link itself only the SHA-256. The box is bound to every other
-- column, so that nobody who writes here prolongs a link or makes one.
CREATE TABLE tickets (
    ticket_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    owner_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    lineage TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_expiry ON tickets (expires_at_ms);
