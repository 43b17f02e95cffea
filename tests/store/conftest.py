from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vasya_server.store.database import Query
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.store.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vasya.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[Database]:
    database = await open_sqlite(path)
    await database.write(
        Query("CREATE TABLE pairs (k INTEGER, side INTEGER, PRIMARY KEY (k, side)) STRICT").bind()
    )
    yield database
    await database.close()
