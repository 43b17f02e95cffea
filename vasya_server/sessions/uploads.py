"""The uploads of an account: sealed in the database, because a send that is repeated after a restart needs them again.

No bytes of a file are kept here, only what Telegram has to be told of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from vasya_server.clock import to_ms
from vasya_server.crypto.derive import length_prefixed
from vasya_server.crypto.envelope import SealBroken
from vasya_server.errors import TooManyUploads, UploadNotFound
from vasya_server.ids import UploadId, new_upload_id, upload_id_of
from vasya_server.model.media import Upload
from vasya_server.store import uploads as rows

if TYPE_CHECKING:
    from vasya_server.clock import Clock
    from vasya_server.crypto.records import AccountSeal
    from vasya_server.ids import AccountId
    from vasya_server.store.database import Database

_UPLOAD: Final = "upload"
# Telegram keeps the parts of a file for less than a day.
_TTL: Final = timedelta(hours=24)
# A send whose outcome is unknown may be repeated for a day, and what it sends has to be there for as long.
_KEPT_AFTERWARDS: Final = timedelta(hours=25)
# A row is about 400 bytes; the files are Telegram's to keep.
_MAX_LIVE: Final = 1000


class Shape(msgspec.Struct, array_like=True, frozen=True):
    """How a file is shown.

    Args:
        width, height: In pixels, of a video.
        duration_secs: Of a video or a voice note.
    """

    kind: Literal["video", "voice", "gif"]
    width: int = 0
    height: int = 0
    duration_secs: float = 0.0


class StoredFile(msgspec.Struct, array_like=True, frozen=True):
    """A file at Telegram: its parts, and the photo or document that was made of them.

    Args:
        file_id: Ours; Telegram knows the parts by it.
        reference: Good for a while; the parts make another.
        shape: None: it is shown as a photo, or as a file.
    """

    name: str
    mime_type: str
    size_bytes: int
    file_id: int
    parts: int
    md5: str
    is_photo: bool
    media_id: int
    access_hash: int
    reference: bytes
    shape: Shape | None = None

    def __repr__(self) -> str:
        return "StoredFile(…)"


class UploadStore:
    """The uploads of one account; each opens for the credential that made it and no other."""

    def __init__(
        self, db: Database, seal: AccountSeal, account_id: AccountId, clock: Clock
    ) -> None:
        self._db = db
        self._seal = seal
        self._account_id = account_id
        self._clock = clock

    async def require_room(self) -> None:
        """See that one more upload may be kept.

        Raises:
            TooManyUploads: It may not.
        """
        now_ms = to_ms(self._clock.now())
        live = await self._db.one(
            rows.LIVE_UPLOADS, rows.LiveRow, account_id=self._account_id, now_ms=now_ms
        )
        if live is not None and live.total >= _MAX_LIVE:
            raise TooManyUploads

    def id_of(self, lineage: str, content: bytes) -> UploadId:
        """Return the id of an upload that a request carries with it: the same one, however often it is repeated."""
        return upload_id_of(self._seal.digest(_UPLOAD, f"{lineage} {content.hex()}"))

    async def add(
        self, lineage: str, file: StoredFile, upload_id: UploadId | None = None
    ) -> Upload:
        """Keep *file*, and forget every upload whose time is over.

        Args:
            upload_id: A new one where it is None; what was kept under it is kept no more.
        """
        now = self._clock.now()
        upload_id, expires_at = upload_id or new_upload_id(), now + _TTL
        await self._db.write(
            rows.PURGE_UPLOADS.bind(before_ms=to_ms(now - _KEPT_AFTERWARDS)),
            rows.ADD_UPLOAD.bind(
                account_id=self._account_id,
                upload_id=upload_id,
                expires_at_ms=to_ms(expires_at),
                sealed=self._sealed(lineage, upload_id, file),
            ),
        )
        return Upload(
            upload_id=upload_id,
            file_name=file.name,
            mime_type=file.mime_type,
            size_bytes=file.size_bytes,
            expires_at=expires_at,
        )

    async def find(
        self, lineage: str, upload_id: str, *, is_sent_again: bool = False
    ) -> StoredFile:
        """Return the upload of that id.

        Args:
            is_sent_again: It was sent in time, and nobody knows what became of it.

        Raises:
            UploadNotFound: This credential made none, or its time is over.
        """
        row = await self._db.one(
            rows.UPLOAD, rows.UploadRow, account_id=self._account_id, upload_id=upload_id
        )
        if row is None:
            raise UploadNotFound
        if row.expires_at_ms <= to_ms(self._clock.now()) and not is_sent_again:
            raise UploadNotFound
        try:
            data = self._seal.open(_UPLOAD, row.sealed, binding=_binding(lineage, upload_id))
        except SealBroken:
            raise UploadNotFound from None
        return msgspec.msgpack.decode(data, type=StoredFile)

    async def replace(self, lineage: str, upload_id: str, file: StoredFile) -> None:
        """Keep *file*, which Telegram has made anew of the same parts."""
        await self._db.write(
            rows.RESEAL_UPLOAD.bind(
                account_id=self._account_id,
                upload_id=upload_id,
                sealed=self._sealed(lineage, UploadId(upload_id), file),
            )
        )

    def _sealed(self, lineage: str, upload_id: UploadId, file: StoredFile) -> bytes:
        data = msgspec.msgpack.encode(file)
        return self._seal.seal(_UPLOAD, data, binding=_binding(lineage, upload_id))


def _binding(lineage: str, upload_id: str) -> bytes:
    return length_prefixed(lineage, upload_id)
