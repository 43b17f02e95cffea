"""The files that messages carry, whole or as a small picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from telethon.tl import types as t

from vasya_server.errors import MediaNotFound
from vasya_server.telegram.media import to_media
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.fetching import Fetching, RemoteFile
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import TypeAlias

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

    Pick: TypeAlias = Callable[[Any], RemoteFile]

_THUMB_PIXELS: Final = 320


class Source(Protocol):
    """Where the bytes of a download come from."""

    async def begin(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        """Return what yields the bytes from *start* up to *stop*, or fails; the first piece is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that can be had from Telegram; nothing of it is fetched yet.

    Args:
        account: Its account, as who gets it sees that.
        chat: Where it was sent, or whose it is.
        message_id: None: no message carries it.
        kind: `photo`, `video`, …, as in the message's media; `thumb` for a small picture of it.
        file_name: As its sender wrote it, unchecked.
        mime_type: As its sender claimed.
        version: The same for the same bytes, and for no others.
    """

    account: AccountView
    chat: ResolvedPeer
    message_id: int | None
    kind: str
    file_name: str | None
    mime_type: str
    size_bytes: int
    version: str
    source: Source


async def open_media(account: AccountView, reference: str, message_id: int) -> Download:
    """Return the file of a message.

    Raises:
        ChatNotFound, MessageNotFound: There is no such chat or message.
        MediaNotFound: It carries no file.
        TelegramError: Telegram does not show it.
    """
    return await _open(account, reference, message_id, _whole)


async def open_thumb(account: AccountView, reference: str, message_id: int) -> Download:
    """Return a small picture of what a message carries.

    Raises:
        ChatNotFound, MessageNotFound: There is no such chat or message.
        MediaNotFound: It carries nothing that has one.
        TelegramError: Telegram does not show it.
    """
    return await _open(account, reference, message_id, _thumb)


async def _open(account: AccountView, reference: str, message_id: int, pick: Pick) -> Download:
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    message = await read_message(reading, peer, message_id)
    require_readable(reading, [message])
    file = pick(message.media)

    async def renew() -> RemoteFile:
        return pick((await read_message(Reading(account), peer, message_id)).media)

    return Download(
        account=account,
        chat=peer,
        message_id=message_id,
        kind=file.kind,
        file_name=file.file_name,
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        version=file.version,
        source=Fetching(account, file, renew),
    )


def _whole(media: Any) -> RemoteFile:
    photo, document = _photo_in(media), _document_in(media)
    if photo is not None and (file := photo_file(photo)) is not None:
        return file
    if document is None:
        raise MediaNotFound
    described = to_media(media)
    return RemoteFile(
        location=_document_location(document, ""),
        dc_id=document.dc_id,
        kind=described.type if described else "document",
        size_bytes=document.size,
        mime_type=document.mime_type or "",
        file_name=described.file_name if described else None,
    )


def photo_file(photo: Any) -> RemoteFile | None:
    """Return the largest picture of a `Photo`; None where it has none that is a file."""
    sizes = [size for size in photo.sizes if _is_picture(size)]
    return _picture(photo, max(sizes, key=_pixels), "photo") if sizes else None


def _thumb(media: Any) -> RemoteFile:
    holder = _photo_in(media) or _document_in(media)
    sizes = (getattr(holder, "sizes", None) or getattr(holder, "thumbs", None)) or ()
    sizes = [size for size in sizes if _is_picture(size)]
    if not sizes:
        raise MediaNotFound
    small = [size for size in sizes if max(size.w, size.h) <= _THUMB_PIXELS]
    chosen = max(small, key=_pixels) if small else min(sizes, key=_pixels)
    return _picture(holder, chosen, "thumb")


def _picture(holder: Any, size: Any, kind: str) -> RemoteFile:
    location = (
        t.InputPhotoFileLocation(
            holder.id, holder.access_hash, holder.file_reference, thumb_size=size.type
        )
        if isinstance(holder, t.Photo)
        else _document_location(holder, size.type)
    )
    data = bytes(size.bytes) if isinstance(size, t.PhotoCachedSize) else None
    return RemoteFile(
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
