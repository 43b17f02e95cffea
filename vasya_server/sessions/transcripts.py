"""The transcripts of an account, sealed: a voice note is transcribed once, whoever of its readers asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import to_ms
from vasya_server.crypto.envelope import SealBroken
from vasya_server.model.transcript import Transcript
from vasya_server.store import transcripts as rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.clock import Clock
    from vasya_server.crypto.records import AccountSeal
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.store.database import Database

_TRANSCRIPT: Final = "transcript"


class TranscriptStore:
    """The transcripts of one account, by the id of the file in which something is said."""

    def __init__(
        self,
        db: Database,
        seal: AccountSeal,
        owner: OwnerId,
        account_id: AccountId,
        clock: Clock,
    ) -> None:
        self._db = db
        self._seal = seal
        self._owner = owner
        self._account_id = account_id
        self._clock = clock

    async def find(self, file_id: int) -> Transcript | None:
        """Return what was said in a file, as it was transcribed; None: it was not, or is forgotten.

        Raises:
            StorageFailed: That cannot be read.
        """
        digest = self._seal.digest(_TRANSCRIPT, file_id)
        row = await self._db.one(
            rows.TRANSCRIPT, rows.TranscriptRow, account_id=self._account_id, digest=digest
        )
        if row is None:
            return None
        try:
            data = self._seal.open(_TRANSCRIPT, row.sealed, binding=digest)
        except SealBroken:
            return None
        return msgspec.msgpack.decode(data, type=Transcript)

    async def found(self, file_ids: Iterable[int]) -> dict[int, Transcript]:
        """Return the transcripts of those files that have one.

        Raises:
            StorageFailed: They cannot be read.
        """
        known = {file_id: await self.find(file_id) for file_id in file_ids}
        return {file_id: each for file_id, each in known.items() if each is not None}

    async def put(self, file_id: int, transcript: Transcript) -> None:
        """Keep what was said in a file.

        Raises:
            StorageFailed: It cannot be stored.
        """
        digest = self._seal.digest(_TRANSCRIPT, file_id)
        box = self._seal.seal(_TRANSCRIPT, msgspec.msgpack.encode(transcript), binding=digest)
        await self._db.write(
            rows.PUT_TRANSCRIPT.bind(
                account_id=self._account_id,
                digest=digest,
                owner_id=self._owner,
                made_at_ms=to_ms(self._clock.now()),
                sealed=box,
            )
        )
