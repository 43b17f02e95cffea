"""Profile pictures: those of people, and the account's own."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.photo import PhotoPage, PhotoQuery, SetPhoto
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import user_photos
from vasya_server.telegram.requests.downloads import Download

_ACCOUNT = "/accounts/{account}"
_PHOTOS = _ACCOUNT + "/users/{user}/photos"
_AVATAR = _ACCOUNT + "/avatar"


@read(_PHOTOS, Scope.CONTACTS_READ)
async def list_user_photos(call: Call, query: PhotoQuery) -> PhotoPage:
    """List somebody's profile pictures, the newest first, as far as they show them to the account.

    The first is the one that is shown. Who can be named is as with `GET …/users/{user}`: nobody is 404 `chat_not_found`,
    somebody out of the key's reach 403 `chat_not_allowed`. A cursor of another list or person answers 422
    `validation_failed`.
    """
    return await user_photos.list_photos(
        call.account, call.path["user"], query, call.gateway.cursors
    )


@read(_PHOTOS + "/{photo}", Scope.CONTACTS_READ)
async def get_user_photo(call: Call) -> Download:
    """Download a profile picture by its `id` of the list, in its largest form.

    It is served like the files of messages: as an attachment, with ranges and an `ETag`. One that is not there, or not any
    more, answers 404 `media_not_found`; somebody out of the key's reach 403 `chat_not_allowed`.
    """
    return await user_photos.open_photo(call.account, call.path["user"], call.path["photo"])


@read(_AVATAR, Scope.ACCOUNTS_READ)
async def get_avatar(call: Call) -> Download:
    """Download the picture that the account shows, in its largest form.

    It is served like the files of messages. Without a picture it answers 404 `media_not_found`.
    """
    return await user_photos.open_avatar(call.account)


@mutation("PUT", _AVATAR, Scope.ACCOUNTS_WRITE, telegram(Action.AVATAR_SET), status=204)
async def set_avatar(call: Call, _ready: Ready, body: SetPhoto) -> None:
    """Show an uploaded picture from now on; everybody sees it, and those before it stay behind it.

    `uploadId` is one of `POST …/uploads`, by the same credential. One that is not there, or not any more, answers 404
    `upload_not_found`; one that is `not_a_picture`, `too_small` or of a `wrong_size` 422 `validation_failed`.
    """
    await user_photos.set_avatar(call.account, body.upload_id, lineage=call.who.lineage)


@mutation("DELETE", _AVATAR, Scope.ACCOUNTS_WRITE, telegram(Action.AVATAR_DELETE), status=204)
async def delete_avatar(call: Call, ready: Ready) -> None:
    """Take away the picture that the account shows; the one before it, where there is one, is shown then.

    Without a picture it is a success. Where no answer came back it answers 409 `outcome_unknown`: look at `GET …/avatar`
    before it is repeated.
    """
    await user_photos.delete_avatar(call.account, is_redrive=ready.is_redrive)
