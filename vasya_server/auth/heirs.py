"""Who acts for a lineage of agent keys while nobody presents one: what a key set up ends with it, and is never more."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vasya_server.clock import to_ms
from vasya_server.errors import AccessDenied
from vasya_server.store import keys as rows

if TYPE_CHECKING:
    from vasya_server.auth.keyring import Keyring
    from vasya_server.auth.principal import Principal
    from vasya_server.clock import Clock
    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Database


class Heirs:
    """Finds the key that stands for a lineage now (D-5.8); `listeners` are told when that may be another."""

    def __init__(self, db: Database, keys: Keyring, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self.listeners = keys.listeners

    async def of(self, owner: OwnerId, lineage: str) -> Principal | None:
        """Return the youngest live key of the lineage as who presents it; None: all have ended.

        Raises:
            StorageFailed: That cannot be read.
        """
        found = await self._db.all(rows.LINEAGE, rows.KeyIdRow, lineage=lineage)
        now_ms = to_ms(self._clock.now())
        for row in found:
            with contextlib.suppress(AccessDenied):
                record = await self._keys.find(owner, row.key_id)
                if not record.has_ended(now_ms):
                    return self._keys.known.principal(record)
        return None
