"""The rows of where keys were used from."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query

# Of one lineage; a key that is used from more places is used from everywhere.
MAX_ADDRESSES: Final = 64


class AddressRow(msgspec.Struct, frozen=True):
    """One place."""

    address: bytes


ADDRESSES: Final = Query("SELECT address FROM key_addresses WHERE lineage = :lineage ORDER BY id")
ADD_ADDRESS: Final = Query("""
    INSERT INTO key_addresses (lineage, address) VALUES (:lineage, :address)
    ON CONFLICT (lineage, address) DO NOTHING
""")
FORGET_OLDEST: Final = Query(f"""
    DELETE FROM key_addresses WHERE lineage = :lineage AND id NOT IN (
        SELECT id FROM key_addresses WHERE lineage = :lineage ORDER BY id DESC LIMIT {MAX_ADDRESSES}
    )
""")  # noqa: S608 — a constant
