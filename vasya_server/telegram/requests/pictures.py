"""What pictures of chats and of people have in common: how they are told, opened, and taken from an upload."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.errors import (
    FieldError,
    MediaNotFound,
    TelegramError,
    UploadNotFound,
    ValidationFailed,
)
from vasya_server.model.photo import Photo
from vasya_server.telegram.requests.downloads import Download, photo_file
from vasya_server.telegram.requests.fetching import Fetching
from vasya_server.telegram.requests.uploads import input_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.requests.fetching import RemoteFile
    from vasya_server.telegram.view import AccountView

# Who looks for one picture looks through three hundred.
PAGE: Final = 100
MAX_PAGES: Final = 3
_NO_PICTURE: Final = {
    "PHOTO_CROP_FILE_MISSING": "not_a_picture",
    "PHOTO_CROP_SIZE_SMALL": "too_small",
    "PHOTO_EXT_INVALID": "not_a_picture",
    "PHOTO_FILE_MISSING": "not_a_picture",
    "PHOTO_INVALID": "not_a_picture",
    "PHOTO_INVALID_DIMENSIONS": "wrong_size",
    "IMAGE_PROCESS_FAILED": "not_a_picture",
}


def told(photo: Any, message_id: int | None = None) -> Photo:
    """Return what a list tells of a picture.

    Args:
        message_id: The note of it, where the chat holds one.
    """
    file = photo_file(photo)
    widest = max(photo.sizes, key=lambda size: getattr(size, "w", 0), default=None)
    return Photo(
        id=str(photo.id),
        added_at=photo.date,
        message_id=message_id,
        size_bytes=file.size_bytes if file else 0,
        width=getattr(widest, "w", 0),
        height=getattr(widest, "h", 0),
        has_video=bool(photo.video_sizes),
    )


async def open_picture(
    account: AccountView,
    owner: ResolvedPeer,
    look: Callable[[], Awaitable[Any]],
    *,
    listed_at: str,
) -> Download:
    """Return a picture.

    Args:
        look: Finds it, now and whenever Telegram has forgotten that it was asked for.
        listed_at: Where those that are there can be seen.

    Raises:
        MediaNotFound: It is not there.
    """

    async def renew() -> RemoteFile:
        photo = await look()
        file = photo_file(photo) if isinstance(photo, t.Photo) else None
        if file is None:
            raise MediaNotFound("There is no such picture, or not any more.", remedy=listed_at)
        return file

    file = await renew()
    return Download(
        account=account,
        chat=owner,
        message_id=None,
        kind=file.kind,
        file_name=None,
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        version=file.version,
        source=Fetching(account, file, renew),
    )


async def uploaded_picture(account: AccountView, upload_id: str, *, lineage: str) -> Any:
    """Return an upload as Telegram takes a picture.

    Raises:
        UploadNotFound: There is no such upload, or its time is over.
        ValidationFailed: It is no picture.
    """
    file = await account.runtime.uploads.find(lineage, upload_id)
    if not file.is_photo:
        raise ValidationFailed(FieldError("/uploadId", "not_a_picture", ("JPEG, PNG or WebP",)))
    return input_file(file)


@contextlib.contextmanager
def refusing_pictures() -> Iterator[None]:
    """Say of an upload that Telegram takes for no picture what is wrong with it.

    Raises:
        UploadNotFound: Telegram has forgotten it.
        ValidationFailed: It is none that Telegram takes.
    """
    try:
        yield
    except TelegramError as error:
        name = error.rpc_name or ""
        if name.startswith("FILE_PART"):
            raise UploadNotFound from error
        if name in _NO_PICTURE:
            raise ValidationFailed(FieldError("/uploadId", _NO_PICTURE[name])) from error
        raise
