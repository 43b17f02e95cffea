-- What was said in voice notes, so that nobody is asked for it twice: by a keyed digest of the file's id, sealed.
CREATE TABLE transcripts (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    owner_id TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX transcripts_by_owner ON transcripts (owner_id, made_at_ms);
