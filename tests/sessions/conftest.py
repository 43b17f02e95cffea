from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from vasya_server.crypto.master_key import MasterKey
from vasya_server.sessions.vault import Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.clock import Clock
    from vasya_server.store.database import Database


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)

    def now_ns(self) -> int:
        return 1_772_366_400_123_456_000

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vasya.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[Database]:
    database = await open_sqlite(path)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def key() -> MasterKey:
    return MasterKey(bytes(range(32)))


@pytest.fixture
def clock() -> Clock:
    return StoppedClock()


@pytest.fixture
def vault(db: Database, key: MasterKey, clock: Clock) -> Vault:
    return Vault(db, key, clock)
