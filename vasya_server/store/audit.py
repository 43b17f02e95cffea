"""The rows of the audit log: its lines, and where its chain stands."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from vasya_server.store.database import Bulk, Query


class HeadRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last line that was numbered, and the last that is known to be in the file."""

    seq: int
    line_hash: bytes
    written_seq: int


class OwnerHeadRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last number of an owner's own sequence."""

    owner_id: str
    own_seq: int


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line, without its newline."""

    line: bytes


class TotalRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there are."""

    total: int


class Line(NamedTuple):
    """A row to be added."""

    seq: int
    owner_id: str | None
    own_seq: int | None
    at_ms: int
    action: str
    account_id: str | None
    key_id: str | None
    line: bytes


HEAD: Final = Query("SELECT seq, line_hash, written_seq FROM audit_head")
PUT_HEAD: Final = Query("""
    INSERT INTO audit_head (id, seq, line_hash, written_seq) VALUES (1, :seq, :line_hash, :written_seq)
    ON CONFLICT (id) DO UPDATE SET
        seq = excluded.seq, line_hash = excluded.line_hash, written_seq = excluded.written_seq
""")
OWNER_HEADS: Final = Query("SELECT owner_id, own_seq FROM audit_owners")
OWNER_HEAD: Final = Query("""
    SELECT owner_id, own_seq FROM audit_owners WHERE owner_id = :owner_id
""")
PUT_OWNER_HEAD: Final = Query("""
    INSERT INTO audit_owners (owner_id, own_seq) VALUES (:owner_id, :own_seq)
    ON CONFLICT (owner_id) DO UPDATE SET own_seq = excluded.own_seq
""")
ADD_LINE: Final = Bulk(
    """
    INSERT INTO audit_lines (seq, owner_id, own_seq, at_ms, action, account_id, key_id, line)
    VALUES {rows}
    """,
    row="(?, ?, ?, ?, ?, ?, ?, ?)",
    columns=Line._fields,
)
LINES_ABOVE_WRITTEN: Final = Query("""
    SELECT line FROM audit_lines WHERE seq > (SELECT written_seq FROM audit_head) ORDER BY seq
""")
OWN_LINES_ABOVE: Final = Query("""
    SELECT count(*) AS total FROM audit_lines WHERE owner_id = :owner_id AND seq > :seq
""")
OWN_LINES: Final = Query("""
    SELECT line FROM audit_lines
    WHERE owner_id = :owner_id AND own_seq < :below
      AND (:account_id IS NULL OR account_id = :account_id)
      AND (:key_id IS NULL OR key_id = :key_id)
      AND (:action IS NULL OR action = :action)
      AND (:since_ms IS NULL OR at_ms >= :since_ms)
      AND (:until_ms IS NULL OR at_ms < :until_ms)
      AND (:without IS NULL OR action NOT LIKE :without || ':%')
    ORDER BY own_seq DESC LIMIT :limit
""")
