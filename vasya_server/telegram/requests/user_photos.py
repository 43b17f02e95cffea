"""Profile pictures: those of anybody within reach, and the account's own, which can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.errors import OutcomeUnknown
from vasya_server.model.photo import PhotoPage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.peers import ResolvedPeer, resolve_user
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.pictures import (
    MAX_PAGES,
    PAGE,
    open_picture,
    refusing_pictures,
    told,
    uploaded_picture,
)

if TYPE_CHECKING:
    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.photo import PhotoQuery
    from vasya_server.telegram.requests.downloads import Download
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_user_photos"
_LISTED: Final = "GET …/users/{user}/photos lists the pictures that are there; for the account's own, {user} is me."


async def list_photos(
    account: AccountView, reference: str, query: PhotoQuery, cursors: Cursors
) -> PhotoPage:
    """Return a page of somebody's profile pictures, the newest first.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names nobody, or nobody within reach.
        ValidationFailed: It names a group or channel, or the cursor is not one of this list.

    Source: https://core.telegram.org/method/photos.getUserPhotos
    """
    reading = Reading(account)
    peer = await resolve_user(reading, reference)
    bookmarks = Bookmarks(account, cursors, _ROUTE, int, b"%d" % peer.id)
    offset = bookmarks.read(query.cursor) or 0
    found: list[Any] = []
    total = offset + 1
    while len(found) < query.limit and offset < total:
        answer = await _ask(reading, peer, offset, min(query.limit - len(found), PAGE))
        found += answer.photos
        offset += len(answer.photos)
        total = answer.count if answer.photos and hasattr(answer, "count") else offset
    after = bookmarks.write(offset if offset < total else None)
    items = [told(photo) for photo in found if isinstance(photo, t.Photo)]
    return PhotoPage(items=items, next=after)


async def _ask(reading: Reading, peer: ResolvedPeer, offset: int, limit: int) -> Any:
    user = utils.get_input_user(peer.input_peer)
    return await reading.call(functions.photos.GetUserPhotosRequest(user, offset, 0, limit))


async def open_photo(account: AccountView, reference: str, photo_id: str) -> Download:
    """Return one of somebody's profile pictures.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names nobody, or nobody within reach.
        MediaNotFound: They have no such picture, or not any more.
    """
    peer = await resolve_user(Reading(account), reference)

    async def look() -> Any:
        return await _find(Reading(account), peer, photo_id)

    return await open_picture(account, peer, look, listed_at=_LISTED)


async def _find(reading: Reading, peer: ResolvedPeer, photo_id: str) -> Any:
    for page in range(MAX_PAGES):
        answer = await _ask(reading, peer, page * PAGE, PAGE)
        for photo in answer.photos:
            if str(photo.id) == photo_id:
                return photo
        if len(answer.photos) < PAGE:
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

    return await open_picture(account, own, look, listed_at=_LISTED)


def _own(account: AccountView) -> ResolvedPeer:
    return ResolvedPeer(account.runtime.user_id, t.InputPeerSelf())


async def set_avatar(account: AccountView, upload_id: str, *, lineage: str) -> None:
    """Show the uploaded picture from now on; those before it stay behind it.

    Where the connection breaks at the wrong moment the same picture may stand there twice; it is shown all the same.

    Raises:
        UploadNotFound: There is no such upload, or its time is over.
        ValidationFailed: It is no picture, or none that Telegram takes.

    Source: https://core.telegram.org/method/photos.uploadProfilePhoto
    """
    picture = await uploaded_picture(account, upload_id, lineage=lineage)
    with refusing_pictures():
        request = functions.photos.UploadProfilePhotoRequest(file=picture)
        await account.runtime.mutate(request, is_exactly_once=True)


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
