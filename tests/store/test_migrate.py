from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING

import msgspec
import pytest

from vasya_server.errors import ConfigurationInvalid, StorageFailed
from vasya_server.store.database import Query
from vasya_server.store.migrate import migrate, migrations, split
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.store.database import Database

OBJECTS = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'schema_versions'"


class Version(msgspec.Struct, frozen=True):
    version: int


@pytest.fixture
async def empty(path: Path) -> AsyncIterator[Database]:
    database = await open_sqlite(path)
    yield database
    await database.close()


async def versions(db: Database) -> list[int]:
    rows = await db.all(Query("SELECT version FROM schema_versions ORDER BY version"), Version)
    return [row.version for row in rows]


async def test_the_schema_is_the_sum_of_the_migrations(empty: Database, path: Path) -> None:
    await migrate(empty)
    schema = (resources.files("vasya_server.store") / "schema.sql").read_text("utf-8")

    with closing(sqlite3.connect(path)) as migrated, closing(sqlite3.connect(":memory:")) as whole:
        whole.executescript(schema)
        summed = sorted(" ".join(row[0].split()) for row in migrated.execute(OBJECTS))
        written = sorted(" ".join(row[0].split()) for row in whole.execute(OBJECTS))

    assert summed == written
    assert len(summed) > 12


async def test_migrations_are_numbered_without_a_gap() -> None:
    assert list(migrations()) == list(range(1, len(migrations()) + 1))


async def test_a_migration_is_applied_once(empty: Database) -> None:
    await migrate(empty)
    await migrate(empty)
    assert await versions(empty) == list(migrations())


async def test_migrating_again_writes_nothing(empty: Database, path: Path) -> None:
    await migrate(empty)
    wal = path.with_name("vasya.db-wal")
    before = wal.read_bytes()
    await migrate(empty)
    assert wal.read_bytes() == before


async def test_a_newer_schema_is_refused_and_left_alone(empty: Database) -> None:
    await migrate(empty)
    await empty.write(Query("INSERT INTO schema_versions (version) VALUES (9999)").bind())

    with pytest.raises(ConfigurationInvalid, match="schema version 9999"):
        await migrate(empty)

    assert await versions(empty) == [*migrations(), 9999]


async def test_a_migration_that_fails_leaves_nothing(empty: Database, path: Path) -> None:
    await empty.write(Query("CREATE TABLE peers (in_the_way INTEGER)").bind())

    with pytest.raises(StorageFailed):
        await migrate(empty)

    assert await versions(empty) == []
    with closing(sqlite3.connect(path)) as other:
        names = {row[0] for row in other.execute("SELECT name FROM sqlite_schema")}
    assert "accounts" not in names


def test_a_script_is_cut_at_semicolons_that_end_a_line() -> None:
    assert split("-- one; still one\nSELECT ';';\n\nSELECT\n  2;\n") == [
        "-- one; still one\nSELECT ';'",
        "SELECT\n  2",
    ]
