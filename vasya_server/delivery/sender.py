"""One webhook while the server runs: it reads the owner's log from its position on, and posts event after event (D-10.3).

An event stays at the head until it is delivered or given up, so that what is delivered is in order; its row and the
position behind it are one unit, so that a crash repeats an attempt and loses nothing. Whoever may be told is asked before
every attempt, when nothing but the dialling is left to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import from_ms, to_ms
from vasya_server.delivery.attempts import after_repetition, given_up, putting
from vasya_server.delivery.hooks import resealing
from vasya_server.delivery.payload import TEST_TYPE, event_body, gap_body, test_body
from vasya_server.delivery.posting import KeyChanged, Poster
from vasya_server.errors import CursorExpired, EventGone, KeyEnded, StorageFailed, VasyaError
from vasya_server.model.event import EventType
from vasya_server.model.webhook import DeliveryStatus
from vasya_server.store import webhooks as rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.delivery.attempts import Outcome
    from vasya_server.delivery.hooks import Hook
    from vasya_server.delivery.means import Means
    from vasya_server.delivery.pins import Pins
    from vasya_server.events.record import Recorded

    Attempt = Callable[[], Awaitable[Outcome | None]]

_log: Final = logging.getLogger(__name__)

_BATCH: Final = 20
# A clock that was set, or a machine that slept, is noticed after so long.
_LONGEST_SLEEP_SECS: Final = 60.0
_LAST_WRITE_SECS: Final = 5.0


class Sender:
    """Posts the events of one webhook, in order and one at a time.

    `turn` is held by whoever changes the webhook or posts by hand; the loop does not take it.
    """

    def __init__(self, means: Means, hook: Hook, position: int) -> None:
        self.hook = hook
        self.turn = asyncio.Lock()
        self._means = means
        self._position = self._stored_position = position
        self._poster = Poster(means, hook)
        self._running: asyncio.Task[None] | None = None
        self._head: rows.DeliveryRow | None = None
        self._is_anew = False
        self._pins: Pins | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it delivers."""
        return self._running is not None and not self._running.done()

    def start(self, *, is_anew: bool = False) -> None:
        """Deliver from the position on.

        Args:
            is_anew: Somebody changed something: what failed is tried at once and has all its time again.
        """
        self._is_anew = is_anew
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Post nothing more; what was posted is recorded first."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None

    def become(self, hook: Hook) -> None:
        """Be what the webhook is now; only while it is stopped."""
        self.hook = hook
        self._poster.hook = hook

    def key_changed(self, subject: str) -> bool:
        """Ask again whether what is being posted may be: a key was changed, or all of an owner's; tell whether it is ours."""
        return self._poster.key_changed(subject)

    async def require_key(self) -> None:
        """See that the key that the webhook belongs to, where there is one, is alive.

        Raises:
            KeyEnded: It is not.
        """
        if not await self._poster.has_key():
            raise KeyEnded("The agent key that this webhook belongs to is revoked or has expired.")

    async def end_without_key(self) -> None:
        """Disable the webhook where the key that it belongs to has ended."""
        if self.is_running and not await self._poster.has_key():
            async with self.turn:
                await self.stop()
                if not self.hook.is_disabled:
                    await self._disable(KeyEnded.code)

    def refresh(self) -> None:
        """Keep the accounts connected that it may know of now, and no others."""
        if self._pins is not None:
            self._pins.refresh(self._poster.who)

    def take_position(self) -> tuple[int, ...]:
        """Return the position, where it has moved over what is not for this webhook and that is not stored."""
        if self._position == self._stored_position:
            return ()
        self._stored_position = self._position
        return (self._position,)

    async def test(self, delivery_id: str) -> rows.DeliveryRow:
        """Post a test, once, and return what came of it.

        Raises:
            KeyEnded: The key that the webhook belongs to has.
            StorageFailed: What came of it cannot be stored.
        """
        now = self._means.clock.now()
        row = self._new_row(delivery_id, None, None, TEST_TYPE)
        row = msgspec.structs.replace(row, status=DeliveryStatus.FAILED.value)
        body = test_body(self.hook.id, now)
        outcome = None
        while outcome is None:
            judged_at = self._poster.changes
            await self.require_key()
            with contextlib.suppress(KeyChanged):
                outcome = await self._poster.post(row.delivery_id, body, judged_at)
        row = after_repetition(row, outcome, to_ms(self._means.clock.now()))
        await self._means.db.write(putting(row))
        return row

    async def retry(self, row: rows.DeliveryRow) -> rows.DeliveryRow:
        """Post an event again, once and now, and return what came of it; the head's attempt counts as one of its own.

        Raises:
            EventGone: The log does not hold it any more, or this webhook may not be told of it.
            StorageFailed: That cannot be found out, or what came of it cannot be stored.
        """
        record = await self._recorded(row)
        if not self._is_ahead(row):
            return await self._repeat(row, record)
        was_running = self.is_running
        await self.stop()
        try:
            return await self._repeat(await self._fresh(row), record)
        finally:
            if was_running:
                self.start()

    async def _repeat(self, row: rows.DeliveryRow, record: Recorded) -> rows.DeliveryRow:
        outcome = None
        while outcome is None:
            judged_at = self._poster.changes
            if not await self._poster.may_tell(record):
                raise EventGone
            with contextlib.suppress(KeyChanged):
                told = self._body(record, row)
                outcome = await self._poster.post(row.delivery_id, told, judged_at)
        now_ms = to_ms(self._means.clock.now())
        if self._is_ahead(row) and not self.hook.is_disabled:
            row = self._means.schedule.after(row, outcome, now_ms)
            await self._record(row, is_gone=outcome.is_gone)
            return row
        row = after_repetition(row, outcome, now_ms)
        if self._is_ahead(row) and outcome.is_delivered:
            await self._record(row)
        else:
            await self._means.db.write(putting(row))
        return row

    def _is_ahead(self, row: rows.DeliveryRow) -> bool:
        """Tell whether the loop has not done with the event yet."""
        return row.position is not None and row.position > self._position

    async def _fresh(self, row: rows.DeliveryRow) -> rows.DeliveryRow:
        """Return the delivery as the loop, which was stopped since, has left it."""
        place = {"webhook_id": self.hook.id, "delivery_id": row.delivery_id}
        found = await self._means.db.one(rows.DELIVERY, rows.DeliveryRow, **place)
        return found or row

    async def _recorded(self, row: rows.DeliveryRow) -> Recorded:
        if row.position is None or row.type == EventType.GAP.value:
            raise EventGone
        found, _ = await self._means.events.stored(self.hook.owner, row.position - 1, 1)
        if not found or found[0].position != row.position:
            raise EventGone
        return found[0]

    async def _run(self) -> None:
        """Deliver until the webhook is disabled; whatever goes wrong, nothing is passed over for it."""
        while not self.hook.is_disabled:
            try:
                await self._poster.has_key()
                with self._poster.pins() as self._pins:
                    await self._load_head()
                    while not self.hook.is_disabled:
                        await self._step()
            except KeyEnded:
                await self._disable(KeyEnded.code)
            except VasyaError as error:
                _log.info("a webhook waits (%s)", error.code)
                await asyncio.sleep(self._means.schedule.first_secs)
            except Exception:  # noqa: BLE001 — a bug stops one webhook for a while, and none for good
                _log.exception("a webhook could not go on")
                await asyncio.sleep(_LONGEST_SLEEP_SECS)
            finally:
                self._pins = None

    async def _load_head(self) -> None:
        """Find the event that was being tried, when this webhook or the server stopped."""
        row = await self._means.db.one(
            rows.HEAD, rows.DeliveryRow, webhook_id=self.hook.id, position=self._position
        )
        if row is not None and self._is_anew:
            row = msgspec.structs.replace(
                row,
                attempts=0,
                next_attempt_at_ms=None,
                created_at_ms=to_ms(self._means.clock.now()),
            )
        self._head, self._is_anew = row, False
        if row is not None and row.position is not None:
            # What lies before it was delivered, given up or passed over, stored or not.
            self._position = row.position - 1

    async def _step(self) -> None:
        """Deliver what is behind the position, or wait until there is something."""
        try:
            found, upto = await self._read()
        except CursorExpired:
            await self._tell_gap()
            return
        for record in found:
            await self._deliver(record)
            if self.hook.is_disabled:
                return
        if self._head is not None and (self._head.position or 0) <= upto:
            await self._record(self._given_up("event_gone"))
        self._position = max(self._position, upto)

    async def _read(self) -> tuple[list[Recorded], int]:
        """Return the next events, and up to where these are all; the log keeps none of them at hand for a slow receiver."""
        with self._means.events.follow(self.hook.owner) as follower:
            found, upto = await follower.read(self._position, _BATCH)
            if not found and upto == self._position:
                await follower.wait(upto)
            return list(found), upto

    async def _deliver(self, record: Recorded) -> None:
        """Deliver an event, give it up, or pass over it where the webhook is not to be told."""
        if self._head is not None and (self._head.position or 0) < record.position:
            await self._record(self._given_up("event_gone"))
        if self._head is None:
            if not await self._poster.may_tell(record):
                self._position = record.position
                return
            delivery_id = self._means.delivery_id(self.hook.id, str(record.position))
            event_id = self._means.events.cursor_of(record)
            kind = record.draft.type.value
            self._head = self._new_row(delivery_id, record.position, event_id, kind)
        row = self._head

        async def attempt() -> Outcome | None:
            judged_at = self._poster.changes
            if not await self._poster.may_tell(record):
                return None
            return await self._poster.post(row.delivery_id, self._body(record, row), judged_at)

        await self._try(attempt)

    async def _tell_gap(self) -> None:
        """Say, before anything else, that events were forgotten before this webhook could be told of them."""
        owner, events = self.hook.owner, self._means.events
        oldest = events.oldest(owner)
        delivery_id = self._means.delivery_id(self.hook.id, f"gap:{oldest}")
        if self._head is not None and self._head.delivery_id != delivery_id:
            # The position stays before the gap, so that whatever happens next it is told.
            await self._means.db.write(putting(self._given_up("event_gone")))
            self._head = None
        if self._head is None:
            event_id = events.cursor(owner, oldest)
            self._head = self._new_row(delivery_id, oldest, event_id, EventType.GAP.value)
        row, types = self._head, self.hook.config.types
        missed = sorted(set(EventType if types is None else types) - {EventType.GAP})
        body = gap_body(row.event_id or "", from_ms(row.created_at_ms), missed)

        async def attempt() -> Outcome | None:
            judged_at = self._poster.changes
            await self.require_key()
            return await self._poster.post(row.delivery_id, body, judged_at)

        await self._try(attempt)

    async def _try(self, attempt: Attempt) -> None:
        """Try the head until it is delivered or given up."""
        while (row := self._head) is not None and not self.hook.is_disabled:
            await self._until(row.next_attempt_at_ms or 0)
            async with self._means.admitted(self._poster.host):
                try:
                    outcome = await attempt()
                except KeyChanged:
                    continue
            if outcome is None:
                await self._record(self._given_up("not_allowed"))
                return
            after = self._means.schedule.after(row, outcome, to_ms(self._means.clock.now()))
            await self._finish(self._record(after, is_gone=outcome.is_gone))

    async def _until(self, due_ms: int) -> None:
        while (left := due_ms / 1000 - self._means.clock.now().timestamp()) > 0:  # noqa: ASYNC110 — nobody tells when a clock is set
            await asyncio.sleep(min(left, _LONGEST_SLEEP_SECS))

    async def _record(self, row: rows.DeliveryRow, *, is_gone: bool = False) -> None:
        """Store what became of the head, and move on where nothing more will; a disk that refuses is waited for.

        A receiver that *is_gone* wants nothing any more, which disables the webhook.
        """
        self._head = row
        if is_gone:
            await self._disable("gone", row)
            return
        position = row.position or 0
        is_over = row.status in {DeliveryStatus.DELIVERED.value, DeliveryStatus.DEAD.value}
        moving = rows.MOVE_WEBHOOK.bind(webhook_id=self.hook.id, position=position)
        while True:
            try:
                await self._means.db.write(putting(row), *([moving] if is_over else []))
            except StorageFailed as error:
                _log.warning("a delivery was not stored yet (%s)", error.code)
                await asyncio.sleep(self._means.schedule.first_secs)
                continue
            break
        if is_over:
            self._head = None
            self._position = self._stored_position = position

    async def _disable(self, code: str, *deliveries: rows.DeliveryRow) -> None:
        """Disable the webhook, whatever disk and log say, and write down why."""
        hook = self.hook
        self.become(dataclasses.replace(hook, is_disabled=True, generation=hook.generation + 1))
        await self._means.disabled(
            self.hook,
            code,
            *map(putting, deliveries),
            resealing(self._means.key, self.hook),
        )

    async def _finish(self, recording: Awaitable[None]) -> None:
        """Record what has happened even where this is stopped meanwhile."""
        task = asyncio.ensure_future(recording)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=_LAST_WRITE_SECS)
            task.cancel()
            raise

    def _body(self, record: Recorded, row: rows.DeliveryRow) -> bytes:
        has_content = self.hook.config.include == "content" and self._means.may_carry_content(
            self.hook.owner
        )
        return event_body(record, row.event_id or "", has_content=has_content)

    def _given_up(self, reason: str) -> rows.DeliveryRow:
        if self._head is None:
            raise LookupError(self.hook.id)
        return given_up(self._head, reason, to_ms(self._means.clock.now()))

    def _new_row(
        self, delivery_id: str, position: int | None, event_id: str | None, kind: str
    ) -> rows.DeliveryRow:
        now_ms = to_ms(self._means.clock.now())
        return rows.DeliveryRow(
            delivery_id=delivery_id,
            webhook_id=self.hook.id,
            position=position,
            event_id=event_id,
            type=kind,
            status=DeliveryStatus.PENDING.value,
            attempts=0,
            next_attempt_at_ms=None,
            response_status=None,
            reason=None,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
