"""A real log over a real database, in a folder of its own, as often opened as a test likes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.apart import writer_for
from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind
from vasya_server.audit.journal import Journal, Keeping
from vasya_server.audit.log import Audit
from vasya_server.audit.reserve import Reserve
from vasya_server.audit.verify import Heads, Verdict, judge, walk
from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.master_key import MasterKey
from vasya_server.store import audit as rows
from vasya_server.store.database import Database, Query
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

ALICE = "own_" + "a" * 26
BOB = "own_" + "b" * 26
KEY = bytes(range(32))
# HKDF-SHA256 of KEY for `audit-mac`, by openssl: see tests/vectors/audit.json.
MAC_KEY = bytes.fromhex("db0ef1df1279ac218e172a09c92293bb171dacd9afba3a8bd6f6da566311f5c3")
MAKE_NOTES = Query("CREATE TABLE IF NOT EXISTS notes (k INTEGER PRIMARY KEY) STRICT")
ADD_NOTE = Query("INSERT INTO notes (k) VALUES (:k)")
NOTES = Query("SELECT count(*) AS total FROM notes")


class SteppingClock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def now_ns(self) -> int:
        return int(self.now().timestamp()) * 1_000_000_000

    def monotonic(self) -> float:
        return 0.0


def entry(
    kind: EntryKind = EntryKind.INTENT, owner: str = ALICE, *, reduces_risk: bool = False
) -> Entry:
    """Make an entry that says no more than it must."""
    actor = Actor(type="embedded", owner=owner, lineage="user")
    return Entry(kind=kind, action=Action.MESSAGE_SEND, actor=actor, reduces_risk=reduces_risk)


@dataclass
class Opened:
    """A log that is open."""

    folder: Path
    db: Database
    audit: Audit

    @property
    def path(self) -> Path:
        return self.folder / "audit.log"

    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines()

    async def add(self, count: int, owner: str = ALICE) -> None:
        for _ in range(count):
            await self.audit.record(entry(owner=owner))

    async def notes(self) -> int:
        found = await self.db.one(NOTES, rows.TotalRow)
        assert found is not None
        return found.total

    async def verdict(self) -> Verdict:
        """Judge the whole log, as the operator's command does."""
        await self.db.write()
        before = await self._heads()
        walked = walk(self.folder, MAC_KEY)
        return judge(walked, before, await self._heads())

    async def _heads(self) -> Heads:
        head = await self.db.one(rows.HEAD, rows.HeadRow)
        return Heads(head.seq, head.written_seq, head.line_hash.hex()) if head else Heads(0, 0)


class Open(Protocol):
    """Opens the log of the test's folder, like a start of the server."""

    def __call__(
        self, *, rotate_bytes: int = ..., min_free_bytes: int = ...
    ) -> AbstractAsyncContextManager[Opened]: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture(params=[False, True], ids=["on a thread", "in a process"])
def is_apart(request: pytest.FixtureRequest) -> bool:
    """Tell where it is written; what is promised is the same."""
    return bool(request.param)


@pytest.fixture
def open_log(folder: Path, is_apart: bool) -> Open:  # noqa: FBT001 — a fixture
    return opening(folder, is_apart=is_apart)


def opening(folder: Path, *, is_apart: bool = False) -> Open:
    """Return what opens the log of *folder*."""
    clock = SteppingClock()

    @contextlib.asynccontextmanager
    async def opened(
        *, rotate_bytes: int = 2**26, min_free_bytes: int = 0
    ) -> AsyncIterator[Opened]:
        key = MasterKey(KEY)
        keeping = Keeping(
            folder=os.fsencode(folder),
            mac_key=key.derive(Purpose.AUDIT_MAC),
            boot="0123456789abcdef",
            rotate_bytes=rotate_bytes,
            min_free_bytes=min_free_bytes,
        )
        path = folder / "vasya.db"
        if is_apart:
            db = await open_sqlite(path, apart=writer_for(folder, keeping=keeping))
        else:
            db = await open_sqlite(path, Journal(keeping, clock))
        await migrate(db)
        await db.write(MAKE_NOTES.bind())
        audit = Audit(db, Reserve(folder, key), folder=folder, key=key)
        await audit.open()
        yield Opened(folder, db, audit)
        await audit.close()
        await db.close()

    return opened


@pytest.fixture
async def log(open_log: Open) -> AsyncIterator[Opened]:
    async with open_log() as opened:
        yield opened
