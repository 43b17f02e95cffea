"""The event log: one order for each account, written before anybody is told, and read from any position.

The log is the queue: a reader holds a position and nothing else, so that a slow one costs no memory. An event and what
has to be stored with it (how far its account has followed Telegram) are one unit of the database, so that a crash loses
neither or both. Positions are given in the order in which units reach the database's writer and told of in that order;
one whose unit failed is never used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import to_ms
from vasya_server.crypto.cursor import Cursors
from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.records import EventSeal
from vasya_server.errors import CursorExpired
from vasya_server.events.record import Recorded, pack, unpack
from vasya_server.ids import AccountId, OwnerId
from vasya_server.store import events as rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.events.record import Draft
    from vasya_server.store.database import Database, Statement

_log: Final = logging.getLogger(__name__)

# Of an owner somebody follows: shared by all who do, about 1 kB each.
_RECENT: Final = 1024
_KIND: Final = "event"
_CURSOR_ROUTE: Final = "events"
_number: Final = struct.Struct(">QQ").pack


@dataclass(slots=True)
class _Unit:
    """Events on their way into the database; *written* is None until that has ended."""

    owner: OwnerId
    last: int
    written: Sequence[Recorded] | None = None
    is_known: bool = True


@dataclass(slots=True, eq=False)
class _Tail:
    """The latest events of an owner whom somebody follows.

    Args:
        start: Behind this position *recent* has every event of the owner.
        newest: The position of the last one.
    """

    start: int
    newest: int
    recent: list[Recorded] = field(default_factory=list)
    waiters: set[asyncio.Future[None]] = field(default_factory=set)
    followers: int = 0

    def add(self, records: Sequence[Recorded]) -> None:
        self.recent += records
        if len(self.recent) > 2 * _RECENT:
            self.start = self.recent[-_RECENT - 1].position
            del self.recent[:-_RECENT]
        self.newest = records[-1].position
        self._wake()

    def lose(self, position: int) -> None:
        """Have everything up to *position* read from the database, which alone knows what of it is there."""
        self.recent.clear()
        self.start = position

    def behind(self, position: int, limit: int) -> list[Recorded]:
        """Return the first *limit* events behind *position*, which is not before `start`."""
        at = len(self.recent)
        while at and self.recent[at - 1].position > position:
            at -= 1
        return self.recent[at : at + limit]

    def _wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


class EventLog:
    """The events of every account; there is one per process, and nobody else writes them."""

    def __init__(self, db: Database, key: MasterKey, clock: Clock) -> None:
        self._db = db
        self._key = key
        self._clock = clock
        self._cursors = Cursors(key)
        # The last position that was given, and the last up to which every unit has ended.
        self._given = 0
        self._settled = 0
        self._under_way: deque[_Unit] = deque()
        self._floors: dict[OwnerId, int] = {}
        self._tails: dict[OwnerId, _Tail] = {}
        self._seqs: dict[AccountId, int] = {}
        self._turns: dict[AccountId, asyncio.Lock] = {}
        self._seals: dict[AccountId, EventSeal] = {}
        self._writes: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Find out where the log stands.

        Raises:
            StorageFailed: It cannot be read.
        """
        last = await self._db.one(rows.LAST_POSITION, rows.PositionRow)
        self._given = self._settled = (last.position or 0) if last else 0
        for floor in await self._db.all(rows.FLOORS, rows.FloorRow):
            self._floors[OwnerId(floor.owner_id)] = floor.position

    async def close(self) -> None:
        """Wait for what is being written."""
        while self._writes:
            await asyncio.wait(set(self._writes))

    async def append(
        self,
        owner: OwnerId,
        account_id: AccountId,
        drafts: Sequence[Draft],
        *statements: Statement,
    ) -> None:
        """Write events down, in their order, together with *statements*; a caller that goes away does not stop it.

        Raises:
            ConstraintFailed: The account is gone.
            StorageFailed: Neither could be stored.
        """
        writing = asyncio.create_task(self._append(owner, account_id, drafts, statements))
        self._writes.add(writing)
        writing.add_done_callback(self._writes.discard)
        await asyncio.shield(writing)

    async def _append(
        self,
        owner: OwnerId,
        account_id: AccountId,
        drafts: Sequence[Draft],
        statements: Sequence[Statement],
    ) -> None:
        async with self._turns.setdefault(account_id, asyncio.Lock()):
            if not drafts:
                await self._db.write(*statements)
                return
            seq = await self._last_seq(account_id)
            # From here to the hand-over to the writer nothing else runs: positions are in the order of writing.
            records = [
                Recorded(draft, self._given + n, seq + n, owner, account_id)
                for n, draft in enumerate(drafts, 1)
            ]
            self._given += len(records)
            unit = _Unit(owner, self._given)
            self._under_way.append(unit)
            self._seqs.pop(account_id, None)  # should this fail, the database alone knows
            try:
                await self._db.write(
                    rows.ADD_EVENTS.bind_many([self._row(record) for record in records]),
                    rows.PUT_SEQ.bind(account_id=account_id, seq=records[-1].seq),
                    *statements,
                )
            except BaseException:
                unit.is_known = False
                self._settle(unit, ())
                raise
            self._seqs[account_id] = records[-1].seq
            self._settle(unit, records)

    async def forget(self, owner: OwnerId, before_ms: int) -> None:
        """Forget the owner's events that were written before *before_ms*.

        Raises:
            StorageFailed: They are still there.
        """
        last = await self._db.one(
            rows.LAST_BEFORE, rows.PositionRow, owner_id=owner, before_ms=before_ms
        )
        if last is None or last.position is None:
            return
        self._floors[owner] = max(self._floors.get(owner, 0), last.position)
        await self._db.write(
            rows.PUT_FLOOR.bind(owner_id=owner, position=last.position),
            rows.FORGET_EVENTS.bind(owner_id=owner, position=last.position),
        )

    async def owners(self) -> list[OwnerId]:
        """Return who has events."""
        return [OwnerId(row.owner_id) for row in await self._db.all(rows.OWNERS, rows.OwnerRow)]

    @property
    def now(self) -> int:
        """The position behind which there is nothing yet."""
        return self._settled

    def oldest(self, owner: OwnerId) -> int:
        """Return the position behind which nothing of the owner's has been forgotten."""
        return self._floors.get(owner, 0)

    def cursor(self, owner: OwnerId, position: int) -> str:
        """Return the text by which a client of the owner names a position: always the same, an event is known by it."""
        return self._cursors.write(owner, "", _CURSOR_ROUTE, position, is_stable=True)

    def cursor_of(self, record: Recorded) -> str:
        """Return the cursor of an event, made once however many are told of it."""
        if record.cursor is None:
            record.cursor = self.cursor(record.owner, record.position)
        return record.cursor

    def position(self, owner: OwnerId, cursor: str) -> int:
        """Return the position that `cursor` was given for the same owner.

        Raises:
            CursorInvalid: It was not.
        """
        return self._cursors.read(owner, "", _CURSOR_ROUTE, cursor, int)

    @contextlib.contextmanager
    def follow(self, owner: OwnerId) -> Iterator[Follower]:
        """Keep the owner's latest events at hand while somebody reads them."""
        tail = self._tails.get(owner)
        if tail is None:
            tail = self._tails[owner] = _Tail(self._settled, self._settled)
        tail.followers += 1
        try:
            yield Follower(self, owner, tail)
        finally:
            tail.followers -= 1
            if not tail.followers:
                del self._tails[owner]

    async def stored(
        self, owner: OwnerId, position: int, limit: int
    ) -> tuple[list[Recorded], int | None]:
        """Return the owner's first *limit* events behind *position*, from the database, and the position of the last.

        None in its place: there are no more than these.

        Raises:
            StorageFailed: They cannot be read.
        """
        found = await self._db.all(
            rows.EVENTS_AFTER, rows.EventRow, owner_id=owner, position=position, limit=limit
        )
        opened = [record for row in found if (record := self._opened(owner, row)) is not None]
        return opened, found[-1].position if len(found) == limit else None

    def require_kept(self, owner: OwnerId, position: int) -> None:
        """See that nothing behind *position* has been forgotten, and that there is such a position.

        Raises:
            CursorExpired: There may be events that nobody can tell any more.
        """
        if not self.oldest(owner) <= position <= self._settled:
            raise CursorExpired(self.cursor(owner, self.oldest(owner)))

    async def _last_seq(self, account_id: AccountId) -> int:
        if (seq := self._seqs.get(account_id)) is not None:
            return seq
        row = await self._db.one(rows.LAST_SEQ, rows.SeqRow, account_id=account_id)
        return row.seq if row else 0

    def _row(self, record: Recorded) -> tuple[int, str, str, int, int, bytes]:
        seal = self._seal(record.owner, record.account_id)
        sealed = seal.seal(_KIND, pack(record), binding=_number(record.position, record.seq))
        now_ms = to_ms(self._clock.now())
        return record.position, record.owner, record.account_id, record.seq, now_ms, sealed

    def _opened(self, owner: OwnerId, row: rows.EventRow) -> Recorded | None:
        account_id = AccountId(row.account_id)
        seal = self._seal(owner, account_id)
        try:
            packed = seal.open(_KIND, row.sealed, binding=_number(row.position, row.seq))
            return Recorded(unpack(packed), row.position, row.seq, owner, account_id)
        except (SealBroken, msgspec.MsgspecError):
            _log.error("an event does not open and is left out", extra={"account_id": account_id})
            return None

    def _seal(self, owner: OwnerId, account_id: AccountId) -> EventSeal:
        if (seal := self._seals.get(account_id)) is None:
            seal = self._seals[account_id] = EventSeal(self._key, owner, account_id)
        return seal

    def _settle(self, unit: _Unit, written: Sequence[Recorded]) -> None:
        """Tell of every unit before which none is under way any more."""
        unit.written = written
        while self._under_way and (first := self._under_way[0]).written is not None:
            self._under_way.popleft()
            if first.written:
                # Nobody is told a position that is not stored: after a restart it would be given again.
                self._settled = first.last
            if (tail := self._tails.get(first.owner)) is None:
                continue
            if not first.is_known:
                tail.lose(first.last)
            elif first.written:
                tail.add(first.written)


