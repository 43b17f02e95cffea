"""The picture that a chat shows, and those that it has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.model.photo import PhotoPage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.chat_details import photo_of, read_full
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.chat_settings import is_so
from vasya_server.telegram.requests.pictures import (
    MAX_PAGES,
    PAGE,
    open_picture,
    refusing_pictures,
    told,
    uploaded_picture,
)

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.photo import PhotoQuery
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.requests.downloads import Download
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_chat_photos"
_LISTED: Final = "GET …/chats/{chat}/photos lists the pictures that are there."


async def open_photo(account: AccountView, reference: str) -> Download:
    """Return the picture that a chat shows.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names none, or none that may be read.
        MediaNotFound: It shows none.
    """
    peer = await resolve_in(Reading(account), reference)

    async def look() -> Any:
        return photo_of(await read_full(Reading(account), peer.id, peer.input_peer))

    return await open_picture(account, peer, look, listed_at=_LISTED)


async def open_earlier(account: AccountView, reference: str, photo_id: str) -> Download:
    """Return one of the pictures that a chat shows or has shown, by its id.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names none, or none that may be read.
        MediaNotFound: It has not shown it, or longer ago than three hundred pictures.
    """
    peer = await resolve_in(Reading(account), reference)

    async def look() -> Any:
        reading, place = Reading(account), 0
        for _ in range(MAX_PAGES):
            found, place = await _page(reading, peer, place, PAGE)
            for photo, _message_id in found:
                if str(photo.id) == photo_id:
                    return photo
            if not place:
                break
        return None

    return await open_picture(account, peer, look, listed_at=_LISTED)


async def list_photos(
    account: AccountView, reference: str, query: PhotoQuery, cursors: Cursors
) -> PhotoPage:
    """Return a page of the pictures that a chat shows and has shown, the newest first.

    Raises:
        ChatNotFound, ChatNotAllowed: The reference names none, or none that may be read.
        ValidationFailed: The cursor is not one of this list.

    Source: https://core.telegram.org/method/photos.getUserPhotos, https://core.telegram.org/constructor/inputMessagesFilterChatPhotos
    """
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    bookmarks = Bookmarks(account, cursors, _ROUTE, int, b"%d" % peer.id)
    found, place = await _page(reading, peer, bookmarks.read(query.cursor) or 0, query.limit)
    return PhotoPage(items=[told(*each) for each in found], next=bookmarks.write(place or None))


async def _page(
    reading: Reading, peer: ResolvedPeer, place: int, limit: int
) -> tuple[list[tuple[Any, int | None]], int]:
    """Return pictures, each with the message that tells of it, and the place behind them.

    Args:
        place: Of a person how many were told, of other chats the last message; 0: the newest.

    Returns:
        The place is 0 where nothing follows.
    """
    if peer.id > 0:
        user = utils.get_input_user(peer.input_peer)
        request: TLRequest = functions.photos.GetUserPhotosRequest(user, place, 0, limit)
        answer = await reading.call(request)
        behind = place + len(answer.photos)
        has_more = bool(answer.photos) and behind < getattr(answer, "count", 0)
        photos = [photo for photo in answer.photos if isinstance(photo, t.Photo)]
        return [(photo, None) for photo in photos], behind if has_more else 0
    request = functions.messages.SearchRequest(
        peer=peer.input_peer,
        q="",
        filter=t.InputMessagesFilterChatPhotos(),
        min_date=None,
        max_date=None,
        offset_id=place,
        add_offset=0,
        # One more than is wanted tells whether anything follows.
        limit=limit + 1,
        max_id=0,
        min_id=0,
        hash=0,
    )
    messages = (await reading.call(request)).messages
    shown = messages[:limit]
    noted = [(message.action.photo, message.id) for message in shown if _has_photo(message)]
    return noted, shown[-1].id if len(messages) > limit else 0


def _has_photo(message: Any) -> bool:
    return isinstance(getattr(getattr(message, "action", None), "photo", None), t.Photo)


async def set_photo(
    account: AccountView, peer: ResolvedPeer, upload_id: str, *, lineage: str
) -> None:
    """Show the uploaded picture from now on; the chat shows a note of it.

    It is sent once: a copy would be another picture, and another note.

    Raises:
        UploadNotFound: There is no such upload, or its time is over.
        ValidationFailed: It is no picture, or none that Telegram takes, or it is a private chat.
        AdminRequired: The account may not change it.
        OutcomeUnknown: It was sent and no answer came back.

    Source: https://core.telegram.org/method/channels.editPhoto, https://core.telegram.org/method/messages.editChatPhoto
    """
    _require_group(peer)
    picture = await uploaded_picture(account, upload_id, lineage=lineage)
    with refusing_pictures():
        request = _request(peer, t.InputChatUploadedPhoto(picture))
        await account.runtime.mutate(request, is_exactly_once=False)


async def delete_photo(account: AccountView, peer: ResolvedPeer) -> None:
    """Show no picture any more; where none is shown that is a success.

    Raises:
        ValidationFailed: It is a private chat.
        AdminRequired: The account may not change it.
    """
    _require_group(peer)
    try:
        request = _request(peer, t.InputChatPhotoEmpty())
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if not is_so(error):
            raise


def _require_group(peer: ResolvedPeer) -> None:
    if peer.id > 0:
        raise ValidationFailed(FieldError("{chat}", "not_a_group"))


def _request(peer: ResolvedPeer, photo: Any) -> TLRequest:
    if peer.is_channel:
        return functions.channels.EditPhotoRequest(peer.input_peer, photo)
    return functions.messages.EditChatPhotoRequest(-peer.id, photo)
