"""What an owner has set: in memory at once, stored in order, and never opened by who cannot seal."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from vasya_server.ids import OwnerId
from vasya_server.sessions.owner_settings import OwnerSettings, SettingsStore, is_time_zone

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.sessions.vault import Vault
    from vasya_server.store.database import Database

OPEN = OwnerSettings(can_send=True, time_zone="UTC")
CLOSED = OwnerSettings(can_send=False, time_zone="UTC")


@pytest.fixture
async def owner(vault: Vault) -> OwnerId:
    return await vault.owner("somebody")


async def opened(db: Database, key: MasterKey) -> SettingsStore:
    store = SettingsStore(db, key)
    await store.open()
    return store


async def test_an_owner_made_after_the_start_is_read_when_asked_for(
    db: Database, key: MasterKey, vault: Vault
) -> None:
    store = await opened(db, key)
    owner = await vault.owner("later")

    before = store.held(owner)
    found = await store.of(owner)

    assert before.can_send is False
    assert found == store.held(owner) == OPEN


async def test_an_owner_that_nobody_made_may_not_send(db: Database, key: MasterKey) -> None:
    store = await opened(db, key)

    assert (await store.of(OwnerId("own_" + "a" * 26))).can_send is False


async def test_a_gate_closed_while_it_is_opened_stays_closed(
    db: Database, key: MasterKey, owner: OwnerId
) -> None:
    store = await opened(db, key)
    store.close(owner)
    await db.write(*store.closing(owner))

    opening = asyncio.create_task(store.change(owner, can_send=True, time_zone="Asia/Tokyo"))
    await asyncio.sleep(0)  # its statement is on the way to the disk
    store.close(owner)
    await db.write(*store.closing(owner))
    answered = await opening

    assert answered == store.held(owner) == OwnerSettings(can_send=False, time_zone="Asia/Tokyo")
    assert (await opened(db, key)).held(owner) == answered


async def test_changes_at_the_same_moment_are_all_made(
    db: Database, key: MasterKey, owner: OwnerId
) -> None:
    store = await opened(db, key)

    await asyncio.gather(
        store.change(owner, time_zone="Asia/Tokyo"), store.change(owner, can_send=False)
    )

    expected = OwnerSettings(can_send=False, time_zone="Asia/Tokyo")
    assert store.held(owner) == expected
    assert (await opened(db, key)).held(owner) == expected


async def test_a_closing_that_was_put_off_does_not_undo_a_later_opening(
    db: Database, key: MasterKey, owner: OwnerId
) -> None:
    store = await opened(db, key)
    store.close(owner)
    put_off = store.closing(owner)
    await store.change(owner, can_send=True)

    await db.write(*put_off)

    assert (await opened(db, key)).held(owner) == OPEN


async def test_a_closing_may_be_stored_twice(db: Database, key: MasterKey, owner: OwnerId) -> None:
    store = await opened(db, key)
    store.close(owner)
    statements = store.closing(owner)

    await db.write(*statements)
    await db.write(*statements)

    assert (await opened(db, key)).held(owner) == CLOSED


async def test_nothing_is_stored_for_a_gate_that_is_open(
    db: Database, key: MasterKey, owner: OwnerId
) -> None:
    store = await opened(db, key)

    assert store.closing(owner) == ()


async def test_an_owner_who_has_never_been_asked_for_can_be_closed(
    db: Database, key: MasterKey, vault: Vault
) -> None:
    store = await opened(db, key)
    owner = await vault.owner("later")

    store.close(owner)
    await db.write(*store.closing(owner))

    assert (await opened(db, key)).held(owner) == CLOSED


@pytest.mark.parametrize(
    "change", ["UPDATE owner_settings SET generation = 7", "DELETE FROM owner_settings"]
)
async def test_a_row_is_never_changed_or_removed(path: Path, owner: OwnerId, change: str) -> None:
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="added to"),
    ):
        other.execute(change)


async def test_a_place_that_somebody_has_taken_is_passed_over(
    db: Database, key: MasterKey, owner: OwnerId, path: Path
) -> None:
    store = await opened(db, key)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO owner_settings VALUES (?, 2, x'00')", (owner,))

    await store.change(owner, time_zone="Asia/Tokyo")

    assert (await opened(db, key)).held(owner).time_zone == "Asia/Tokyo"


def test_a_time_zone_that_this_machine_has_lost_is_utc() -> None:
    assert str(OwnerSettings(time_zone="Europe/Atlantis").zone) == "UTC"
    assert str(OwnerSettings(time_zone="Europe/Berlin").zone) == "Europe/Berlin"


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]
)
def test_iana_names_are_time_zones(name: str) -> None:
    assert is_time_zone(name)
