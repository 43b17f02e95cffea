"""What a message carries beside its text, and what a service message reports, in Vasya's words.

Both are total: a constructor that no table names is called by its own name in snake_case, so that an update of
Telegram's schema never makes a chat unreadable.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from telethon import utils
from telethon.tl import types as t

from vasya_server.model.message import Media, ServiceAction
from vasya_server.telegram.polls import to_poll

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_name(thing: Any, prefix: str) -> str:
    """Return the name of the constructor of *thing* in snake_case, without *prefix*."""
    return _snake(type(thing).__name__.removeprefix(prefix))


@cache
def _snake(name: str) -> str:
    return _WORD_START.sub("_", name).lower()


def to_media(media: Any) -> Media | None:
    """Return what a message's media is; None where there is none."""
    if media is None or isinstance(media, t.MessageMediaEmpty):
        return None
    convert = _MEDIA.get(type(media))
    if convert is not None:
        return convert(media)
    return Media(type=snake_name(media, "MessageMedia"))


def spoken_file(message: Any) -> int | None:
    """Return the id of the file of a voice note or video note; None for any other message."""
    media = getattr(message, "media", None)
    document: Any = media.document if isinstance(media, t.MessageMediaDocument) else None
    for attribute in getattr(document, "attributes", ()):
        if getattr(attribute, "voice", False) or getattr(attribute, "round_message", False):
            return int(document.id)
    return None


def spoken_files(answer: Any) -> list[int]:
    """Return the ids of the voice notes and video notes among the messages of *answer*."""
    found = map(spoken_file, getattr(answer, "messages", ()))
    return [file_id for file_id in found if file_id is not None]


def _photo(media: Any) -> Media:
    photo = media.photo
    if not isinstance(photo, t.Photo):
        return Media(type="photo")  # it has expired
    width = height = size_bytes = 0
    for size in photo.sizes:
        if getattr(size, "w", 0) * getattr(size, "h", 0) >= width * height:
            width, height = getattr(size, "w", 0), getattr(size, "h", 0)
            size_bytes = _photo_size_bytes(size)
    return Media(
        type="photo",
        mime_type="image/jpeg",
        size_bytes=size_bytes or None,
        width=width or None,
        height=height or None,
    )


def _photo_size_bytes(size: Any) -> int:
    if isinstance(size, t.PhotoSizeProgressive):
        return max(size.sizes, default=0)
    if isinstance(size, t.PhotoSize):
        return int(size.size)
    return len(getattr(size, "bytes", b""))


def _document(media: Any) -> Media:
    document = media.document
    if not isinstance(document, t.Document):
        kind = (
            "voice"
            if media.voice
            else "video_note"
            if media.round
            else "video"
            if media.video
            else "document"
        )
        return Media(type=kind)  # it has expired
    attributes = {type(attribute): attribute for attribute in document.attributes}
    named = attributes.get(t.DocumentAttributeFilename)
    visual = attributes.get(t.DocumentAttributeVideo)
    sound = attributes.get(t.DocumentAttributeAudio)
    size = visual or attributes.get(t.DocumentAttributeImageSize)
    timed = visual or sound
    return Media(
        type=_document_type(attributes, visual, sound),
        file_name=named.file_name if named else None,
        mime_type=document.mime_type or None,
        size_bytes=document.size,
        width=(size.w or None) if size else None,
        height=(size.h or None) if size else None,
        duration_secs=(timed.duration or None) if timed else None,
        title=_document_title(attributes, sound),
    )


def _document_type(attributes: dict[type, Any], visual: Any, sound: Any) -> str:
    if t.DocumentAttributeSticker in attributes:
        return "sticker"
    if t.DocumentAttributeAnimated in attributes:
        return "gif"
    if visual is not None:
        return "video_note" if visual.round_message else "video"
    if sound is not None:
        return "voice" if sound.voice else "audio"
    return "document"


def _document_title(attributes: dict[type, Any], sound: Any) -> str | None:
    sticker = attributes.get(t.DocumentAttributeSticker)
    if sticker is not None:
        return sticker.alt or None
    if sound is None:
        return None
    return " — ".join(part for part in (sound.performer, sound.title) if part) or None


def _web_page(media: Any) -> Media:
    page = media.webpage
    return Media(
        type="link", url=getattr(page, "url", None), title=getattr(page, "title", None) or None
    )


def _to_do(media: Any) -> Media:
    options = [item.title.text for item in media.todo.list]
    return Media(type="to_do", title=media.todo.title.text, options=options)


def _place(media: Any) -> Media:
    point = media.geo if isinstance(media.geo, t.GeoPoint) else None
    return Media(
        type="location",
        title=getattr(media, "title", None) or None,
        latitude=point.lat if point else None,
        longitude=point.long if point else None,
    )


def _contact(media: Any) -> Media:
    name = " ".join(part for part in (media.first_name, media.last_name) if part)
    return Media(type="contact", title=name or None)


def _titled(kind: str) -> Callable[[Any], Media]:
    return lambda media: Media(type=kind, title=(getattr(media, "game", media)).title or None)


_MEDIA: dict[type, Callable[[Any], Media]] = {
    t.MessageMediaPhoto: _photo,
    t.MessageMediaDocument: _document,
    t.MessageMediaWebPage: _web_page,
    t.MessageMediaPoll: lambda media: Media(type="poll", poll=to_poll(media)),
    t.MessageMediaToDo: _to_do,
    t.MessageMediaGeo: _place,
    t.MessageMediaGeoLive: _place,
    t.MessageMediaVenue: _place,
    t.MessageMediaContact: _contact,
    t.MessageMediaGame: _titled("game"),
    t.MessageMediaInvoice: _titled("invoice"),
    t.MessageMediaDice: lambda media: Media(type="dice", title=f"{media.emoticon} {media.value}"),
}


def to_action(message: Any) -> ServiceAction | None:
    """Return what a service message reports; None for any other message."""
    action = getattr(message, "action", None)
    if action is None:
        return None
    title = getattr(action, "title", None) or getattr(action, "message", None)
    replied = getattr(message.reply_to, "reply_to_msg_id", None)
    return ServiceAction(
        type=snake_name(action, "MessageAction"),
        title=title if isinstance(title, str) else getattr(title, "text", None),
        user_ids=_users_of(action),
        message_id=replied if isinstance(action, t.MessageActionPinMessage) else None,
    )


def _users_of(action: Any) -> list[int]:
    """Return whom an action names: users by their id, groups and channels in the marked form."""
    people = ("user_id", "inviter_id", "new_creator_id", "bot_id")
    peers = ("from_id", "to_id", "peer")
    found = [
        *(getattr(action, "users", None) or ()),
        *(getattr(action, name, None) for name in people),
        *(utils.get_peer_id(peer) for name in peers if (peer := getattr(action, name, None))),
    ]
    return [int(peer_id) for peer_id in found if peer_id]
