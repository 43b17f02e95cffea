"""The webhooks of every owner: stored, kept in memory, started and stopped (D-10.4)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from vasya_server.clock import to_ms
from vasya_server.delivery.hooks import adding, open_hook, resealing
from vasya_server.delivery.sender import Sender
from vasya_server.errors import AccessDenied, StorageFailed, TooManyWebhooks
from vasya_server.ids import WebhookId
from vasya_server.store import webhooks as rows
from vasya_server.store.database import Unexpected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from vasya_server.delivery.hooks import Hook
    from vasya_server.delivery.means import Means
    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Statement

_log: Final = logging.getLogger(__name__)

_TEND_EVERY_SECS: Final = 30.0
_DELIVERED_KEPT: Final = timedelta(days=7)
_MOST_DELIVERED_KEPT: Final = 1000
_DEAD_KEPT: Final = timedelta(days=30)


class Webhooks:
    """Every webhook of this server; there is one per process, and nobody else writes them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._senders: dict[WebhookId, Sender] = {}
        self._unstored: dict[str, tuple[Statement, ...]] = {}
        self._is_serving = False
        self._tending: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()

    async def open(self) -> None:
        """Load the webhooks; nothing is posted.

        Raises:
            StorageFailed: They cannot be read.
        """
        for row in await self._means.db.all(rows.WEBHOOKS, rows.WebhookRow):
            hook = open_hook(self._means.key, row)
            if hook is None:
                _log.error("the row of a webhook is not as this server wrote it: it posts nothing")
                continue
            self._senders[hook.id] = Sender(self._means, hook, row.position)

    def start(self) -> None:
        """Deliver from now on: only a process that serves may do so."""
        self._is_serving = True
        self._means.heirs.listeners.append(self._key_changed)
        for sender in self._senders.values():
            self._start(sender)
        self._tending = asyncio.create_task(self._tend())

    async def close(self) -> None:
        """Post nothing more, and store how far everything has come."""
        self._is_serving = False
        if self._tending is not None:
            self._means.heirs.listeners.remove(self._key_changed)
            self._tending.cancel()
            await asyncio.wait({self._tending})
        await asyncio.gather(*(sender.stop() for sender in self._senders.values()))
        with contextlib.suppress(StorageFailed):
            await self._save_positions()

    def of(self, owner: OwnerId) -> list[Sender]:
        """Return the owner's webhooks, newest first."""
        return [each for each in reversed(self._senders.values()) if each.hook.owner == owner]

    def get(self, owner: OwnerId, hook_id: str) -> Sender:
        """Return the owner's webhook.

        Raises:
            AccessDenied: It is somebody else's, or there is none: not told apart (D-5.1).
        """
        sender = self._senders.get(WebhookId(hook_id))
        if sender is None or sender.hook.owner != owner:
            raise AccessDenied
        return sender

    async def create(self, hook: Hook) -> None:
        """Store a webhook, and deliver what happens from now on.

        Raises:
            TooManyWebhooks: The owner has as many as there may be.
            StorageFailed: It cannot be stored.
        """
        position, most = self._means.events.now, self._means.settings.webhook_max
        try:
            await self._means.db.write(adding(self._means.key, hook, position, most=most))
        except Unexpected:
            raise TooManyWebhooks from None
        sender = self._senders[hook.id] = Sender(self._means, hook, position)
        self._start(sender)

    async def change(self, sender: Sender, **changes: Any) -> Hook:  # noqa: ANN401 — fields of the hook
        """Change a webhook, and go on with what it is then; what is being posted is broken off and posted again.

        Raises:
            StorageFailed: It cannot be stored, and is as it was.
        """
        async with self._turn(sender):
            await sender.stop()
            hook = sender.hook
            changed = dataclasses.replace(hook, generation=hook.generation + 1, **changes)
            try:
                await self._means.db.write(resealing(self._means.key, changed))
                sender.become(changed)
            finally:
                self._start(sender, is_anew=True)
        return changed

    async def disable(self, sender: Sender) -> Hook:
        """Post nothing more to a webhook, whatever the disk says; what could not be stored is `unstored`."""
        async with self._turn(sender):
            await sender.stop()
            hook = sender.hook
            disabled = dataclasses.replace(hook, generation=hook.generation + 1, is_disabled=True)
            sender.become(disabled)
            await self._store(hook.id, resealing(self._means.key, disabled))
        return disabled

    async def delete(self, sender: Sender) -> None:
        """Forget a webhook and its deliveries, as `disable` disables one."""
        async with self._turn(sender):
            await sender.stop()
            hook_id = sender.hook.id
            del self._senders[hook_id]
            await self._store(hook_id, rows.DROP_WEBHOOK.bind(webhook_id=hook_id))

    def unstored(self, hook_id: str) -> tuple[Statement, ...]:
        """Return what is left to store of a webhook's end; it may be done twice."""
        return self._unstored.pop(hook_id, ())

    async def deliveries(
        self, hook: Hook, status: str | None, before: tuple[int, str], limit: int
    ) -> list[rows.DeliveryRow]:
        """Return deliveries of a webhook, newest first.

        Args:
            before: Of the last one that is known: when it began, in ms, and its id.

        Raises:
            StorageFailed: They cannot be read.
        """
        return await self._means.db.all(
            rows.DELIVERIES,
            rows.DeliveryRow,
            webhook_id=hook.id,
            status=status,
            before_ms=before[0],
            before_id=before[1],
            limit=limit,
        )

    async def delivery(self, hook: Hook, delivery_id: str) -> rows.DeliveryRow:
        """Return one delivery of a webhook.

        Raises:
            AccessDenied: It has none of that id.
            StorageFailed: It cannot be read.
        """
        found = await self._means.db.one(
            rows.DELIVERY, rows.DeliveryRow, webhook_id=hook.id, delivery_id=delivery_id
        )
        if found is None:
            raise AccessDenied
        return found

    async def test(self, sender: Sender, action_id: str) -> rows.DeliveryRow:
        """Post a test, as `Sender.test` does; repeated after a crash, it is the same one."""
        async with self._turn(sender):
            return await sender.test(self._means.delivery_id(sender.hook.id, action_id))

    async def retry(self, sender: Sender, delivery_id: str) -> rows.DeliveryRow:
        """Post an event again, as `Sender.retry` does.

        Raises:
            AccessDenied: There is no such delivery.
        """
        async with self._turn(sender):
            return await sender.retry(await self.delivery(sender.hook, delivery_id))

    @contextlib.asynccontextmanager
    async def _turn(self, sender: Sender) -> AsyncIterator[None]:
        """Wait until nobody else changes the webhook.

        Raises:
            AccessDenied: It was deleted meanwhile.
        """
        async with sender.turn:
            if self._senders.get(sender.hook.id) is not sender:
                raise AccessDenied
            yield

    def _start(self, sender: Sender, *, is_anew: bool = False) -> None:
        if self._is_serving and not sender.hook.is_disabled:
            sender.start(is_anew=is_anew)

    async def _store(self, hook_id: WebhookId, statement: Statement) -> None:
        try:
            await self._means.db.write(statement)
        except StorageFailed as error:
            _log.warning("the end of a webhook holds and is not stored yet (%s)", error.code)
            self._unstored[hook_id] = (statement,)

    def _key_changed(self, subject: str) -> None:
        """Break off what is posted for a key that was changed, before whoever changed it is answered (D-1.10)."""
        if [sender for sender in self._senders.values() if sender.key_changed(subject)]:
            self._stirred.set()

    async def _tend(self) -> None:
        """Do what is due now and then: end webhooks without a key, keep accounts connected, forget old deliveries."""
        while True:
            try:
                await self._end_without_key(tuple(self._senders.values()))
                for sender in self._senders.values():
                    sender.refresh()
                await self._save_positions()
                await self._forget()
            except StorageFailed as error:
                _log.warning("webhooks could not be tended (%s)", error.code)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TEND_EVERY_SECS):
                    await self._stirred.wait()
            self._stirred.clear()

    @staticmethod
    async def _end_without_key(senders: Iterable[Sender]) -> None:
        for sender in senders:
            if sender.hook.lineage is not None:
                await sender.end_without_key()

    async def _save_positions(self) -> None:
        moved = [
            rows.MOVE_WEBHOOK.bind(webhook_id=hook_id, position=position)
            for hook_id, sender in self._senders.items()
            for position in sender.take_position()
        ]
        if moved:
            await self._means.db.write(*moved)

    async def _forget(self) -> None:
        now = self._means.clock.now()
        await self._means.db.write(
            rows.DROP_OLD_DELIVERIES.bind(
                done_before_ms=to_ms(now - _DELIVERED_KEPT), dead_before_ms=to_ms(now - _DEAD_KEPT)
            ),
            rows.DROP_SURPLUS_DELIVERIES.bind(most=_MOST_DELIVERED_KEPT),
        )
