from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clocks import MovableClock
from vasya_server.crypto.master_key import MasterKey
from vasya_server.events.log import EventLog
from vasya_server.ids import AccountId
from vasya_server.sessions.vault import Profile, SessionState, Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Database

ACCOUNTS = (AccountId("acc_" + "a" * 26), AccountId("acc_" + "b" * 26))


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
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def owner(db: Database, key: MasterKey, clock: MovableClock) -> OwnerId:
    """An owner with the two accounts in ACCOUNTS."""
    vault = Vault(db, key, clock)
    owner = await vault.owner("local")
    for user_id, account_id in enumerate(ACCOUNTS, 1):
        session = SessionState(
            dc_id=2, host="127.0.0.1", port=443, auth_key=bytes(256), user_id=user_id
        )
        await vault.create(owner, account_id, session, Profile(user_id=user_id))
    return owner


@pytest.fixture
async def log(db: Database, key: MasterKey, clock: MovableClock, owner: OwnerId) -> EventLog:
    log = EventLog(db, key, clock)
    await log.open()
    return log
