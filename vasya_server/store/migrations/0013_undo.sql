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
