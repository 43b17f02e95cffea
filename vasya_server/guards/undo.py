"""Follows messages that wait at Telegram to their end: sent under another id, taken back, or never sent.

```
expected (its 202 is stored) ── Telegram sends it ──► done
        │  │  └──────────────── taken back: here, on the owner's phone, or because its key was revoked ──► cancelled
        │  └─────────────────── Telegram could not send it ──► failed
        └────────────────────── gone while nobody listened, and not in the chat ──► unknown
```
Telegram tells the end to those who listen. Everything else is looked up: at every new connection, and when the time has
come. What cannot be found out is said to be unknown, and is the end as well: to send it again might be to send it twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.clock import to_ms
from vasya_server.errors import AccessDenied, AuditUnavailable, VasyaError
from vasya_server.guards.ending import Outcome, outcome_of_sent
from vasya_server.model.action import ActionStatus
from vasya_server.telegram.peers import stored_peer
from vasya_server.telegram.progress import follow_progress
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.scheduled import sent_since, still_waiting, take_back
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from vasya_server.auth.keyring import Keyring
    from vasya_server.clock import Clock
    from vasya_server.guards.waiting import Waiting, WaitingStore
    from vasya_server.idempotency.claims import Claims
    from vasya_server.ids import AccountId, ActionId, KeyId, OwnerId
    from vasya_server.telegram.accounts import AccountRuntime

_log: Final = logging.getLogger(__name__)

_LOOK_EVERY_SECS: Final = 1.0
# Telegram sends what is due within its second, and tells at once.
_LATE_AFTER_MS: Final = 2000
_LONGEST_PAUSE_SECS: Final = 60.0
# Of each account, the newest: what still waits was not sent before those.
_SENT_KEPT: Final = 2000


@dataclass(slots=True)
class _Tracked:
    """Something that waits, and when it was looked at."""

    waiting: Waiting
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: int = 0
    look_at: float = 0.0
    pause_secs: float = 1.0
    # What has come of it and could not be stored yet.
    outcome: Outcome | None = None


async def _told_to_nobody(_waiting: Waiting, _status: ActionStatus) -> None:
    pass


class UndoWindow:
    """Everything that may still be taken back; one per running server."""

    def __init__(self, store: WaitingStore, claims: Claims, keys: Keyring, clock: Clock) -> None:
        self.store = store
        self._claims = claims
        self._keys = keys
        self._clock = clock
        self._tracked: dict[ActionId, _Tracked] = {}
        self._accounts: Callable[[OwnerId, str], AccountRuntime] | None = None
        self._news = asyncio.Event()
        self._tasks: dict[AccountId, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        # Is told of every end, when it is stored.
        self.on_settled: Callable[[Waiting, ActionStatus], Awaitable[None]] = _told_to_nobody
        # Messages that are known to have come of one that waited, by account.
        self._sent: dict[AccountId, OrderedDict[int, None]] = {}

    async def open(self, find: Callable[[OwnerId, str], AccountRuntime]) -> None:
        """Take up what an earlier process left waiting.

        Args:
            find: Returns an owner's account, or raises `AccessDenied`.

        Raises:
            StorageFailed: It cannot be read.
        """
        self._accounts = find
        for waiting in await self.store.all():
            self.expect(waiting)

    def start(self) -> None:
        """Look after what waits from now on: only a process that serves may connect for it."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End every task; what waits is taken up by the next process."""
        tasks = [task for task in (self._watching, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def expect(self, waiting: Waiting) -> None:
        """Follow what waits, and is stored as waiting wherever that could be."""
        try:
            account = self._account(waiting)
        except AccessDenied:
            return
        known = self._tracked.get(waiting.action_id)
        if known is not None and known.waiting == waiting:
            return  # asked for again: whoever follows it has its lock
        account.scheduled.on_news = self._news.set
        account.scheduled.awaited[waiting.action_id] = waiting.awaited
        tracked = _Tracked(waiting, connection=account.following.connections)
        self._tracked[waiting.action_id] = tracked
        self._news.set()

    def waiting_in(self, account_id: AccountId, chat_id: int) -> list[Waiting]:
        """Return what waits in one chat."""
        found = [each.waiting for each in self._tracked.values()]
        return [
            each
            for each in found
            if each.account_id == account_id and each.awaited.chat_id == chat_id
        ]

    def due_at_ms(self, action_id: ActionId) -> int | None:
        """Return when an action's messages are sent, which may have been changed since; None: nothing of it waits."""
        tracked = self._tracked.get(action_id)
        return None if tracked is None else tracked.waiting.due_at_ms

    def awaits(self, account_id: AccountId) -> bool:
        """Tell whether anything waits in that account, so that it has to be connected."""
        return any(each.waiting.account_id == account_id for each in self._tracked.values())

    async def take_back(self, action_id: ActionId, code: str) -> bool:
        """Have the messages of an action not be sent; what is begun is carried to its end.

        Args:
            code: Why, as the audit log says it.

        Returns:
            Whether they were taken back; False where they had been sent, or nothing of the action waits.

        Raises:
            VasyaError: Telegram could not be asked; they wait still, or nobody knows.
        """
        tracked = self._tracked.get(action_id)
        if tracked is None:
            return False
        task = asyncio.create_task(self._take_back(tracked, code))
        return await asyncio.shield(task)

    async def _take_back(self, tracked: _Tracked, code: str) -> bool:
        # The progress of whoever asked for this is another change's.
        follow_progress(lambda: None)
        waiting = tracked.waiting
        async with tracked.lock:
            if waiting.action_id not in self._tracked:
                return False
            account, peer = self._account(waiting), stored_peer(*waiting.peer)
            if tracked.outcome is None:
                await take_back(account, peer, waiting.awaited.ids)
                # Between the two it may have been sent, and then it stands in the chat.
                found, is_whole = await self._found(tracked, account)
                if found:
                    reading = self._reading(waiting, account)
                    tracked.outcome = await outcome_of_sent(waiting, reading, found)
                elif is_whole or to_ms(self._clock.now()) < waiting.due_at_ms:
                    tracked.outcome = Outcome.called_off(waiting, code)
                else:
                    tracked.outcome = Outcome.unknown(waiting)
            is_cancelled = tracked.outcome.status is ActionStatus.CANCELLED
            await self._settle(tracked, tracked.outcome)
            return is_cancelled

    async def _watch(self) -> None:
        """Look after everything that waits, account by account, so that one that is unreachable holds up no other."""
        while True:
            self._news.clear()
            for account_id in {each.waiting.account_id for each in self._tracked.values()}:
                task = self._tasks.get(account_id)
                if task is None or task.done():
                    self._tasks[account_id] = asyncio.create_task(self._tend(account_id))
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECS):
                    await self._news.wait()
                    await asyncio.sleep(0)
            except TimeoutError:
                pass

    async def _tend(self, account_id: AccountId) -> None:
        revoked: dict[KeyId, bool] = {}
        changed = self._changed_in(account_id)
        for tracked in tuple(self._tracked.values()):
            if tracked.waiting.account_id != account_id:
                continue
            try:
                is_changed = tracked.waiting.awaited.chat_id in changed
                await self._tend_one(tracked, revoked, is_changed=is_changed)
            except AccessDenied:
                self._forget(tracked)  # the account was erased, and what was stored of it with it
                self._sent.pop(account_id, None)
            except VasyaError as error:
                _log.info("a scheduled message could not be looked after (%s)", error.code)
                self._put_off(tracked)
            except Exception:  # noqa: BLE001 — the supervisor outlives what goes wrong with one
                _log.exception("a scheduled message could not be looked after")
                self._put_off(tracked)

    def _changed_in(self, account_id: AccountId) -> set[int]:
        """Take the chats in which something that waits was changed."""
        for tracked in self._tracked.values():
            if tracked.waiting.account_id == account_id:
                with contextlib.suppress(AccessDenied):
                    scheduled = self._account(tracked.waiting).scheduled
                    changed, scheduled.changed = scheduled.changed, set()
                    return changed
        return set()

    async def _tend_one(
        self, tracked: _Tracked, revoked: dict[KeyId, bool], *, is_changed: bool
    ) -> None:
        waiting = tracked.waiting
        account, now = self._account(waiting), self._clock.monotonic()
        is_due = to_ms(self._clock.now()) >= waiting.due_at_ms + _LATE_AFTER_MS
        is_new = account.is_connected and account.following.connections != tracked.connection
        heard = any(
            account.scheduled.ended(waiting.awaited.chat_id, each) for each in waiting.awaited.ids
        )
        if (heard or is_due or is_new or is_changed) and now >= tracked.look_at:
            # What waits although its end was told, or its time is over, is looked at less and less often.
            if await self._look(tracked, account) and (heard or is_due):
                self._put_off(tracked)
        elif not is_due and now >= tracked.look_at and waiting.key_id is not None:
            if waiting.key_id not in revoked:
                revoked[waiting.key_id] = await self._is_revoked(waiting, waiting.key_id)
            if revoked[waiting.key_id]:
                await self.take_back(waiting.action_id, "key_revoked")

    async def _is_revoked(self, waiting: Waiting, key_id: KeyId) -> bool:
        """Tell whether the key was revoked, or one that took its place; a key that does not open is as good as revoked."""
        try:
            record = await self._keys.find(waiting.owner, key_id)
        except AccessDenied:
            return True
        if record.revoked_at_ms is not None:
            return True
        if not record.has_ended(to_ms(self._clock.now())):
            return False
        successors = await self._keys.keys_of(waiting.owner)
        return any(
            each.lineage == waiting.lineage and each.revoked_at_ms is not None
            for each in successors
        )

    async def _look(self, tracked: _Tracked, account: AccountRuntime) -> bool:
        """Find out what has become of it, and tell whether it waits still."""
        waiting, awaited = tracked.waiting, tracked.waiting.awaited
        async with tracked.lock:
            if waiting.action_id not in self._tracked:
                return False
            tracked.connection = account.following.connections
            if tracked.outcome is None:
                peer = stored_peer(*waiting.peer)
                reading = self._reading(waiting, account)
                if found := await still_waiting(reading, peer, awaited.ids):
                    await self._keep_up(tracked, account, found)
                    return True
                tracked.outcome = await self._outcome(tracked, account)
            await self._settle(tracked, tracked.outcome)
            return False

    async def _keep_up(
        self, tracked: _Tracked, account: AccountRuntime, found: Mapping[int, Any]
    ) -> None:
        """Follow what waits as it is now: what it says, and when it is due, may have been changed."""
        waiting = tracked.waiting
        awaited = waiting.awaited.kept_up(found)
        if awaited == waiting.awaited:
            return
        tracked.waiting = msgspec.structs.replace(
            waiting, awaited=awaited, due_at_ms=1000 * max(awaited.due_at)
        )
        account.scheduled.awaited[waiting.action_id] = awaited
        await self.store.keep(tracked.waiting)

    async def _outcome(self, tracked: _Tracked, account: AccountRuntime) -> Outcome:
        """Return what has become of what waits no more."""
        waiting = tracked.waiting
        found, is_whole = await self._found(tracked, account)
        if found:
            return await outcome_of_sent(waiting, self._reading(waiting, account), found)
        ends = [
            account.scheduled.ended(waiting.awaited.chat_id, each) for each in waiting.awaited.ids
        ]
        heard_at = [to_ms(end[1]) for end in ends if end is not None and end[0] is None]
        if len(heard_at) == len(ends):
            was_due = min(heard_at) >= waiting.due_at_ms
            return Outcome.failed(waiting) if was_due else Outcome.called_off(waiting, "by_owner")
        if is_whole and to_ms(self._clock.now()) < waiting.due_at_ms:
            return Outcome.called_off(waiting, "by_owner")
        return Outcome.unknown(waiting)

    async def _found(
        self, tracked: _Tracked, account: AccountRuntime
    ) -> tuple[dict[int, int], bool]:
        """Return what the messages became: as Telegram told it, or as the chat's history has it."""
        waiting, awaited = tracked.waiting, tracked.waiting.awaited
        told = {
            each: end[0]
            for each in awaited.ids
            if (end := account.scheduled.ended(awaited.chat_id, each)) and end[0] is not None
        }
        if len(told) == len(awaited.ids):
            return told, True
        taken = frozenset(self._sent.get(waiting.account_id, ()))
        reading = self._reading(waiting, account)
        found, is_whole = await sent_since(reading, stored_peer(*waiting.peer), awaited, taken)
        return found | told, is_whole

    async def _settle(self, tracked: _Tracked, outcome: Outcome) -> None:
        """Store the end; it is kept until it can be.

        Raises:
            StorageFailed: It could not be stored; it is tried again.
        """
        waiting = tracked.waiting
        try:
            await self._claims.settle(
                waiting.owner,
                waiting.action_id,
                waiting.fingerprint,
                outcome.status,
                outcome.answer,
                outcome.entry,
                self.store.forgetting(waiting.action_id),
            )
        except AuditUnavailable as error:
            if not error.is_stored:
                raise
        sent = self._sent.setdefault(waiting.account_id, OrderedDict())
        sent.update(dict.fromkeys(outcome.message_ids))
        while len(sent) > _SENT_KEPT:
            sent.popitem(last=False)
        self._forget(tracked)
        await self.on_settled(waiting, outcome.status)

    def _forget(self, tracked: _Tracked) -> None:
        waiting = tracked.waiting
        self._tracked.pop(waiting.action_id, None)
        try:
            self._account(waiting).scheduled.awaited.pop(waiting.action_id, None)
        except AccessDenied:
            return

    def _put_off(self, tracked: _Tracked) -> None:
        tracked.look_at = self._clock.monotonic() + tracked.pause_secs
        tracked.pause_secs = min(tracked.pause_secs * 2, _LONGEST_PAUSE_SECS)

    def _account(self, waiting: Waiting) -> AccountRuntime:
        if self._accounts is None:
            raise AccessDenied
        return self._accounts(waiting.owner, waiting.account_id)

    @staticmethod
    def _reading(waiting: Waiting, account: AccountRuntime) -> Reading:
        """Return a read for whoever asked for the message: it says what the answer to the request would have said."""
        is_agent = waiting.is_agent
        asker = Principal(
            kind=PrincipalKind.AGENT_KEY if is_agent else PrincipalKind.EMBEDDED,
            owner=waiting.owner,
            scopes=frozenset(),
            is_human=not is_agent,
            lineage=waiting.lineage,
        )
        return Reading(AccountView(account, asker))
