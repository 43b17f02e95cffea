from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vasya_server.clock import SystemClock
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.store.database import Database


class StandingClock(SystemClock):
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.secs = 1_800_000_000.0

    def now_ns(self) -> int:
        return int(self.secs * 1_000_000_000)

    def monotonic(self) -> float:
        return self.secs


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_sqlite(tmp_path / "vasya.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()
