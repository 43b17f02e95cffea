"""The agent keys of a running server: who presents one, and what a human does to them.

What this process changes or revokes is so in memory at once, whatever the disk says; what anybody else writes into the
database is noticed when the row is read again, within a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from vasya_server.auth import agent_keys
from vasya_server.auth.key_records import (
    FIRST,
    NO_GENERATION,
    KeyRecord,
    Minted,
    adding,
    floor_of,
    open_row,
    raising_floor,
    resealing,
    revoking,
)
from vasya_server.auth.known_keys import KnownKeys
from vasya_server.clock import to_ms
from vasya_server.errors import (
    AccessDenied,
    InvalidToken,
    KeyEnded,
    KeyExpired,
    KeyRevoked,
    ScopeRequired,
    StorageFailed,
    TooManyKeys,
)
from vasya_server.ids import KeyId, OwnerId
from vasya_server.store import keys as rows
from vasya_server.store.database import Unexpected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.auth.key_records import Grant
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.auth.scopes import Scope
    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Query, Statement

_log: Final = logging.getLogger(__name__)

_TEND_EVERY_SECS: Final = 60.0
_KEPT_AFTER_END: Final = timedelta(days=30)
# The key that is used, and the one that takes its place.
_MAX_LIVE_IN_LINEAGE: Final = 2
# A row that is older than what this process knows was read before a change of ours was stored; once more is enough, but
# for a change that comes in between.
_READS: Final = 3


class Keyring:
    """Tells who presents an agent key; makes, changes and revokes them. One per running server.

    Args:
        max_live: How many keys of one owner may be alive at once.
        report: Is told of a row that this server did not write: whose key, and which owner stands in it.
    """

    def __init__(
        self,
        db: Database,
        key: MasterKey,
        clock: Clock,
        *,
        max_live: int,
        report: Callable[[KeyId, OwnerId], Awaitable[None]],
    ) -> None:
        self._db = db
        self._key = key
        self._clock = clock
        self._max_live = max_live
        self._report = report
        self.known = KnownKeys(clock)
        self._floors: dict[str, int] = {}
        self._revoked: dict[KeyId, int] = {}  # by this process, and since when (in ms)
        self._unstored: dict[str, tuple[Statement, ...]] = {}
        self._tending: asyncio.Task[None] | None = None
        self.cached = self.known.find  # no hop on the way of every request
        self.watch = self.known.watch
        self.last_used_at = self.known.last_used_at
        self.listeners = self.known.listeners

    async def open(self) -> None:
        """Learn what no key may be again, and begin to note which are used.

        Raises:
            StorageFailed: It cannot be read, and a server that does not know it must not start.
        """
        for row in await self._db.all(rows.FLOORS, rows.FloorRow):
            self._floors[row.subject] = floor_of(self._key, row)
        self._tending = asyncio.create_task(self._tend())

    async def close(self) -> None:
        """Note which keys were used, for the last time."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        with contextlib.suppress(StorageFailed):  # when a key was used last is worth no more
            await self._note_used()

    async def authenticate(self, token: bytes) -> Principal:
        """Return who presents *token*, by its row.

        The order is that of D-1.4: form, checksum, digest, box, revocation, expiry. Who does not have the whole key learns
        nothing, not even whether there is one of that id.

        Raises:
            InvalidToken: It is no key of this server, or its row is not as this server wrote it.
            KeyRevoked, KeyExpired: It was a key.
            StorageFailed: The row cannot be read.
        """
        key_id = agent_keys.parse_key(token)
        if key_id is None:
            raise InvalidToken
        row = await self._row(key_id)
        if not agent_keys.is_digest_of(token, row.digest if row else None) or row is None:
            raise InvalidToken
        record = await self._opened(row)
        if record is not None and not record.has_ended(self._now_ms()):
            return self.known.learn(record)
        self.known.forget(key_id)
        if record is None:
            raise InvalidToken
        raise KeyExpired if record.revoked_at_ms is None else KeyRevoked

    async def now(self, owner: OwnerId, key_id: KeyId, lineage: str) -> tuple[Principal, Watch]:
        """Return who a key is now: itself, or the newest that it was rotated into; and what tells when that ends.

        Raises:
            KeyEnded: It was revoked, or none of its lineage is alive.
        """
        now_ms, keys = self._now_ms(), await self.keys_of(owner)
        own = [record for record in keys if record.lineage == lineage]
        alive = [record for record in own if not record.has_ended(now_ms)]
        if not alive or any(r.id == key_id and r.revoked_at_ms is not None for r in own):
            raise KeyEnded
        record = next((each for each in alive if each.id == key_id), alive[0])
        return self.known.learn(record), self.watch(record.id)

    async def find(self, owner: OwnerId, key_id: str) -> KeyRecord:
        """Return the owner's key.

        Raises:
            AccessDenied: It is somebody else's, does not open, or there is none: not told apart (D-5.1).
        """
        row = await self._row(key_id)
        record = await self._opened(row) if row is not None and row.owner_id == owner else None
        if record is None:
            raise AccessDenied
        return record

    async def keys_of(self, owner: OwnerId) -> list[KeyRecord]:
        """Return the owner's keys, newest first, those among them that ended within the last 30 days."""
        since_ms = to_ms(self._clock.now() - _KEPT_AFTER_END)
        found = await self._db.all(rows.KEYS_OF_OWNER, rows.KeyRow, owner_id=owner)
        opened = [await self._opened(row) for row in found]
        return [record for record in reversed(opened) if record and not record.ended_by(since_ms)]

    async def create(
        self, key_id: KeyId, owner: OwnerId, grant: Grant, expires_at_ms: int | None
    ) -> Minted:
        """Make a key.

        Raises:
            TooManyKeys: The owner has as many live keys as there may be.
        """
        minted = self._mint(key_id, owner, grant, expires_at_ms)
        try:
            await self._db.write(self._adding(rows.ADD_KEY, minted.record, self._max_live))
        except Unexpected:
            raise TooManyKeys from None
        return minted

    async def rotate(self, old: KeyRecord, key_id: KeyId, *, grace_secs: int) -> Minted | None:
        """Make a live key's successor: the same grant, the same end; the old one ends after the grace.

        Returns:
            None where the old one was changed meanwhile and nothing is stored.

        Raises:
            KeyEnded: The old one is alive no more.
            TooManyKeys: Two keys of the lineage would be alive beside the new one.
        """
        if old.has_ended(self._now_ms()):
            raise KeyEnded
        minted = self._mint(key_id, old.owner, old.grant, old.expires_at_ms, parent=old)
        ends_at_ms = minted.record.created_at_ms + grace_secs * 1000
        if old.expires_at_ms is not None:
            ends_at_ms = min(ends_at_ms, old.expires_at_ms)
        ending = replace(old, generation=old.generation + 1, expires_at_ms=ends_at_ms)
        added = self._adding(rows.ADD_SUCCESSOR, minted.record, _MAX_LIVE_IN_LINEAGE)
        # Both ways are tested; Python 3.11 loses a step behind a coroutine that caught an exception.
        if await self._put(ending, added):  # pragma: no branch
            return minted
        current = await self.find(old.owner, old.id)
        if current.generation != old.generation:
            return None
        raise TooManyKeys(
            "Two keys of this lineage are alive already; one has to end before the next is made."
        )

    async def mint_again(
        self, owner: OwnerId, key_id: KeyId, holds: frozenset[Scope]
    ) -> Minted | None:
        """Give the key another secret, where it was made by a request whose answer was never given; None: it was not made.

        Args:
            holds: What the one who asks holds: a narrowed human repeats what a wider one began, and must get no more.

        Raises:
            KeyEnded: It was, and is alive no more.
            ScopeRequired: It opens more.
        """
        renewed, made = None, agent_keys.make_key(key_id)
        while renewed is None:
            try:
                record = await self.find(owner, key_id)
            except AccessDenied:
                return None
            if beyond := record.grant.known_scopes - holds:
                raise ScopeRequired(min(beyond).value)
            renewed = await self._changed(record, digest=made.digest)
        return Minted(renewed, made.token)

    async def save(
        self, old: KeyRecord, grant: Grant, expires_at_ms: int | None
    ) -> KeyRecord | None:
        """Give a live key another grant and another end; None where it was changed meanwhile and nothing is stored.

        Raises:
            KeyEnded: It is alive no more.
        """
        return await self._changed(old, grant=grant, expires_at_ms=expires_at_ms)

    async def revoke(self, owner: OwnerId, key_id: str) -> None:
        """End a key: in memory before anything else, so that no disk can put it off. What is ended stays ended.

        What could not be stored is `unstored`.

        Raises:
            AccessDenied: The owner has no such key.
        """
        while (row := await self._row(key_id)) is not None and row.owner_id == owner:
            id_, record = KeyId(row.key_id), open_row(self._key, row)
            if record is not None and record.revoked_at_ms is not None:
                return
            since_ms = self._revoked.setdefault(id_, self._now_ms())
            self.known.end(id_)
            touched = await self._store(id_, revoking(self._key, id_, record, since_ms))
            if touched is None:
                return
            if record is None or touched[0]:
                self._floors[id_] = NO_GENERATION
                return
            # It was changed between the reading and the storing: it is ended as it is now.
        raise AccessDenied

    async def revoke_all(self, owner: OwnerId) -> int | None:
        """End every key that the owner has now, as `revoke` ends one.

        Returns:
            How many were alive; None where that cannot be read.
        """
        now_ms, floor_before = self._now_ms(), self._floor(owner)
        self._floors[owner] = max(now_ms, floor_before)
        self.known.forget_all(owner)
        # One floor ends them all, whatever becomes of a row below; it is little enough for the reserve of a full disk.
        await self._store(owner, (raising_floor(self._key, owner, now_ms),))
        with contextlib.suppress(StorageFailed):
            found = await self._db.all(rows.KEYS_OF_OWNER, rows.KeyRow, owner_id=owner)
            revoking_each = (self.revoke(owner, row.key_id) for row in found)
            await asyncio.gather(*revoking_each, return_exceptions=True)
            return sum(row.created_at_ms > floor_before and row.is_alive(now_ms) for row in found)
        return None

    def unstored(self, subject: KeyId | OwnerId) -> tuple[Statement, ...]:
        """Return what is left to store of a revocation, of one key or all of an owner's; it may be done twice."""
        return self._unstored.get(subject, ())

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())

    def _floor(self, subject: str) -> int:
        return self._floors.get(subject, 0)

    async def _row(self, key_id: str) -> rows.KeyRow | None:
        for _ in range(_READS):
            row = await self._db.one(rows.KEY, rows.KeyRow, key_id=key_id)
            if row is None or row.revoked_at_ms is not None:
                break
            if row.generation >= self._floor(key_id):
                break
        return row

    async def _opened(self, row: rows.KeyRow) -> KeyRecord | None:
        """Return the key of *row* as it is now; None, and a report, where this server did not write it or it is put back."""
        record = open_row(self._key, row)
        if record is not None and record.revoked_at_ms is not None:
            return record
        if record is None or record.generation < self._floor(record.id):
            await self._report(KeyId(row.key_id), OwnerId(row.owner_id))
            return None
        revoked_at_ms = self._revoked.get(record.id)
        if record.created_at_ms <= (ended_at_ms := self._floor(record.owner)):
            revoked_at_ms = ended_at_ms
        return replace(record, revoked_at_ms=revoked_at_ms)

    def _mint(
        self,
        key_id: KeyId,
        owner: OwnerId,
        grant: Grant,
        expires_at_ms: int | None,
        parent: KeyRecord | None = None,
    ) -> Minted:
        made = agent_keys.make_key(key_id)
        record = KeyRecord(
            id=key_id,
            owner=owner,
            lineage=parent.lineage if parent else key_id,
            parent=parent.id if parent else None,
            digest=made.digest,
            generation=FIRST,
            created_at_ms=max(self._now_ms(), self._floor(owner) + 1),
            expires_at_ms=expires_at_ms,
            revoked_at_ms=None,
            last_used_at_ms=None,
            grant=grant,
        )
        return Minted(record, made.token)

    def _adding(self, query: Query, record: KeyRecord, max_live: int) -> Statement:
        """Return what stores a new key, unless as many others are alive."""
        return adding(
            self._key, query, record, max_live=max_live, alive_since_ms=self._floor(record.owner)
        )

    async def _changed(self, old: KeyRecord, **changes: Any) -> KeyRecord | None:  # noqa: ANN401 — fields of the record
        """Change a live key; None where it was changed meanwhile and nothing is stored."""
        if old.has_ended(self._now_ms()):
            raise KeyEnded
        record = replace(old, generation=old.generation + 1, **changes)
        return record if await self._put(record) else None

    async def _put(self, record: KeyRecord, *more: Statement) -> bool:
        """Store the next generation of a key; False where it is not the next, or *more* cannot be."""
        try:
            await self._db.write(*resealing(self._key, record), *more)
        except Unexpected:
            return False
        self._floors[record.id] = max(record.generation, self._floor(record.id))
        self.known.replace(record)
        return True

    async def _store(
        self, subject: KeyId | OwnerId, statements: tuple[Statement, ...]
    ) -> list[int] | None:
        """Store a revocation and return what it touched; None where it has to wait for a disk."""
        self._unstored[subject] = statements
        try:
            touched = await self._db.write(*statements)
        except StorageFailed as error:
            _log.warning("a revocation holds and is not stored yet (%s)", error.code)
            return None
        del self._unstored[subject]
        return touched

    async def _tend(self) -> None:
        while True:
            before_ms = to_ms(self._clock.now() - _KEPT_AFTER_END)
            try:
                await self._note_used()
                await self._db.write(rows.PURGE_KEYS.bind(before_ms=before_ms))
            except StorageFailed as error:
                _log.warning("the last use of keys was not noted (%s)", error.code)
            await asyncio.sleep(_TEND_EVERY_SECS)

    async def _note_used(self) -> None:
        used = self.known.take_used()
        if used:
            await self._db.write(
                *(rows.NOTE_USED.bind(key_id=id_, used_at_ms=at) for id_, at in used.items())
            )
