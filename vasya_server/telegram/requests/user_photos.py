"""Profile pictures: those of anybody within reach, and the account's own, which can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import (
    FieldError,
    MediaNotFound,
    OutcomeUnknown,
    TelegramError,
    UploadNotFound,
    ValidationFailed,
)
from vasya_server.model.person import UserPhoto, UserPhotoPage
from vasya_server.telegram.peers import ResolvedPeer, resolve_user
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.downloads import Download, photo_file
from vasya_server.telegram.requests.fetching import Fetching
from vasya_server.telegram.requests.uploads import input_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.person import UserPhotoQuery
    from vasya_server.telegram.requests.fetching import RemoteFile
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_user_photos"
_PAGE: Final = 100
# Who looks for one picture looks through three hundred.
_MAX_PAGES: Final = 3
_NO_PICTURE: Final = {
    "PHOTO_CROP_FILE_MISSING": "not_a_picture",
    "PHOTO_CROP_SIZE_SMALL": "too_small",
    "PHOTO_EXT_INVALID": "not_a_picture",
    "PHOTO_FILE_MISSING": "not_a_picture",
    "PHOTO_INVALID": "not_a_picture",
    "PHOTO_INVALID_DIMENSIONS": "wrong_size",
    "IMAGE_PROCESS_FAILED": "not_a_picture",
}


async def list_photos(
    account: AccountView, reference: str, query: UserPhotoQuery, cursors: Cursors
) -> UserPhotoPage:
    """Return a page of somebody's profile pictures, the newest first.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names nobody, or nobody within reach.
        ValidationFailed: It names a group or channel, or the cursor is not one of this list.

    Source: https://core.telegram.org/method/photos.getUserPhotos
    """
    reading = Reading(account)
    peer = await resolve_user(reading, reference)
    runtime, filters = account.runtime, b"%d" % peer.id
    offset = 0
    if query.cursor is not None:
        place = (runtime.owner, runtime.id, _ROUTE, query.cursor, int)
        try:
            offset = cursors.read(*place, filters=filters)
        except CursorInvalid as error:
            raise ValidationFailed(FieldError("?cursor", "invalid")) from error
    found: list[Any] = []
    total = offset + 1
    while len(found) < query.limit and offset < total:
        answer = await _ask(reading, peer, offset, min(query.limit - len(found), _PAGE))
        found += answer.photos
        offset += len(answer.photos)
        total = answer.count if answer.photos and hasattr(answer, "count") else offset
    after = None
    if offset < total:
        after = cursors.write(runtime.owner, runtime.id, _ROUTE, offset, filters=filters)
    items = [_told(photo) for photo in found if isinstance(photo, t.Photo)]
    return UserPhotoPage(items=items, next=after)


async def _ask(reading: Reading, peer: ResolvedPeer, offset: int, limit: int) -> Any:
    user = utils.get_input_user(peer.input_peer)
    return await reading.call(functions.photos.GetUserPhotosRequest(user, offset, 0, limit))


def _told(photo: Any) -> UserPhoto:
    file = photo_file(photo)
    widest = max(photo.sizes, key=lambda size: getattr(size, "w", 0), default=None)
    return UserPhoto(
        id=str(photo.id),
        added_at=photo.date,
        size_bytes=file.size_bytes if file else 0,
        width=getattr(widest, "w", 0),
        height=getattr(widest, "h", 0),
        has_video=bool(photo.video_sizes),
    )


async def open_photo(account: AccountView, reference: str, photo_id: str) -> Download:
    """Return one of somebody's profile pictures.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names nobody, or nobody within reach.
        MediaNotFound: They have no such picture, or not any more.
    """
    peer = await resolve_user(Reading(account), reference)

    async def look() -> Any:
        return await _find(Reading(account), peer, photo_id)

    return await _open(account, peer, look)


async def _find(reading: Reading, peer: ResolvedPeer, photo_id: str) -> Any:
    for page in range(_MAX_PAGES):
        answer = await _ask(reading, peer, page * _PAGE, _PAGE)
        for photo in answer.photos:
            if str(photo.id) == photo_id:
                return photo
        if len(answer.photos) < _PAGE:
            break
    return None


async def open_avatar(account: AccountView) -> Download:
    """Return the picture that the account shows.

    Raises:
        MediaNotFound: It shows none.
    """
    own = _own(account)

    async def look() -> Any:
        photos = (await _ask(Reading(account), own, 0, 1)).photos
        return photos[0] if photos else None

    return await _open(account, own, look)


def _own(account: AccountView) -> ResolvedPeer:
    return ResolvedPeer(account.runtime.user_id, t.InputPeerSelf())


async def _open(
    account: AccountView, owner: ResolvedPeer, look: Callable[[], Awaitable[Any]]
) -> Download:
    async def renew() -> RemoteFile:
        photo = await look()
        file = photo_file(photo) if isinstance(photo, t.Photo) else None
        if file is None:
            raise MediaNotFound(
                "There is no such picture, or not any more.",
                remedy="GET …/users/{user}/photos lists the pictures that are there; for the account's own, {user} is me.",
            )
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


async def set_avatar(account: AccountView, upload_id: str, *, lineage: str) -> None:
    """Show the uploaded picture from now on; those before it stay behind it.

    Where the connection breaks at the wrong moment the same picture may stand there twice; it is shown all the same.

    Raises:
        UploadNotFound: There is no such upload, or its time is over.
        ValidationFailed: It is no picture, or none that Telegram takes.

    Source: https://core.telegram.org/method/photos.uploadProfilePhoto
    """
    file = await account.runtime.uploads.find(lineage, upload_id)
    if not file.is_photo:
        raise ValidationFailed(FieldError("/uploadId", "not_a_picture", ("JPEG, PNG or WebP",)))
    request = functions.photos.UploadProfilePhotoRequest(file=input_file(file))
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        name = error.rpc_name or ""
        if name.startswith("FILE_PART"):
            raise UploadNotFound from error
        if name in _NO_PICTURE:
            raise ValidationFailed(FieldError("/uploadId", _NO_PICTURE[name])) from error
        raise


async def delete_avatar(account: AccountView, *, is_redrive: bool) -> None:
    """Take the picture away that the account shows; the one before it, where there is one, is shown then.

    Raises:
        OutcomeUnknown: It was asked for before, and nobody knows whether the picture of now is the one that was meant.

    Source: https://core.telegram.org/method/photos.deletePhotos
    """
    if is_redrive:
        raise OutcomeUnknown
    photos = (await _ask(Reading(account), _own(account), 0, 1)).photos
    if photos:
        shown = utils.get_input_photo(photos[0])
        request = functions.photos.DeletePhotosRequest([shown])
        await account.runtime.mutate(request, is_exactly_once=True)
