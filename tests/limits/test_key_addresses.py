"""From where keys are used, and what is news."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vasya_server.crypto.master_key import MasterKey
from vasya_server.errors import StorageFailed
from vasya_server.limits.key_addresses import KeyAddresses

if TYPE_CHECKING:
    from vasya_server.store.database import Database

KEY = MasterKey(bytes(range(32)))
LINEAGE = "ak0123456789abcdef"


async def test_the_second_place_is_news_and_none_is_twice(db: Database) -> None:
    addresses = KeyAddresses(db, KEY)

    assert not await addresses.note(LINEAGE, "192.0.2.1")
    assert await addresses.note(LINEAGE, "198.51.100.7")
    assert not await addresses.note(LINEAGE, "198.51.100.7")
    assert addresses.is_known(LINEAGE, "198.51.100.7")
    assert not await KeyAddresses(db, KEY).note(LINEAGE, "198.51.100.7"), "as after a restart"


async def test_what_is_known_in_memory_is_bounded(db: Database) -> None:
    addresses = KeyAddresses(db, KEY, max_known=2)
    for last in range(1, 4):
        await addresses.note(LINEAGE, f"192.0.{last}.1")

    assert addresses.is_known(LINEAGE, "192.0.3.1")
    assert not addresses.is_known(LINEAGE, "192.0.1.1")
    assert not await addresses.note(LINEAGE, "192.0.1.1"), "it is stored"


async def test_what_cannot_be_stored_is_asked_about_again(db: Database) -> None:
    addresses = KeyAddresses(db, KEY)
    await db.close()

    with pytest.raises(StorageFailed):
        await addresses.note(LINEAGE, "192.0.2.1")

    assert not addresses.is_known(LINEAGE, "192.0.2.1")
