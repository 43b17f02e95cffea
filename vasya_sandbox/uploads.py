"""From what a client uploaded or names to what a message carries."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox.errors import RpcError
from vasya_sandbox.images import dimensions
from vasya_sandbox.parts import IN_MEMORY_BYTES, Parts, Stored
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import ContactCard, FileMedia, Place, Size, WebPage

if TYPE_CHECKING:
    from vasya_sandbox.records import File, FileKind, Media
    from vasya_sandbox.session import Session

# Premium accounts have twice as many; nobody here is one.
MAX_PARTS = 4_000
# Enough for every file that a client has in hand; the parts are in memory.
KEPT_UPLOADS = 32
MIN_OPTIONS, MAX_OPTIONS = 2, 12


def media(session: Session, given: Any) -> Media:
    """Return the attachment that an InputMedia describes.

    Raises:
        RpcError: MEDIA_EMPTY, MEDIA_INVALID, FILE_PARTS_INVALID, FILE_REFERENCE_EXPIRED and their kin.
    """
    match given:
        case t.InputMediaUploadedPhoto():
            return FileMedia(_photo(session, assemble(session, given.file)).id)
        case t.InputMediaUploadedDocument():
            return FileMedia(_document(session, given).id)
        case t.InputMediaPhoto() | t.InputMediaDocument():
            return FileMedia(_known(session, given.id).id)
        case t.InputMediaGeoPoint(geo_point=t.InputGeoPoint() as point):
            return Place(point.lat, point.long)
        case t.InputMediaVenue(geo_point=t.InputGeoPoint() as point):
            return Place(point.lat, point.long, given.title, given.address)
        case t.InputMediaContact():
            phone = given.phone_number.lstrip("+")
            owner = session.dc.world.by_phone(phone)
            user_id = owner.id if owner else 0
            return ContactCard(phone, given.first_name, given.last_name, user_id)
        case t.InputMediaPoll():
            return _poll(session, given)
        case t.InputMediaWebPage():
            return WebPage(given.url)
        case t.InputMediaEmpty():
            raise RpcError(400, "MEDIA_EMPTY")
    raise RpcError(400, "MEDIA_INVALID")


def assemble(session: Session, given: Any) -> bytes | Stored:
    """Return the parts of an upload in one piece; they stay for a while and may be used again.

    Raises:
        RpcError: FILE_PARTS_INVALID, FILE_PART_x_MISSING, FILE_PART_SIZE_CHANGED or MD5_CHECKSUM_INVALID.
    """
    if not 0 < given.parts <= MAX_PARTS:
        raise RpcError(400, "FILE_PARTS_INVALID")
    key = session.user.id, given.id
    parts = session.dc.world.uploads.get(key) or Parts()
    for index in range(given.parts):
        if index not in parts:
            raise RpcError(400, f"FILE_PART_{index}_MISSING")
    if len({parts.size_bytes(index) for index in range(given.parts - 1)}) > 1:
        raise RpcError(400, "FILE_PART_SIZE_CHANGED")
    _keep(session.dc.world.uploads, key)
    stored = Stored(parts, given.parts)
    if len(stored) > IN_MEMORY_BYTES:
        return stored
    data = stored[:]
    checksum = getattr(given, "md5_checksum", "")
    if checksum and md5(data).hexdigest() != checksum:
        raise RpcError(400, "MD5_CHECKSUM_INVALID")
    return data


def _keep(uploads: dict[tuple[int, int], Parts], key: tuple[int, int]) -> None:
    """Make *key* the newest of the uploads and forget the oldest: Telegram keeps parts for less than a day."""
    uploads[key] = uploads.pop(key)
    while len(uploads) > KEPT_UPLOADS:
        del uploads[next(iter(uploads))]


def _photo(session: Session, data: bytes | Stored) -> File:
    size = dimensions(data) if isinstance(data, bytes) else None
    if size is None or not isinstance(data, bytes):
        raise RpcError(400, "IMAGE_PROCESS_FAILED")
    if not 0 < sum(size) <= 10_000:  # noqa: PLR2004 - Telegram's limit on width plus height
        raise RpcError(400, "PHOTO_INVALID_DIMENSIONS")
    sizes = [Size("y", *size, data)]
    return session.dc.world.add_file("photo", "image/jpeg", sizes=sizes)


def _document(session: Session, given: Any) -> File:
    kind: FileKind = "document"
    details: dict[str, Any] = {}
    for attribute in given.attributes:
        match attribute:
            case t.DocumentAttributeFilename():
                details["name"] = attribute.file_name
            case t.DocumentAttributeAudio():
                kind = "voice" if attribute.voice else "audio"
                details["duration_secs"] = attribute.duration
                details |= {"title": attribute.title or "", "performer": attribute.performer or ""}
            case t.DocumentAttributeVideo():
                kind = "video_note" if attribute.round_message else kind
                kind = "video" if kind == "document" else kind
                details["duration_secs"] = int(attribute.duration)
                details |= {"width": attribute.w, "height": attribute.h}
            case t.DocumentAttributeImageSize():
                details |= {"width": attribute.w, "height": attribute.h}
            case t.DocumentAttributeSticker():
                kind = "sticker"
                details["emoji"] = attribute.alt
            case t.DocumentAttributeAnimated():
                kind = "gif"
    if given.force_file:
        kind = "document"
    data, world = assemble(session, given.file), session.dc.world
    if isinstance(data, bytes):
        return world.add_file(kind, given.mime_type, data=data, **details)
    file = world.add_file(kind, given.mime_type, **details)
    world.stored[file.id] = data
    return file


def _known(session: Session, given: Any) -> File:
    """Return a file that the caller was shown, sent again by reference."""
    world = session.dc.world
    file = world.files.get(getattr(given, "id", 0))
    if file is None or given.access_hash != world.file_hash(session.user, file):
        raise RpcError(400, "MEDIA_EMPTY")
    if given.file_reference != world.file_reference(file):
        raise RpcError(400, "FILE_REFERENCE_EXPIRED")
    return file


def _poll(session: Session, given: Any) -> Poll:
    options = [answer.text.text for answer in given.poll.answers]
    if not MIN_OPTIONS <= len(options) <= MAX_OPTIONS:
        raise RpcError(400, "POLL_ANSWERS_INVALID")
    if len({*options}) < len(options):
        raise RpcError(400, "POLL_OPTION_DUPLICATE")
    if not given.poll.question.text:
        raise RpcError(400, "POLL_QUESTION_INVALID")
    if given.poll.multiple_choice and given.correct_answers:
        raise RpcError(400, "QUIZ_MULTIPLE_INVALID")
    return Poll(
        session.dc.world.last_number + 1,
        given.poll.question.text,
        options,
        [[] for _ in options],
        is_multiple=bool(given.poll.multiple_choice),
        is_public=bool(given.poll.public_voters),
        correct_option=_correct_option(given, len(options)),
        closes_at=int(given.poll.close_date.timestamp()) if given.poll.close_date else 0,
        explanation=given.solution or "",
    )


def _correct_option(given: Any, count: int) -> int | None:
    """Return the index of a quiz's right answer."""
    if not given.correct_answers:
        return None
    if len(given.correct_answers) > 1 or not 0 <= given.correct_answers[0] < count:
        raise RpcError(400, "QUIZ_CORRECT_ANSWER_INVALID")
    return int(given.correct_answers[0])
