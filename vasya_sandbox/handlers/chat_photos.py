"""The picture of a group or channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, standing, uploads
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.clearing import own_group
from vasya_sandbox.records import Action, Channel, FileMedia, Group
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.messages.EditChatPhotoRequest)
def edit_chat_photo(session: Session, request: Any) -> Any:
    """Serve messages.editChatPhoto.

    Source: https://core.telegram.org/method/messages.editChatPhoto
    """
    return _show(session, own_group(session, request.chat_id), request.photo)


@rpc(f.channels.EditPhotoRequest)
def edit_photo(session: Session, request: Any) -> Any:
    """Serve channels.editPhoto.

    Source: https://core.telegram.org/method/channels.editPhoto
    """
    return _show(session, inputs.channel(session, request.channel), request.photo)


def _show(session: Session, where: Group | Channel, given: Any) -> Any:
    """Give a chat another picture, or none: a service message, and the news that the chat is another now."""
    world, me = session.dc.world, session.user
    standing.require(where, me, "change_info")
    picture = _picture(session, given)
    if where.photo_id == (picture.file_id if picture else 0):
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    where.photo_id = picture.file_id if picture else 0
    action = Action("ChatEditPhoto" if picture else "ChatDeletePhoto")
    posted = world.post(me, where, action=action, media=picture)
    return answer(session, [*posted.notices, *changes.announce(world, where)])


def _picture(session: Session, given: Any) -> FileMedia | None:
    """Return the photo that is uploaded or named; None: there is to be none.

    Raises:
        RpcError: PHOTO_CROP_SIZE_SMALL, PHOTO_INVALID, FILE_REFERENCE_EXPIRED and their kin.
    """
    match given:
        case t.InputChatPhotoEmpty():
            return None
        case t.InputChatUploadedPhoto(file=file) if file is not None:
            found = uploads.media(session, t.InputMediaUploadedPhoto(file))
        case t.InputChatPhoto(id=t.InputPhoto() as photo):
            found = uploads.media(session, t.InputMediaPhoto(photo))
        case _:
            raise RpcError(400, "PHOTO_INVALID")
    if not isinstance(found, FileMedia) or session.dc.world.files[found.file_id].kind != "photo":
        raise RpcError(400, "PHOTO_INVALID")
    return found
