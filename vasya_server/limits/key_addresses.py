"""From where agent keys are used: a place that a key never came from may be somebody who should not have it.

Places are known by keyed digests alone. Keys that took each other's place share theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.limits.rules import network_of
from vasya_server.store import key_addresses as rows

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database

_CONTEXT: Final = "key-address"


class KeyAddresses:
    """The places of every lineage, those that were seen lately in memory.

    Args:
        max_known: How many are held there, of about 100 bytes each; what is forgotten is looked up again.
    """

    def __init__(self, db: Database, key: MasterKey, *, max_known: int = 10_000) -> None:
        self._db = db
        self._max_known = max_known
        self._keyed = key.digest(Purpose.LIMIT_INDEX, _CONTEXT)
        self._known: set[tuple[str, str]] = set()

    def is_known(self, lineage: str, address: str) -> bool:
        """Tell, of every request and without asking anybody, that nothing is new; no address is no news."""
        return not address or (lineage, address) in self._known

    async def note(self, lineage: str, address: str) -> bool:
        """Remember a place, and tell whether it is a new one of a lineage that came from another before.

        Raises:
            StorageFailed: It is not remembered, and will be asked about again.
        """
        place = lineage, address
        if place in self._known:
            return False
        if len(self._known) >= self._max_known:
            self._known.clear()
        self._known.add(place)
        digest = self._keyed(length_prefixed(lineage, network_of(address)))
        try:
            found = await self._db.all(rows.ADDRESSES, rows.AddressRow, lineage=lineage)
            if any(row.address == digest for row in found):
                return False
            await self._db.write(
                rows.ADD_ADDRESS.bind(lineage=lineage, address=digest),
                rows.FORGET_OLDEST.bind(lineage=lineage),
            )
        except BaseException:
            self._known.discard(place)
            raise
        return bool(found)
