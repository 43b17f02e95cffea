"""An owner's own keys for services beside Telegram, sealed; whole they are for the service alone and for nobody's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal
from vasya_server.store import provider_keys as rows
from vasya_server.store.accounts import SealedRow

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Database

_PLACE: Final = "provider"
_FIRST: Final = 1


class ProviderKeys:
    """Seals, opens and erases them; the one user of their table."""

    def __init__(self, db: Database, key: MasterKey) -> None:
        self._db = db
        self._key = key

    async def find(self, owner: OwnerId, name: str) -> str | None:
        """Return the owner's key for the provider *name*; None: there is none, or what is stored does not open.

        Raises:
            StorageFailed: It cannot be read.
        """
        row = await self._row(owner, name)
        if row is None:
            return None
        place = (Purpose.SETTINGS, owner, _PLACE, name)
        try:
            return open_sealed(
                self._key, *place, generation=row.generation, box=row.sealed
            ).decode()
        except SealBroken:
            return None

    async def put(self, owner: OwnerId, name: str, secret: str) -> None:
        """Seal *secret* in the place of the owner's last one.

        Raises:
            StorageFailed: It cannot be stored.
        """
        is_stored = False
        while not is_stored:  # a parallel one that comes first costs one more round
            row = await self._row(owner, name)
            generation = row.generation + 1 if row else _FIRST
            box = seal(
                self._key,
                Purpose.SETTINGS,
                owner,
                _PLACE,
                name,
                generation=generation,
                plaintext=secret.encode(),
            )
            statement = rows.PUT_PROVIDER_KEY.bind(
                owner_id=owner, name=name, sealed=box, generation=generation
            )
            is_stored = await self._db.write(statement) == [1]

    async def erase(self, owner: OwnerId, name: str) -> None:
        """Forget the owner's key; one that is not there is forgotten already.

        Raises:
            StorageFailed: It cannot be erased.
        """
        await self._db.write(rows.ERASE_PROVIDER_KEY.bind(owner_id=owner, name=name))

    async def _row(self, owner: OwnerId, name: str) -> SealedRow | None:
        return await self._db.one(rows.PROVIDER_KEY, SealedRow, owner_id=owner, name=name)
