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
