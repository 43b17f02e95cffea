-- Revoked JWTs, each as a keyed digest of owner and jti.
CREATE TABLE denied_tokens (
    digest BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- No JWT of the owner that was issued before this moment is taken; the latest row whose MAC is right counts.
CREATE TABLE token_cutoffs (
    owner_id TEXT NOT NULL,
    issued_before_ms INTEGER NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (owner_id, issued_before_ms)
) STRICT, WITHOUT ROWID;
