"""The rows of owners' keys for services beside Telegram."""

from __future__ import annotations

from typing import Final

from vasya_server.store.database import Query

PROVIDER_KEY: Final = Query("""
    SELECT owner_id, sealed, generation FROM provider_keys
    WHERE owner_id = :owner_id AND name = :name
""")
PUT_PROVIDER_KEY: Final = Query("""
    INSERT INTO provider_keys (owner_id, name, sealed, generation)
    VALUES (:owner_id, :name, :sealed, :generation)
    ON CONFLICT (owner_id, name) DO UPDATE
    SET sealed = excluded.sealed, generation = excluded.generation
    WHERE provider_keys.generation = excluded.generation - 1
""")
ERASE_PROVIDER_KEY: Final = Query("""
    DELETE FROM provider_keys WHERE owner_id = :owner_id AND name = :name
""")
