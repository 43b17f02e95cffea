-- What an account has uploaded and may send by its id; an upload is kept beyond its expiry for sends that are repeated.
CREATE TABLE uploads (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    upload_id TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, upload_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_by_expiry ON uploads (expires_at_ms);
