from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.apart import writer_for
from vasya_server.store.database import Query
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from vasya_server.store.database import Database

OpenDb: TypeAlias = "Callable[[], Awaitable[Database]]"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vasya.db"


@pytest.fixture(params=[False, True], ids=["on a thread", "in a process"])
def is_apart(request: pytest.FixtureRequest) -> bool:
    """Tell where it is written; what is promised is the same."""
    return bool(request.param)


@pytest.fixture
def open_db(path: Path, is_apart: bool) -> OpenDb:  # noqa: FBT001 — a fixture
    async def opened() -> Database:
        return await open_sqlite(path, apart=writer_for(path.parent) if is_apart else None)

    return opened


@pytest.fixture
async def db(open_db: OpenDb) -> AsyncIterator[Database]:
    database = await open_db()
    await database.write(
        Query("CREATE TABLE pairs (k INTEGER, side INTEGER, PRIMARY KEY (k, side)) STRICT").bind()
    )
    yield database
    await database.close()
