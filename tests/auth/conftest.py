"""A real database with a vault on it, under a key that the tests know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clocks import MovableClock
from vasya_server.crypto.master_key import MasterKey
from vasya_server.sessions.vault import Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.store.database import Database


@pytest.fixture
def key() -> MasterKey:
    return MasterKey(bytes(range(32)))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_sqlite(tmp_path / "vasya.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def vault(db: Database, key: MasterKey, clock: MovableClock) -> Vault:
    return Vault(db, key, clock)
