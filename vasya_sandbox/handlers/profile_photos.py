"""The caller's own profile pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import content_views, uploads, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import FileMedia
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

MIN_SIDE = 160


@rpc(f.photos.UploadProfilePhotoRequest)
def upload_profile_photo(session: Session, request: Any) -> Any:
    """Serve photos.uploadProfilePhoto: the new picture is shown, and those before it stay behind it.

    Source: https://core.telegram.org/method/photos.uploadProfilePhoto
    """
    if request.file is None:
        raise RpcError(400, "PHOTO_FILE_MISSING")
    made = uploads.media(session, t.InputMediaUploadedPhoto(request.file))
    file = session.dc.world.files[made.file_id] if isinstance(made, FileMedia) else None
    if file is None or min(file.sizes[-1].width, file.sizes[-1].height) < MIN_SIDE:
        raise RpcError(400, "PHOTO_CROP_SIZE_SMALL")
    world, me = session.dc.world, session.user
    me.photos.append(file.id)
    _tell(session)
    return t.photos.Photo(content_views.photo(world, me, file), [views.user(world, me, me)])


@rpc(f.photos.DeletePhotosRequest)
def delete_photos(session: Session, request: Any) -> Any:
    """Serve photos.deletePhotos: the ids of those that were there; behind the first of the rest nothing changes.

    Source: https://core.telegram.org/method/photos.deletePhotos
    """
    photos = session.user.photos
    gone = [given.id for given in request.id if getattr(given, "id", 0) in photos]
    for photo_id in gone:
        photos.remove(photo_id)
    if gone:
        _tell(session)
    return gone


def _tell(session: Session) -> None:
    """Tell the caller's other devices that they look different now."""
    world, me = session.dc.world, session.user
    session.dc.push(me, [t.UpdateUser(me.id)], **views.entities(world, me, []), skip=session)
