"""The rows of agent keys, and of what no key may be again."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent key as it is stored; nothing of it counts before the box has opened."""

    key_id: str
    owner_id: str
    lineage: str
    parent_id: str | None
    digest: bytes
    generation: int
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    sealed: bytes
    last_used_at_ms: int | None

    def is_alive(self, at_ms: int) -> bool:
        """Tell whether the row says that the key is neither revoked nor expired at that time."""
        return self.revoked_at_ms is None and (
            self.expires_at_ms is None or self.expires_at_ms > at_ms
        )


class KeyIdRow(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a key; it has to be found before it counts."""

    key_id: str


class FloorRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a key, or every key of an owner, may not be again."""

    subject: str
    floor: int
    mac: bytes


_COLUMNS: Final = """
    SELECT key_id, owner_id, lineage, parent_id, digest, generation, created_at_ms, expires_at_ms,
           revoked_at_ms, sealed, last_used_at_ms
    FROM agent_keys
"""
KEY: Final = Query(_COLUMNS + "WHERE key_id = :key_id")
KEYS_OF_OWNER: Final = Query(_COLUMNS + "WHERE owner_id = :owner_id ORDER BY created_at_ms, key_id")
LINEAGE: Final = Query("""
    SELECT key_id FROM agent_keys WHERE lineage = :lineage ORDER BY created_at_ms DESC, key_id
""")
# Counted where it is inserted, so that two that come together do not both find the last place free.
_ADD: Final = """
    INSERT INTO agent_keys (key_id, owner_id, lineage, parent_id, digest, generation, created_at_ms,
                            expires_at_ms, sealed)
    SELECT :key_id, :owner_id, :lineage, :parent_id, :digest, :generation, :created_at_ms,
           :expires_at_ms, :sealed
    WHERE :max_live > (
        SELECT count(*) FROM agent_keys
        WHERE {whose} AND revoked_at_ms IS NULL AND created_at_ms > :alive_since_ms
          AND (expires_at_ms IS NULL OR expires_at_ms > :created_at_ms)
    )
"""
ADD_KEY: Final = Query(_ADD.format(whose="owner_id = :owner_id"))
ADD_SUCCESSOR: Final = Query(_ADD.format(whose="lineage = :lineage"))
RESEAL_KEY: Final = Query("""
    UPDATE agent_keys SET
        digest = :digest, generation = :generation, expires_at_ms = :expires_at_ms,
        revoked_at_ms = :revoked_at_ms, sealed = :sealed
    WHERE key_id = :key_id AND generation = :generation - 1
""")
NOTE_USED: Final = Query("""
    UPDATE agent_keys SET last_used_at_ms = :used_at_ms WHERE key_id = :key_id
""")
PURGE_KEYS: Final = Query("""
    DELETE FROM agent_keys WHERE revoked_at_ms <= :before_ms OR expires_at_ms <= :before_ms
""")

FLOORS: Final = Query("SELECT subject, floor, mac FROM agent_key_floors")
RAISE_FLOOR: Final = Query("""
    INSERT INTO agent_key_floors (subject, floor, mac) VALUES (:subject, :floor, :mac)
    ON CONFLICT (subject) DO UPDATE SET floor = excluded.floor, mac = excluded.mac
    WHERE agent_key_floors.floor < excluded.floor
""")
