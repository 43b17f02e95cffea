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
