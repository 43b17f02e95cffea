"""What the senders of all webhooks share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.auth.heirs import Heirs
from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.delivery.attempts import Schedule
from vasya_server.delivery.hosts import Hosts
from vasya_server.ids import delivery_id_of
from vasya_server.model.action import ActionStatus
from vasya_server.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.audit.log import Audit
    from vasya_server.auth.keyring import Keyring
    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.delivery.hooks import Hook
    from vasya_server.events.log import EventLog
    from vasya_server.ids import DeliveryId, OwnerId, WebhookId
    from vasya_server.sessions.owner_settings import SettingsStore
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database, Statement
    from vasya_server.telegram.accounts import Accounts


# Of all webhooks together: each post holds a socket and up to 20 kB.
_POSTS_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Means:
    """The parts of the server that a webhook needs, and what all webhooks have in common."""

    settings: Settings
    clock: Clock
    key: MasterKey
    db: Database
    audit: Audit
    keys: Keyring
    events: EventLog
    accounts: Accounts
    owner_settings: SettingsStore

    @functools.cached_property
    def heirs(self) -> Heirs:
        """Who stands for a key that nobody presents."""
        return Heirs(self.db, self.keys, self.clock)

    @functools.cached_property
    def outbound(self) -> Outbound:
        """The one way to addresses that callers name."""
        return Outbound(self.settings)

    @functools.cached_property
    def hosts(self) -> Hosts:
        """Which hosts fail."""
        return Hosts(self.clock, self.settings.webhook_pause_secs)

    @functools.cached_property
    def schedule(self) -> Schedule:
        """When a delivery is tried again."""
        return Schedule(self.settings)

    @functools.cached_property
    def _slots(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(_POSTS_AT_ONCE)

    def delivery_id(self, hook_id: WebhookId, what: str) -> DeliveryId:
        """Return the id of the delivery of *what* to a webhook: the same at every attempt, and after every crash (D-10.1)."""
        digest = self.key.digest(Purpose.WEBHOOK_INDEX)
        return delivery_id_of(digest(length_prefixed(hook_id, what)))

    def may_carry_content(self, owner: OwnerId) -> bool:
        """Tell whether the owner lets texts and names leave by webhooks at this moment."""
        return self.owner_settings.held(owner).can_webhooks_carry_content

    @contextlib.asynccontextmanager
    async def admitted(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn with the host, and for one of those that all webhooks share."""
        is_probe = await self.hosts.admit(host)
        try:
            async with self._slots:
                yield
        finally:
            if is_probe:
                self.hosts.abandon(host)

    async def disabled(self, hook: Hook, code: str, *statements: Statement) -> None:
        """Store that the server has disabled a webhook, and why, as soon as disk and log can take it."""
        entry = Entry(
            kind=EntryKind.SYSTEM,
            action=Action.WEBHOOK_DISABLE,
            actor=Actor(type="system", owner=hook.owner),
            target=hook.id,
            result=Result(status=ActionStatus.DONE.value, code=code),
            reduces_risk=True,
        )
        await self.audit.record_later(entry, *statements)
