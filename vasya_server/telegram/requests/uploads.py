"""Files on their way to Telegram: in parts, hashed as they pass, never whole in memory and never on disk.

The parts go up under an id of ours, so that a part whose answer is lost is sent again and replaces itself. Telegram then
makes a photo or a document of them, which nobody sees until it is sent; its reference expires, and the parts make another.

Source: https://core.telegram.org/api/files#uploading-files
"""

from __future__ import annotations

import asyncio
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
from vasya_server.telegram.shapes import Outline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from telethon.tl.tlobject import TLRequest

    from vasya_server.sessions.uploads import Shape
    from vasya_server.telegram.view import AccountView

# The largest part that Telegram takes.
PART_BYTES: Final = 512 * 1024
# What is larger goes up in parts of another kind, which a file has to be told by before its first one.
SMALL_FILE_BYTES: Final = 10 * 1024 * 1024
# Enough to fill a connection of 30 ms and 500 Mbit/s; whatever else the account says waits behind them.
_IN_FLIGHT: Final = 4
# What Telegram takes of a file, and twice as much of a Premium account's.
# Source: https://core.telegram.org/api/config#upload-max-fileparts-default
_MAX_PARTS: Final = 4000
_TRIES: Final = 3
# How the pictures begin that Telegram shows as photos.
_PICTURES: Final = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/webp": (b"RIFF",),
}
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
        count: 0: nothing of it was sent there, it was only looked at.
        md5: Empty for a large file: Telegram checks those by nothing.
        outline: What has been seen of it as it passed.
    """

    file_id: int
    count: int
    size_bytes: int
    md5: str
    sha256: bytes
    outline: Outline


# Of a file that is not looked at, because it is known already what becomes of it.
NO_PARTS: Final = Parts(file_id=0, count=0, size_bytes=0, md5="", sha256=b"", outline=Outline())


def max_file_bytes(account: AccountView) -> int:
    """Return how large a file Telegram takes from the account."""
    profile = account.runtime.record.profile
    is_premium = profile is not None and profile.is_premium
    return _MAX_PARTS * PART_BYTES * (2 if is_premium else 1)


async def save_parts(
    account: AccountView, chunks: AsyncIterator[bytes], *, size_bytes: int | None = None
) -> Parts:
    """Send a file to Telegram as it comes in, several parts at once; what cannot go on is not read.

    In memory there are at most five parts of it, or its first 10 MiB where its size is not known: until then it may be a
    small one.

    Args:
        size_bytes: Where that is known before its end.

    Raises:
        ValidationFailed: It is empty.
        TelegramUnavailable, TelegramTimeout: A part could not be sent, after several tries.
    """
    try:
        async with asyncio.TaskGroup() as group:
            saving = _Saving(account, group, size_bytes)
            async for chunk in chunks:
                await saving.take(chunk)
            await saving.finish()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return saving.parts


async def weigh(chunks: AsyncIterator[bytes]) -> Parts:
    """Tell what a file is without sending it anywhere.

    Raises:
        ValidationFailed: It is empty.
    """
    size_bytes, outline, sha256 = 0, Outline(), hashlib.sha256()
    async for chunk in chunks:
        size_bytes += len(chunk)
        outline.pass_by(chunk)
        sha256.update(chunk)
    _require_content(size_bytes)
    return Parts(
        file_id=0, count=0, size_bytes=size_bytes, md5="", sha256=sha256.digest(), outline=outline
    )


def _require_content(size_bytes: int) -> None:
    if not size_bytes:
        raise ValidationFailed(FieldError("", "empty"))


class _Saving:
    """A file that is being sent.

    Args:
        group: Where its parts are sent, each by a task of its own.
    """

    def __init__(
        self, account: AccountView, group: asyncio.TaskGroup, size_bytes: int | None
    ) -> None:
        self._account = account
        self._group = group
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._file_id = secrets.randbits(63)
        self._is_large = None if size_bytes is None else size_bytes > SMALL_FILE_BYTES
        # -1: not known; the last part says it then.
        self._total = -1 if size_bytes is None else -(-size_bytes // PART_BYTES)
        self._pending = bytearray()
        self._count = self._size_bytes = 0
        self._outline = Outline()
        self._sha256 = hashlib.sha256()
        # Telegram checks a small file against it; it guards nothing.
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def take(self, chunk: bytes) -> None:
        self._outline.pass_by(chunk)
        self._sha256.update(chunk)
        self._size_bytes += len(chunk)
        self._pending += chunk
        if self._is_large is None and self._size_bytes > SMALL_FILE_BYTES:
            self._is_large = True
        if self._is_large is not None:
            await self._save_pending()

    async def finish(self) -> None:
        _require_content(self._size_bytes)
        await self._save_pending()
        self._total = self._count + 1
        await self._save(bytes(self._pending))

    async def _save_pending(self) -> None:
        """Send all but the last part, of which nobody knows yet that it is the last."""
        while len(self._pending) > PART_BYTES:
            part = bytes(self._pending[:PART_BYTES])
            del self._pending[:PART_BYTES]
            await self._save(part)

    async def _save(self, part: bytes) -> None:
        await self._slots.acquire()
        where = self._file_id, self._count
        if self._is_large:
            self._begin(functions.upload.SaveBigFilePartRequest(*where, self._total, part))
        else:
            self._md5.update(part)
            self._begin(functions.upload.SaveFilePartRequest(*where, part))
        self._count += 1

    def _begin(self, request: TLRequest) -> None:
        sending = self._group.create_task(_insist(self._account, request))
        sending.add_done_callback(lambda _: self._slots.release())

    @property
    def parts(self) -> Parts:
        return Parts(
            file_id=self._file_id,
            count=self._count,
            size_bytes=self._size_bytes,
            md5="" if self._is_large else self._md5.hexdigest(),
            sha256=self._sha256.digest(),
            outline=self._outline,
        )


async def make_file(account: AccountView, parts: Parts, *, name: str, mime_type: str) -> StoredFile:
    """Have Telegram make a photo of the parts, or a document where they are no picture that it takes; a document may be a video.

    Raises:
        TelegramError: Telegram refused the file.
        TelegramUnavailable: It is not there: the request was to be answered from what is stored, which is gone since.

    Source: https://core.telegram.org/method/messages.uploadMedia
    """
    if not parts.count:
        raise TelegramUnavailable(detail="What was answered before has just been forgotten.")
    return await _made(account, unmade_file(parts, name=name, mime_type=mime_type))


def unmade_file(parts: Parts, *, name: str, mime_type: str) -> StoredFile:
    """Describe what would be made of the parts."""
    is_small = parts.size_bytes <= SMALL_FILE_BYTES
    return StoredFile(
        name=name,
        mime_type=mime_type,
        size_bytes=parts.size_bytes,
        file_id=parts.file_id,
        parts=parts.count,
        md5=parts.md5,
        is_photo=is_small and parts.outline.head.startswith(_PICTURES.get(mime_type, ())),
        media_id=0,
        access_hash=0,
        reference=b"",
        shape=parts.outline.shape(mime_type),
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


def input_file(file: StoredFile) -> Any:
    """Return how a request names the parts of the file."""
    if file.md5:
        return t.InputFile(file.file_id, file.parts, file.name, file.md5)
    return t.InputFileBig(file.file_id, file.parts, file.name)


def _upload_request(file: StoredFile) -> TLRequest:
    uploaded = input_file(file)
    if file.is_photo:
        media: Any = t.InputMediaUploadedPhoto(uploaded)
    else:
        attributes = [*_shown_as(file.shape), t.DocumentAttributeFilename(file.name)]
        media = t.InputMediaUploadedDocument(uploaded, file.mime_type, attributes)
    return functions.messages.UploadMediaRequest(t.InputPeerSelf(), media)


def _shown_as(shape: Shape | None) -> list[Any]:
    """Return what makes Telegram's apps show a file as what it is."""
    if shape is None:
        return []
    match shape.kind:
        case "video":
            size = shape.width, shape.height
            return [t.DocumentAttributeVideo(shape.duration_secs, *size, supports_streaming=True)]
        case "voice":
            return [t.DocumentAttributeAudio(max(1, round(shape.duration_secs)), voice=True)]
        case "gif":
            return [t.DocumentAttributeAnimated()]


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
