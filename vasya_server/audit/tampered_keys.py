"""A line for every agent key whose row somebody else has written, and not one for each request that presents it."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.errors import AuditUnavailable, StorageFailed

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.audit.log import Audit
    from vasya_server.clock import Clock
    from vasya_server.ids import KeyId, OwnerId

_log: Final = logging.getLogger(__name__)

_AGAIN_AFTER: Final = timedelta(minutes=1)
# Whoever writes the database can make as many rows as they like.
_MAX_REMEMBERED: Final = 1000
# What stands in such a row may be anything.
_KEY: Final = re.compile(r"ak[0-9a-f]{16}")
_OWNER: Final = re.compile(r"own_[a-z2-7]{26}")


class TamperedKeys:
    """Writes them down, each at most once a minute."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._noted_at: dict[str, datetime] = {}

    async def report(self, key_id: KeyId, owner: OwnerId) -> None:
        """Write down that the key's row is not as this server wrote it, for the owner that stands in it."""
        now = self._clock.now()
        noted_at = self._noted_at.get(key_id)
        if noted_at is not None and noted_at <= now < noted_at + _AGAIN_AFTER:
            return
        if len(self._noted_at) >= _MAX_REMEMBERED:
            self._noted_at.clear()
        self._noted_at[key_id] = now
        _log.error("the row of an agent key is not as this server wrote it")
        entry = Entry(
            kind=EntryKind.SYSTEM,
            action=Action.KEY_ROW_TAMPERED,
            actor=Actor(type="system", owner=owner if _OWNER.fullmatch(owner) else None),
            target=key_id if _KEY.fullmatch(key_id) else None,
            result=Result(status=EntryKind.DENIED.value),
        )
        try:
            await self._audit.record(entry)
        except (AuditUnavailable, StorageFailed) as error:
            _log.warning("a tampered key was not written down (%s)", error.code)
