-- What happened in the accounts. Positions are given once, in the order of writing, over all accounts, and never again
-- (hence AUTOINCREMENT, which remembers the last one); seq has no gap within an account.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (account_id, seq)
) STRICT;

CREATE INDEX events_by_owner ON events (owner_id, position);

-- The last number of each account, which outlives its events.
CREATE TABLE event_heads (
    account_id TEXT PRIMARY KEY REFERENCES accounts (account_id) ON DELETE CASCADE,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to where an owner's events have been forgotten, so that who asks for older ones is told.
CREATE TABLE event_floors (
    owner_id TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far an account has followed Telegram's updates: stored with the events that came of them, never ahead of them.
CREATE TABLE update_states (
    account_id TEXT PRIMARY KEY REFERENCES accounts (account_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- In which chat a message was: Telegram tells of deleted messages of people and basic groups without saying where.
CREATE TABLE message_places (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    message_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_places_by_time ON message_places (at_ms);
