"""The picture that a chat shows, and those that it has shown."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.photo import PhotoPage, PhotoQuery, SetPhoto
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import chat_photos
from vasya_server.telegram.requests.downloads import Download

_CHAT = "/accounts/{account}/chats/{chat}"
_PHOTO = _CHAT + "/photo"
_PHOTOS = _CHAT + "/photos"


@read(_PHOTO, Scope.CHATS_READ)
async def get_chat_photo(call: Call) -> Download:
    """Download the picture that a chat shows, in its largest form.

    It is served like the files of messages: as an attachment, with ranges and an `ETag`. Without a picture (`hasPhoto`
    is not told) it answers 404 `media_not_found`.
    """
    return await chat_photos.open_photo(call.account, call.path["chat"])


@mutation(
    "PUT",
    _PHOTO,
    Scope.CHATS_WRITE,
    telegram(Action.CHAT_PHOTO_SET, is_repeatable=False),
    status=204,
)
async def set_chat_photo(call: Call, ready: Ready, body: SetPhoto) -> None:
    """Show an uploaded picture from now on, for everybody in the group or channel; a note in the chat says so.

    `uploadId` is one of POST …/uploads, by the same credential. One that is not there, or not any more, answers 404
    `upload_not_found`; one that is `not_a_picture`, `too_small` or of a `wrong_size`, and a private chat, 422
    `validation_failed`. Where the account may not change it: 403 `admin_required`. It is sent at most once: where no
    answer came back it stays 409 `outcome_unknown`, and GET …/photo tells which picture is shown.
    """
    await chat_photos.set_photo(call.account, ready.chat, body.upload_id, lineage=call.who.lineage)


@mutation("DELETE", _PHOTO, Scope.CHATS_WRITE, telegram(Action.CHAT_PHOTO_DELETE), status=204)
async def delete_chat_photo(call: Call, ready: Ready) -> None:
    """Show no picture of a group or channel any more; where none is shown it is a success.

    Those that were shown stay in the list of pictures. Where the account may not change it: 403 `admin_required`; a
    private chat: 422 `validation_failed`.
    """
    await chat_photos.delete_photo(call.account, ready.chat)


@read(_PHOTOS, Scope.CHATS_READ)
async def list_chat_photos(call: Call, query: PhotoQuery) -> PhotoPage:
    """List the pictures that a chat shows and has shown, the newest first.

    Of a group or channel those that its notes tell of; of a person those that they show. A cursor of another list
    or chat answers 422 `validation_failed`.
    """
    return await chat_photos.list_photos(
        call.account, call.path["chat"], query, call.gateway.cursors
    )


@read(_PHOTOS + "/{photo}", Scope.CHATS_READ)
async def get_earlier_chat_photo(call: Call) -> Download:
    """Download a picture of a chat by its `id` of the list, in its largest form.

    It is served like the files of messages. One that is not there, or not any more, answers 404 `media_not_found`.
    """
    return await chat_photos.open_earlier(call.account, call.path["chat"], call.path["photo"])
