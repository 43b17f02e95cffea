"""Bring a database to the schema of this program: numbered files, in order, each in one transaction."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import ConfigurationInvalid
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from vasya_server.store.database import Database

_MAKE_VERSIONS: Final = Query(
    "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY) STRICT"
)
_CURRENT: Final = Query("SELECT coalesce(max(version), 0) AS version FROM schema_versions")
_ADD_VERSION: Final = Query("INSERT INTO schema_versions (version) VALUES (:version)")


class _Version(msgspec.Struct):
    version: int


def migrations() -> dict[int, list[str]]:
    """Return the statements of every migration by its number, lowest first.

    A statement ends with a semicolon at the end of a line.
    """
    folder = resources.files("vasya_server.store") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name
    )
    return {int(file.name.partition("_")[0]): split(file.read_text("utf-8")) for file in files}


def split(script: str) -> list[str]:
    """Cut a script into its statements."""
    return [part.strip() for part in script.split(";\n") if part.strip()]


async def schema_version(db: Database) -> int:
    """Return the number of the last migration that *db* has seen, 0 for a new database."""
    await db.write(_MAKE_VERSIONS.bind())
    current = await db.one(_CURRENT, _Version)
    return current.version if current else 0


async def migrate(db: Database) -> None:
    """Apply the migrations that *db* has not seen yet; none is applied twice.

    Raises:
        ConfigurationInvalid: A newer program has written this database.
    """
    done = await schema_version(db)
    known = migrations()
    if done > max(known):
        raise ConfigurationInvalid(
            f"This data dir has schema version {done} and this program knows versions up to {max(known)}: "
            "a newer Vasya has used it, so use that one."
        )
    for version, statements in known.items():
        if version > done:
            await db.write(
                *(Query(text).bind() for text in statements), _ADD_VERSION.bind(version=version)
            )
