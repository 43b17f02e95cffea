"""What is forgotten with time: events that nobody can ask for again any more, where old messages were, links and transcripts."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.clock import to_ms
from vasya_server.errors import StorageFailed
from vasya_server.ids import OwnerId
from vasya_server.store import updates as rows
from vasya_server.store.events import OwnerRow
from vasya_server.store.tickets import PURGE_TICKETS
from vasya_server.store.transcripts import FORGET_TRANSCRIPTS, TRANSCRIPT_OWNERS

if TYPE_CHECKING:
    from vasya_server.clock import Clock
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.owner_settings import OwnerSettings, SettingsStore
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database

_log: Final = logging.getLogger(__name__)

_EVERY_SECS: Final = 3600.0
# Telegram says of a deleted message which one, and not where it was: what it was is known for as long as that.
_PLACES_KEPT: Final = timedelta(days=90)


def retention_secs(owner: OwnerSettings, server: Settings) -> int:
    """Return how long an owner's events are kept: the owner shortens what the server says, and never prolongs it."""
    wanted, most = owner.event_retention_secs, server.event_retention_secs
    return most if wanted is None else min(wanted, most)


class Retention:
    """Forgets at the start and every hour; there is one per process."""

    def __init__(
        self,
        db: Database,
        events: EventLog,
        owners: SettingsStore,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._db = db
        self._events = events
        self._owners = owners
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what is due is forgotten beside whatever else the server does."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End; what was being forgotten is forgotten the next time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def forget(self) -> None:
        """Forget what is due now.

        Raises:
            StorageFailed: Some of it is still there.
        """
        now = self._clock.now()
        spoken = await self._db.all(TRANSCRIPT_OWNERS, OwnerRow)
        owners = {*await self._events.owners(), *(OwnerId(row.owner_id) for row in spoken)}
        for owner in owners:
            kept = timedelta(seconds=retention_secs(self._owners.held(owner), self._settings))
            await self._events.forget(owner, to_ms(now - kept))
            await self._db.write(
                FORGET_TRANSCRIPTS.bind(owner_id=owner, before_ms=to_ms(now - kept))
            )
        await self._db.write(
            rows.FORGET_PLACES.bind(before_ms=to_ms(now - _PLACES_KEPT)),
            PURGE_TICKETS.bind(now_ms=to_ms(now)),
        )

    async def _run(self) -> None:
        while True:
            try:
                await self.forget()
            except StorageFailed as error:
                _log.warning("old events are still there (%s)", error.code)
            await asyncio.sleep(_EVERY_SECS)
