"""Whether a master key is the one of a data dir: a known text, sealed when the data dir was new (D-4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed
from vasya_server.errors import MasterKeyMismatch
from vasya_server.store.accounts import META, CountRow, MetaRow
from vasya_server.store.beside import read_beside
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.crypto.master_key import MasterKey

# The row of `meta` that holds it.
KEY_CHECK: Final = "key_check"
_GENERATION: Final = 1


_HAS_META: Final = Query("SELECT count(*) AS total FROM sqlite_master WHERE name = 'meta'")


def is_key_of(path: Path, key: MasterKey) -> bool | None:
    """Tell whether *key* sealed the database at *path*, None where nothing is sealed; another process may be using it.

    Raises:
        StorageFailed: The file cannot be read, or is no database.
    """
    (tables,) = read_beside(path, _HAS_META, CountRow)
    found = read_beside(path, META, MetaRow, name=KEY_CHECK) if tables.total else []
    return _opens(key, found[0].value) if found else None


def require_key(key: MasterKey, box: bytes) -> None:
    """See that *key* is the one that sealed *box*, the data dir's own check of its master key.

    Raises:
        MasterKeyMismatch: It is another.
    """
    if not _opens(key, box):
        raise MasterKeyMismatch


def _opens(key: MasterKey, box: bytes) -> bool:
    try:
        open_sealed(key, Purpose.KEY_CHECK, generation=_GENERATION, box=box)
    except SealBroken:
        return False
    return True
