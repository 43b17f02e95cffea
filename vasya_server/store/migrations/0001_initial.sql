-- What names a person stands in sealed columns and keyed digests only. A generation counts the seals of its blob.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE owners (
    owner_id TEXT PRIMARY KEY,
    subject_digest BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    owner_id TEXT PRIMARY KEY REFERENCES owners (owner_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    user_digest BLOB NOT NULL,
    alias TEXT,
    can_send INTEGER NOT NULL CHECK (can_send IN (0, 1)),
    keep_connected INTEGER NOT NULL CHECK (keep_connected IN (0, 1)),
    needs_login INTEGER NOT NULL CHECK (needs_login IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    session BLOB NOT NULL,
    session_generation INTEGER NOT NULL CHECK (session_generation >= 1),
    profile BLOB NOT NULL,
    profile_generation INTEGER NOT NULL CHECK (profile_generation >= 1),
    UNIQUE (owner_id, user_digest),
    UNIQUE (owner_id, alias)
) STRICT, WITHOUT ROWID;

CREATE TABLE peers (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, digest)
) STRICT, WITHOUT ROWID;

-- A username or a phone number, and the peer that had it last.
CREATE TABLE peer_names (
    account_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    peer_digest BLOB NOT NULL,
    PRIMARY KEY (account_id, digest),
    FOREIGN KEY (account_id, peer_digest) REFERENCES peers (account_id, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX peer_names_by_peer ON peer_names (account_id, peer_digest);
