"""The files that messages carry, fetched piece by piece: never more than one piece of it is in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import MediaNotFound, TelegramError, TelegramUnavailable
from vasya_server.telegram.media import to_media
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

    Pick: TypeAlias = Callable[[Any], "_File"]

# Pieces of this size never cross a boundary of 1 MiB, which Telegram refuses.
PIECE_BYTES: Final = 512 * 1024
_THUMB_PIXELS: Final = 320
_REFERENCE_REFUSED: Final = "FILE_REFERENCE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way from Telegram.

    Args:
        chat: Where it was sent.
        kind: `photo`, `video`, …, as in the message's media; `thumb` for a small picture of it.
        file_name: As its sender wrote it, unchecked.
        mime_type: As its sender claimed.
        pieces: Yields exactly *size_bytes*, or fails.
    """

    chat: ResolvedPeer
    message_id: int
    kind: str
    file_name: str | None
    mime_type: str
    size_bytes: int
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """Where a file lies.

    Args:
        data: A small picture that came with the message.
    """

    location: Any
    dc_id: int
    kind: str
    size_bytes: int
    mime_type: str
    file_name: str | None = None
    data: bytes | None = None


async def open_media(account: AccountView, reference: str, message_id: int) -> Download:
    """Return the file of a message, its first piece fetched already.

    Raises:
        ChatNotFound, MessageNotFound: There is no such chat or message.
        MediaNotFound: It carries no file.
        TelegramError: Telegram does not give it.

    Source: https://core.telegram.org/method/upload.getFile
    """
    return await _open(account, reference, message_id, _whole)


async def open_thumb(account: AccountView, reference: str, message_id: int) -> Download:
    """Return a small picture of what a message carries.

    Raises:
        ChatNotFound, MessageNotFound: There is no such chat or message.
        MediaNotFound: It carries nothing that has one.
        TelegramError: Telegram does not give it.
    """
    return await _open(account, reference, message_id, _thumb)


async def _open(account: AccountView, reference: str, message_id: int, pick: Pick) -> Download:
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    message = await read_message(reading, peer, message_id)
    require_readable(reading, [message])
    file = pick(message.media)
    fetching = _Fetching(account, peer, message_id, pick, file)
    # Whatever is wrong is wrong with the first piece already, while it can still be said in the answer.
    first = await fetching.next_piece()
    return Download(
        chat=peer,
        message_id=message_id,
        kind=file.kind,
        file_name=file.file_name,
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        pieces=fetching.pieces(first),
    )


class _Fetching:
    """A file that is being fetched; its reference is renewed by another look at the message."""

    def __init__(
        self,
        account: AccountView,
        peer: ResolvedPeer,
        message_id: int,
        pick: Pick,
        file: _File,
    ) -> None:
        self._account = account
        self._peer = peer
        self._message_id = message_id
        self._pick = pick
        self._file = file
        self._offset = 0

    async def pieces(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while self._offset < self._file.size_bytes:
            yield await self.next_piece()

    async def next_piece(self) -> bytes:
        piece = self._file.data or await self._get()
        if not piece:
            raise TelegramUnavailable(detail="Telegram has less of this file than it said.")
        piece = piece[: self._file.size_bytes - self._offset]
        self._offset += len(piece)
        return piece

    async def _get(self) -> bytes:
        try:
            return await self._ask()
        except TelegramError as error:
            if not (error.rpc_name or "").startswith(_REFERENCE_REFUSED):
                raise
        message = await read_message(Reading(self._account), self._peer, self._message_id)
        self._file = self._pick(message.media)
        return await self._ask()

    async def _ask(self) -> bytes:
        request = functions.upload.GetFileRequest(self._file.location, self._offset, PIECE_BYTES)
        answer = await self._account.runtime.files.call(request, dc_id=self._file.dc_id)
        if not isinstance(answer, t.upload.File):
            raise TelegramError(detail="Telegram wants this file to be fetched from elsewhere.")
        return bytes(answer.bytes)


def _whole(media: Any) -> _File:
    photo, document = _photo_in(media), _document_in(media)
    if photo is not None:
        sizes = [size for size in photo.sizes if _is_picture(size)]
        if sizes:
            return _picture(photo, max(sizes, key=_pixels), "photo")
    if document is None:
        raise MediaNotFound
    described = to_media(media)
    return _File(
        location=_document_location(document, ""),
        dc_id=document.dc_id,
        kind=described.type if described else "document",
        size_bytes=document.size,
        mime_type=document.mime_type or "",
        file_name=described.file_name if described else None,
    )


def _thumb(media: Any) -> _File:
    holder = _photo_in(media) or _document_in(media)
    sizes = (getattr(holder, "sizes", None) or getattr(holder, "thumbs", None)) or ()
    sizes = [size for size in sizes if _is_picture(size)]
    if not sizes:
        raise MediaNotFound
    small = [size for size in sizes if max(size.w, size.h) <= _THUMB_PIXELS]
    chosen = max(small, key=_pixels) if small else min(sizes, key=_pixels)
    return _picture(holder, chosen, "thumb")


def _picture(holder: Any, size: Any, kind: str) -> _File:
    location = (
        t.InputPhotoFileLocation(
            holder.id, holder.access_hash, holder.file_reference, thumb_size=size.type
        )
        if isinstance(holder, t.Photo)
        else _document_location(holder, size.type)
    )
    data = bytes(size.bytes) if isinstance(size, t.PhotoCachedSize) else None
    return _File(
        location=location,
        dc_id=holder.dc_id,
        kind=kind,
        size_bytes=_size_bytes(size),
        mime_type="image/jpeg",
        data=data,
    )


def _document_location(document: Any, thumb_size: str) -> Any:
    return t.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, thumb_size
    )


def _photo_in(media: Any) -> Any:
    photo = media.photo if isinstance(media, t.MessageMediaPhoto) else None
    return photo if isinstance(photo, t.Photo) else None


def _document_in(media: Any) -> Any:
    document = media.document if isinstance(media, t.MessageMediaDocument) else None
    return document if isinstance(document, t.Document) else None


def _is_picture(size: Any) -> bool:
    return isinstance(size, t.PhotoSize | t.PhotoSizeProgressive | t.PhotoCachedSize)


def _pixels(size: Any) -> int:
    return int(size.w * size.h)


def _size_bytes(size: Any) -> int:
    if isinstance(size, t.PhotoSizeProgressive):
        return max(size.sizes, default=0)
    return len(size.bytes) if isinstance(size, t.PhotoCachedSize) else int(size.size)