class Follower:
    """Reads the events of one owner; made by `EventLog.follow`."""

    def __init__(self, log: EventLog, owner: OwnerId, tail: _Tail) -> None:
        self._log = log
        self._owner = owner
        self._tail = tail

    async def read(self, position: int, limit: int = 200) -> tuple[Sequence[Recorded], int]:
        """Return the events behind *position*, at most *limit*, and the position up to which those are all.

        Raises:
            CursorExpired: Some behind *position* have been forgotten.
            StorageFailed: They cannot be read.
        """
        self._log.require_kept(self._owner, position)
        upto = self._log.now
        if position >= self._tail.start:
            found = self._tail.behind(position, limit)
            return found, found[-1].position if len(found) == limit else upto
        found, last = await self._log.stored(self._owner, position, limit)
        self._log.require_kept(self._owner, position)
        upto = upto if last is None else min(last, upto)
        # What is stored and not told of yet comes with the next read.
        return [record for record in found if record.position <= upto], upto

    async def wait(self, position: int) -> None:
        """Wait until there is something behind *position*, up to which everything has been read."""
        while self._tail.newest <= position:
            waiter = asyncio.get_running_loop().create_future()
            self._tail.waiters.add(waiter)
            try:
                await waiter
            finally:
                self._tail.waiters.discard(waiter)
