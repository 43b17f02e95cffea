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
