"""Claims: one mutation each, from the moment somebody wants it until nobody may ask about it any more.

```
held (in memory) ── begin (W1) ──► dispatched ── finish (W2) ──► done | failed | aborted
                                        │   ▲
                        crash, no answer│   │finish, after the same was sent again
                                        ▼   │
                                       unknown
```
A key is held in memory from the look-up to the answer, so that of parallel requests with one key one goes on. What is
stored is bound to its row: an answer that was copied into another row does not open.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from vasya_server.clock import from_ms, to_ms
from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.records import ClaimSeal
from vasya_server.errors import ClaimInProgress, KeyReused, StorageFailed
from vasya_server.idempotency.changes import Changes
from vasya_server.idempotency.claim import Claim, Dispatch, Hold, Known, OpenSend, StoredAnswer
from vasya_server.idempotency.seen import SeenKeys
from vasya_server.ids import ActionId, OwnerId
from vasya_server.model.action import ActionStatus
from vasya_server.store import claims as rows
from vasya_server.store.database import ConstraintFailed, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from typing import Any

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Bulk, Database, Entry, Query, Statement

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

# The draft asks for a stated time, and others keep a day; it counts from the end, so that a slow mutation loses nothing.
ANSWERS_KEPT: Final = timedelta(hours=24)
UNKNOWN_KEPT: Final = timedelta(days=30)
_PURGE_EVERY_SECS: Final = 600
_log: Final = logging.getLogger(__name__)
DISPATCH: Final = "dispatch"
ANSWER: Final = "answer"
_KEY: Final = "key"


class Claims:
    """The claims of every owner."""

    def __init__(self, db: Database, key: MasterKey, clock: Clock) -> None:
        self._db = db
        self._key = key
        self._clock = clock
        self._seals: dict[OwnerId, ClaimSeal] = {}
        self._held: dict[bytes, Hold] = {}
        self._seen = SeenKeys()
        self._next_seen: SeenKeys | None = None
        self._running: dict[ActionId, Hold] = {}
        self.changes = Changes()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._purging: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take up what an earlier process left: what it had sent is unknown, and nothing is sent again (D-6.11)."""
        try:
            await self._db.write(rows.LOSE_CLAIMS.bind())
        except StorageFailed as error:
            # Reading goes on with a full disk, and what nobody drives counts as unknown whatever its row says.
            _log.warning("what was sent before was not noted as unknown (%s)", error.code)
        await self._renew_seen()
        self._purging = asyncio.create_task(self._purge_now_and_then())

    async def close(self) -> None:
        """Wait for what is under way, which its deadlines end, and end every task."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.wait({self._purging})
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def shielded(self, work: Coroutine[Any, Any, T], has_begun: Callable[[], bool]) -> T:
        """Do *work* to its end once it has begun, even where whoever waits goes away: half recorded, nobody knows of it.

        Args:
            has_begun: Tells whether it has; until then it ends with the one who waits.
        """
        # `asyncio.shield` does the same for twice the price.
        task, waiter = asyncio.create_task(work), asyncio.get_running_loop().create_future()
        self._tasks.add(task)

        def note_end(_task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            if not waiter.done():
                waiter.set_result(None)
            elif not task.cancelled():
                task.exception()  # nobody is left to be told

        task.add_done_callback(note_end)
        try:
            await waiter
        except asyncio.CancelledError:
            if not has_begun():
                task.cancel()
            raise
        return task.result()

    def hold(self, claim: Claim) -> Hold:
        """Hold the claim's key until `release`: as long as one has it, every other is refused.

        Raises:
            ClaimInProgress: The same request is under way.
            KeyReused: Another request with this key is.
        """
        digest = self._digest(claim.owner, claim.lineage, claim.key)
        if digest is not None and (other := self._held.get(digest)) is not None:
            if other.claim.fingerprint == claim.fingerprint:
                raise ClaimInProgress(other.action_id)
            raise KeyReused(other.action_id)
        return self._hold(Hold(claim, digest, claim.action_id, self._clock.now()))

    def hold_known(self, known: Known) -> Hold:
        """Hold the key of a claim that is stored, as a repetition of its request would.

        Raises:
            ClaimInProgress: Somebody else does.
        """
        if known.action_id in self._running or known.key_digest in self._held:
            raise ClaimInProgress(known.action_id)
        return self._hold(Hold.of(known))

    def _hold(self, held: Hold) -> Hold:
        if held.key_digest is not None:
            self._held[held.key_digest] = held
        self._running[held.action_id] = held
        return held

    def release(self, held: Hold) -> None:
        """Let go of the key, and tell who waits for the action's end."""
        if held.key_digest is not None:
            del self._held[held.key_digest]
        del self._running[held.action_id]
        self.changes.tell(held.action_id)

    async def find(self, hold: Hold) -> Known | None:
        """Return what is stored under the claim's key; the hold is then of that action.

        Raises:
            KeyReused: It is another request.
        """
        known = await self._stored(hold.key_digest)
        if known is None:
            return None
        if known.finished_at is not None and known.finished_at + ANSWERS_KEPT <= self._clock.now():
            await self.purge()
            return None
        if known.fingerprint != hold.claim.fingerprint:
            raise KeyReused(known.action_id)
        del self._running[hold.action_id]
        hold.action_id, hold.created_at = known.action_id, known.created_at
        self._running[hold.action_id] = hold
        return known

    async def has_answer(self, owner: OwnerId, lineage: str, key: str | None) -> bool:
        """Tell whether a request with this key was carried out: whatever it brings now, nothing of it is done."""
        known = await self._stored(self._digest(owner, lineage, key))
        return known is not None and known.is_answered

    async def _stored(self, digest: bytes | None) -> Known | None:
        if digest is None or not self._seen.may_hold(digest):
            return None
        row = await self._db.one(rows.CLAIM_OF_KEY, rows.ClaimRow, key_digest=digest)
        return None if row is None else self.known(row)

    async def begin(self, hold: Hold, dispatch: Dispatch, entry: Entry, *more: Statement) -> None:
        """Store the claim as dispatched, together with its intent (W1): from here on it may have happened.

        Args:
            more: What else has to be stored with it.

        Raises:
            ClaimInProgress: The key was claimed meanwhile.
            AuditUnavailable, StorageFailed: Nothing is stored, and nothing may be sent.
        """
        await self.add(rows.ADD_CLAIM, hold, dispatch, entry, *more)

    async def add(
        self, query: Bulk | Query, hold: Hold, dispatch: Dispatch, entry: Entry, *more: Statement
    ) -> None:
        """Store a claim by *query*, and *more* with it.

        Raises:
            ClaimInProgress, AuditUnavailable, StorageFailed: As `begin`.
        """
        claim = hold.claim
        statement = query.bind(
            action_id=claim.action_id,
            owner_id=claim.owner,
            lineage=claim.lineage,
            key_digest=hold.key_digest,
            fingerprint=claim.fingerprint,
            account_id=claim.account_id,
            kind=claim.kind,
            dispatch=self.sealed(hold, DISPATCH, dispatch),
            created_at_ms=to_ms(hold.created_at),
        )
        if hold.key_digest is not None:
            self._note_seen(hold.key_digest)
        try:
            await self._db.write(statement, *more, entries=(entry,))
        except ConstraintFailed as error:
            raise ClaimInProgress(hold.action_id) from error

    async def finish(
        self,
        hold: Hold,
        status: ActionStatus,
        answer: StoredAnswer,
        entry: Entry,
        *more: Statement,
        keeps_key: bool,
    ) -> None:
        """Store the end and the answer, together with the outcome (W2).

        Args:
            more: What else has to be stored with it.
            keeps_key: The key stands for this answer from now on; otherwise it may begin anew.

        Raises:
            AuditUnavailable: It is stored, and its outcome will be in the log.
            StorageFailed: It is not stored, so that it will be unknown.
        """
        finished = rows.FINISH_CLAIM.bind(
            action_id=hold.action_id,
            status=status.value,
            answer=self.sealed(hold, ANSWER, answer),
            finished_at_ms=None if status is ActionStatus.SCHEDULED else to_ms(self._clock.now()),
        )
        if not keeps_key and hold.key_digest is not None:
            more = (rows.FREE_KEY.bind(action_id=hold.action_id), *more)
        try:
            await self._db.write(finished, *more, entries=(entry,))
        except Unexpected:
            # A claim that was unknown is erased with its account, by the very action that ends now, too: what happened is
            # written down all the same.
            await self._db.write(*more, entries=(entry,))

    async def settle(
        self,
        owner: OwnerId,
        action_id: ActionId,
        fingerprint: bytes,
        status: ActionStatus,
        answer: StoredAnswer,
        entry: Entry,
        *more: Statement,
    ) -> None:
        """Store the end of what waited at Telegram, together with its outcome, and tell who waits for it.

        Raises:
            AuditUnavailable, StorageFailed: As `finish`.
        """
        packed, binding = msgspec.msgpack.encode(answer), _binding(action_id, fingerprint)
        finished = rows.FINISH_CLAIM.bind(
            action_id=action_id,
            status=status.value,
            answer=self._seal_of(owner).seal(ANSWER, packed, binding=binding),
            finished_at_ms=to_ms(self._clock.now()),
        )
        try:
            await self._db.write(finished, *more, entries=(entry,))
        except Unexpected:
            await self._db.write(*more, entries=(entry,))
        finally:
            self.changes.tell(action_id)

    async def open_sends(self, account_id: str, since: datetime) -> list[OpenSend]:
        """Return the changes of an account that may have happened and of which nothing more is known.

        Raises:
            StorageFailed: They cannot be read.
        """
        found = await self._db.all(
            rows.OPEN_CLAIMS, rows.ClaimRow, account_id=account_id, since_ms=to_ms(since)
        )
        return [
            OpenSend(
                chat_id=dispatch.peer[0],
                sent_at=from_ms(row.created_at_ms if row.sent_at_ms is None else row.sent_at_ms),
                is_running=ActionId(row.action_id) in self._running,
                waits=dispatch.waits,
            )
            for row in found
            if (dispatch := self.opened(row, DISPATCH, row.dispatch, Dispatch)) and dispatch.peer
        ]

    async def lose(self, hold: Hold, entry: Entry) -> None:
        """Store that nobody knows whether it happened; only sending the same again can tell."""
        await self._db.write(rows.LOSE_CLAIM.bind(action_id=hold.action_id), entries=(entry,))

    async def action(self, action_id: str) -> Known | Hold | None:
        """Return an action as it stands; a `Hold` is one that is under way and not stored yet."""
        row = await self._db.one(rows.CLAIM, rows.ClaimRow, action_id=action_id)
        return self._running.get(ActionId(action_id)) if row is None else self.known(row)

    async def purge(self) -> None:
        """Forget what is older than its time."""
        now = self._clock.now()
        await self._db.write(
            rows.PURGE_FINISHED.bind(until_ms=to_ms(now - ANSWERS_KEPT)),
            rows.PURGE_UNKNOWN.bind(until_ms=to_ms(now - UNKNOWN_KEPT)),
        )

    async def _purge_now_and_then(self) -> None:
        while True:
            try:
                await self.purge()
                if self._seen.is_crowded:
                    await self._renew_seen()
            except StorageFailed as error:
                _log.warning("old claims were not purged (%s)", error.code)
            await asyncio.sleep(_PURGE_EVERY_SECS)

    async def _renew_seen(self) -> None:
        """Learn which keys are in use; what is claimed meanwhile is noted in the old filter and in the new."""
        self._next_seen = SeenKeys()
        for digest in self._held:
            self._next_seen.add(digest)
        for row in await self._db.all(rows.KEYS, rows.KeyRow):
            self._next_seen.add(row.key_digest)
        self._seen, self._next_seen = self._next_seen, None

    def _note_seen(self, digest: bytes) -> None:
        self._seen.add(digest)
        if self._next_seen is not None:
            self._next_seen.add(digest)

    def _digest(self, owner: OwnerId, lineage: str, key: str | None) -> bytes | None:
        """Return what stands for the owner's, the lineage's and the client's key; none of them contains a space."""
        return None if key is None else self._seal_of(owner).digest(_KEY, f"{lineage} {key}")

    def _seal_of(self, owner: OwnerId) -> ClaimSeal:
        """Return the owner's seal; its key is derived once."""
        if (seal := self._seals.get(owner)) is None:
            seal = self._seals[owner] = ClaimSeal(self._key, owner)
        return seal

    def sealed(self, hold: Hold, kind: str, data: msgspec.Struct) -> bytes:
        """Return *data* sealed for the claim's row."""
        claim, packed = hold.claim, msgspec.msgpack.encode(data)
        binding = _binding(hold.action_id, claim.fingerprint)
        return self._seal_of(claim.owner).seal(kind, packed, binding=binding)

    def known(self, row: rows.ClaimRow) -> Known:
        """Return the claim that *row* holds."""
        created_at, sent_at_ms = from_ms(row.created_at_ms), row.sent_at_ms
        return Known(
            action_id=ActionId(row.action_id),
            owner=OwnerId(row.owner_id),
            lineage=row.lineage,
            key_digest=row.key_digest,
            fingerprint=row.fingerprint,
            account_id=row.account_id,
            kind=row.kind,
            status=self._status(row),
            dispatch=self.opened(row, DISPATCH, row.dispatch, Dispatch),
            answer=self.opened(row, ANSWER, row.answer, StoredAnswer),
            created_at=created_at,
            finished_at=None if row.finished_at_ms is None else from_ms(row.finished_at_ms),
            sent_at=created_at if sent_at_ms is None else from_ms(sent_at_ms),
        )

    def _status(self, row: rows.ClaimRow) -> ActionStatus:
        status, is_driven = ActionStatus(row.status), ActionId(row.action_id) in self._running
        is_lost = status is ActionStatus.DISPATCHED and not is_driven
        return ActionStatus.UNKNOWN if is_lost else status

    def opened(self, row: rows.ClaimRow, kind: str, box: bytes | None, into: type[S]) -> S | None:
        """Return what was sealed, or None: a box that was changed or swapped is one that was lost."""
        if box is None:
            return None
        seal = self._seal_of(OwnerId(row.owner_id))
        try:
            data = seal.open(kind, box, binding=_binding(row.action_id, row.fingerprint))
            return msgspec.msgpack.decode(data, type=into)
        except (SealBroken, msgspec.MsgspecError):
            return None


def _binding(action_id: str, fingerprint: bytes) -> bytes:
    return action_id.encode() + fingerprint
