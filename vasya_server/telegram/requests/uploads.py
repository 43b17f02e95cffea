"""Files on their way to Telegram: in parts, hashed as they pass, never whole in memory.

The parts go up under an id of ours, so that a part whose answer is lost is sent again and replaces itself. Telegram then
makes a photo or a document of them, which nobody sees until it is sent; its reference expires, and the parts make another.

Source: https://core.telegram.org/api/files#uploading-files
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    FieldError,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
    UploadNotFound,
    ValidationFailed,
)
from vasya_server.sessions.uploads import StoredFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from telethon.tl.tlobject import TLRequest

    from vasya_server.telegram.view import AccountView

# The largest part that Telegram takes.
PART_BYTES: Final = 512 * 1024
_TRIES: Final = 3
# How the pictures begin that Telegram shows as photos.
_PICTURES: Final = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/webp": (b"RIFF",),
}
_HEAD_BYTES: Final = 8
_NO_PHOTO: Final = frozenset(
    {
        "IMAGE_PROCESS_FAILED",
        "MEDIA_INVALID",
        "PHOTO_EXT_INVALID",
        "PHOTO_INVALID",
        "PHOTO_INVALID_DIMENSIONS",
        "PHOTO_SAVE_FILE_INVALID",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A file in parts at Telegram, of which nothing has been made yet.

    Args:
        head: Its first bytes, which tell a picture.
    """

    file_id: int
    count: int
    size_bytes: int
    md5: str
    sha256: bytes
    head: bytes


async def save_parts(account: AccountView, chunks: AsyncIterator[bytes]) -> Parts:
    """Send a file to Telegram as it comes in; at most one part of it is in memory.

    Raises:
        ValidationFailed: It is empty.
        TelegramUnavailable, TelegramTimeout: A part could not be sent, after several tries.
    """
    saving = _Saving(account)
    async for chunk in chunks:
        await saving.take(chunk)
    return await saving.finish()


class _Saving:
    """A file that is being sent."""

    def __init__(self, account: AccountView) -> None:
        self._account = account
        self._file_id = secrets.randbits(63)
        self._pending = bytearray()
        self._count = 0
        self._size_bytes = 0
        self._head = b""
        # Telegram checks the parts against it; it guards nothing.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    async def take(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        self._sha256.update(chunk)
        self._size_bytes += len(chunk)
        self._pending += chunk
        while len(self._pending) >= PART_BYTES:
            part = bytes(self._pending[:PART_BYTES])
            del self._pending[:PART_BYTES]
            await self._save(part)

    async def finish(self) -> Parts:
        if not self._size_bytes:
            raise ValidationFailed(FieldError("", "empty"))
        if self._pending:
            await self._save(bytes(self._pending))
        return Parts(
            file_id=self._file_id,
            count=self._count,
            size_bytes=self._size_bytes,
            md5=self._md5.hexdigest(),
            sha256=self._sha256.digest(),
            head=self._head,
        )

    async def _save(self, part: bytes) -> None:
        if not self._count:
            self._head = part[:_HEAD_BYTES]
        request = functions.upload.SaveFilePartRequest(self._file_id, self._count, part)
        await _insist(self._account, request)
        self._count += 1


async def make_file(account: AccountView, parts: Parts, *, name: str, mime_type: str) -> StoredFile:
    """Have Telegram make a photo of the parts, or a document where they are no picture that it takes.

    Raises:
        TelegramError: Telegram refused the file.

    Source: https://core.telegram.org/method/messages.uploadMedia
    """
    return await _made(
        account,
        StoredFile(
            name=name,
            mime_type=mime_type,
            size_bytes=parts.size_bytes,
            file_id=parts.file_id,
            parts=parts.count,
            md5=parts.md5,
            is_photo=parts.head.startswith(_PICTURES.get(mime_type, ())),
            media_id=0,
            access_hash=0,
            reference=b"",
        ),
    )


async def renew(account: AccountView, file: StoredFile) -> StoredFile:
    """Have Telegram make the file anew of its parts, because its reference has expired.

    Raises:
        UploadNotFound: Telegram has the parts no more.
    """
    try:
        return await _made(account, file)
    except TelegramError as error:
        if (error.rpc_name or "").startswith("FILE_PART"):
            raise UploadNotFound from error
        raise


async def _made(account: AccountView, file: StoredFile) -> StoredFile:
    try:
        answer = await _insist(account, _upload_request(file))
    except TelegramError as error:
        if not file.is_photo or error.rpc_name not in _NO_PHOTO:
            raise
        return await _made(account, msgspec.structs.replace(file, is_photo=False))
    media = answer.photo if file.is_photo else getattr(answer, "document", None)
    if not isinstance(media, t.Photo | t.Document):
        raise TelegramError(detail="Telegram took the file and made nothing of it.")
    return msgspec.structs.replace(
        file, media_id=media.id, access_hash=media.access_hash, reference=media.file_reference
    )


def _upload_request(file: StoredFile) -> TLRequest:
    uploaded = t.InputFile(file.file_id, file.parts, file.name, file.md5)
    if file.is_photo:
        media: Any = t.InputMediaUploadedPhoto(uploaded)
    else:
        named = t.DocumentAttributeFilename(file.name)
        media = t.InputMediaUploadedDocument(uploaded, file.mime_type, [named])
    return functions.messages.UploadMediaRequest(t.InputPeerSelf(), media)


async def _insist(account: AccountView, request: TLRequest) -> Any:
    """Repeat what changes nothing for anybody, when the connection fails it."""
    for _ in range(_TRIES - 1):
        try:
            return await account.runtime.call(
                request, deadline_secs=account.runtime.media_idle_secs
            )
        except (TelegramUnavailable, TelegramTimeout):
            continue
    return await account.runtime.call(request, deadline_secs=account.runtime.media_idle_secs)
