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

-- Lines are stored with the change they record; those above written_seq may still be missing in the file.
CREATE TABLE audit_lines (
    seq INTEGER PRIMARY KEY,
    owner_id TEXT,
    own_seq INTEGER,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    account_id TEXT,
    key_id TEXT,
    line BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX audit_lines_by_owner ON audit_lines (owner_id, own_seq);

CREATE TRIGGER audit_lines_never_change BEFORE UPDATE ON audit_lines
BEGIN SELECT RAISE(ABORT, 'an audit line never changes'); END;

CREATE TRIGGER audit_lines_never_go BEFORE DELETE ON audit_lines
BEGIN SELECT RAISE(ABORT, 'an audit line never goes'); END;

-- Where the chain stands, apart from the file, so that a cut tail is seen.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    line_hash BLOB NOT NULL,
    written_seq INTEGER NOT NULL CHECK (written_seq <= seq)
) STRICT;

CREATE TABLE audit_owners (
    owner_id TEXT PRIMARY KEY,
    own_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One mutation from its intent to its answer. The digest is that of owner, lineage and idempotency key, and is taken
-- away where the key may begin anew; *dispatch* is what it takes to send the same again, *answer* what the client was told: both are sealed.
CREATE TABLE "claims" (
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

CREATE INDEX claims_by_end ON claims (finished_at_ms);

-- What an account has uploaded and may send by its id; an upload is kept beyond its expiry for sends that are repeated.
CREATE TABLE uploads (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    upload_id TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, upload_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_by_expiry ON uploads (expires_at_ms);

-- What an owner has set, sealed. The highest generation holds; older ones stay, so that putting one back changes nothing.
CREATE TABLE owner_settings (
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    generation INTEGER NOT NULL CHECK (generation >= 1),
    sealed BLOB NOT NULL,
    PRIMARY KEY (owner_id, generation)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER owner_settings_never_change BEFORE UPDATE ON owner_settings
BEGIN SELECT RAISE(ABORT, 'the settings of an owner are added to, never changed'); END;

CREATE TRIGGER owner_settings_never_go BEFORE DELETE ON owner_settings
BEGIN SELECT RAISE(ABORT, 'the settings of an owner are added to, never removed'); END;

-- An owner's own keys for services beside Telegram.
CREATE TABLE provider_keys (
    owner_id TEXT NOT NULL REFERENCES owners (owner_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    PRIMARY KEY (owner_id, name)
) STRICT, WITHOUT ROWID;

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

-- The buckets of the rate limits that are not full. A bucket is named by random ids and keyed digests alone.
CREATE TABLE limits (
    quota TEXT NOT NULL,
    bucket TEXT NOT NULL,
    full_at_ms INTEGER NOT NULL,
    PRIMARY KEY (quota, bucket)
) STRICT, WITHOUT ROWID;

CREATE INDEX limits_by_time ON limits (full_at_ms);

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

-- Where an owner's events go. The row's box (url, filters, secrets) is bound to every other column but the position, which
-- moves with every event: of the owner's events, those up to it have been delivered, given up, or are not for this hook.
CREATE TABLE webhooks (
    webhook_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES owners (owner_id),
    lineage TEXT,
    is_disabled INTEGER NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    created_at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_by_owner ON webhooks (owner_id);

-- What became of an event at a webhook; without a position it was a test.
CREATE TABLE webhook_deliveries (
    delivery_id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    position INTEGER,
    event_id TEXT,
    type TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'dead')),
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER,
    response_status INTEGER,
    reason TEXT,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (webhook_id, created_at_ms, delivery_id);

-- What actions have used up of their keys' budgets in the last 24 hours. A holder is named by random ids alone.
CREATE TABLE budget_uses (
    action_id TEXT NOT NULL,
    budget TEXT NOT NULL,
    holder TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (action_id, budget)
) STRICT, WITHOUT ROWID;

CREATE INDEX budget_uses_by_time ON budget_uses (at_ms);

-- What Telegram has asked each account to leave alone, and until when: it holds across restarts.
CREATE TABLE account_breakers (
    account_id TEXT PRIMARY KEY REFERENCES accounts (account_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- Messages that wait at Telegram for their time, so that they can be taken back: one row for each change that made them.
CREATE TABLE scheduled_sends (
    action_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- When the owner wrote last in a chat, by another device than this gateway. A chat is named by a keyed digest alone.
CREATE TABLE owner_activity (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    chat BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, chat)
) STRICT, WITHOUT ROWID;

CREATE INDEX owner_activity_by_time ON owner_activity (at_ms);

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
