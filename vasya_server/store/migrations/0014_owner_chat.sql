-- The owner's chat: what another device has written there and is not carried out yet, what is asked there (with the code
-- that answers it), and how far its account has got. All of it is sealed.
CREATE TABLE owner_chat_heard (
    id INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    message_id INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (account_id, message_id)
) STRICT;

CREATE TABLE owner_chat_asked (
    action_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE owner_chat_state (
    account_id TEXT PRIMARY KEY REFERENCES accounts (account_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- From where a key, or those it was rotated from, was used: keyed digests, the oldest go first.
CREATE TABLE key_addresses (
    id INTEGER PRIMARY KEY,
    lineage TEXT NOT NULL,
    address BLOB NOT NULL,
    UNIQUE (lineage, address)
) STRICT;
