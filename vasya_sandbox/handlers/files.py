"""Bytes up and down.

Source: https://core.telegram.org/api/files
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import User
from vasya_sandbox.registry import rpc
from vasya_sandbox.uploads import MAX_PARTS

if TYPE_CHECKING:
    from vasya_sandbox.parts import Stored
    from vasya_sandbox.records import File
    from vasya_sandbox.session import Session

MAX_PART_BYTES = 512 << 10
MEBIBYTE = 1 << 20
_STORAGE = {
    "image/jpeg": t.storage.FileJpeg,
    "image/png": t.storage.FilePng,
    "image/gif": t.storage.FileGif,
    "image/webp": t.storage.FileWebp,
    "application/pdf": t.storage.FilePdf,
    "audio/mpeg": t.storage.FileMp3,
    "video/mp4": t.storage.FileMp4,
}


def _save(session: Session, request: Any) -> None:
    if not 0 <= request.file_part < MAX_PARTS:
        raise RpcError(400, "FILE_PART_INVALID")
    if not request.bytes:
        raise RpcError(400, "FILE_PART_EMPTY")
    if len(request.bytes) > MAX_PART_BYTES:
        raise RpcError(400, "FILE_PART_TOO_BIG")
    parts = session.dc.world.uploads[session.user.id, request.file_id]
    parts[request.file_part] = request.bytes


@rpc(f.upload.SaveFilePartRequest)
def save_file_part(session: Session, request: Any) -> Any:
    """Serve upload.saveFilePart.

    Source: https://core.telegram.org/method/upload.saveFilePart
    """
    _save(session, request)
    return True


@rpc(f.upload.SaveBigFilePartRequest)
def save_big_file_part(session: Session, request: Any) -> Any:
    """Serve upload.saveBigFilePart; -1 parts means that the total is not known yet.

    Source: https://core.telegram.org/method/upload.saveBigFilePart
    """
    total = request.file_total_parts
    if total != -1 and not 0 < total <= MAX_PARTS:
        raise RpcError(400, "FILE_PARTS_INVALID")
    if total != -1 and request.file_part >= total:
        raise RpcError(400, "FILE_PART_INVALID")
    _save(session, request)
    return True


@rpc(f.upload.GetFileRequest)
def get_file(session: Session, request: Any) -> Any:
    """Serve upload.getFile in pieces that do not cross a boundary of 1 MiB.

    Source: https://core.telegram.org/method/upload.getFile
    """
    offset, limit = request.offset, request.limit
    step = 1 << 10 if request.precise else 1 << 12
    if offset < 0 or offset % step:
        raise RpcError(400, "OFFSET_INVALID")
    if not 0 < limit <= MEBIBYTE or limit % step or (not request.precise and MEBIBYTE % limit):
        raise RpcError(400, "LIMIT_INVALID")
    if offset // MEBIBYTE != (offset + limit - 1) // MEBIBYTE:
        raise RpcError(400, "LIMIT_INVALID")
    file, data = _located(session, request.location)
    storage = _STORAGE.get(file.mime_type, t.storage.FileUnknown)
    return t.upload.File(storage(), file.at, data[offset : offset + limit])


def _located(session: Session, location: Any) -> tuple[File, bytes | Stored]:
    world = session.dc.world
    if isinstance(location, t.InputPeerPhotoFileLocation):
        return _peer_photo(session, location)
    if not isinstance(location, t.InputDocumentFileLocation | t.InputPhotoFileLocation):
        raise RpcError(400, "LOCATION_INVALID")
    file = world.files.get(location.id)
    is_photo = isinstance(location, t.InputPhotoFileLocation)
    if (
        file is None
        or (file.kind == "photo") is not is_photo
        or location.access_hash != world.file_hash(session.user, file)
    ):
        raise RpcError(400, "LOCATION_INVALID")
    if location.file_reference != world.file_reference(file):
        raise RpcError(400, "FILE_REFERENCE_EXPIRED")
    if not location.thumb_size:
        if is_photo:
            raise RpcError(400, "LOCATION_INVALID")
        return file, world.content(file)
    for size in file.sizes:
        if size.type == location.thumb_size:
            return file, size.data
    raise RpcError(400, "LOCATION_INVALID")


def _peer_photo(session: Session, location: Any) -> tuple[File, bytes]:
    """Return the photo of a person or chat, which needs no file reference."""
    where = inputs.resolve(session, location.peer)
    owned = where.photos if isinstance(where, User) else [where.photo_id]
    file = session.dc.world.files.get(location.photo_id)
    if file is None or file.id not in owned:
        raise RpcError(400, "PHOTO_ID_INVALID")
    return file, file.sizes[-1 if location.big else 0].data
