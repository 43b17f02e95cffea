"""Which messages a filter means: what Telegram can look for itself, and what is looked at here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_server.model.message import MessageKind
from vasya_server.telegram.convert import sender_id
from vasya_server.telegram.media import to_media

if TYPE_CHECKING:
    from collections.abc import Collection

# Source: https://core.telegram.org/type/MessagesFilter
_SERVER_FILTERS: dict[frozenset[MessageKind], type] = {
    frozenset({MessageKind.PHOTO}): t.InputMessagesFilterPhotos,
    frozenset({MessageKind.VIDEO}): t.InputMessagesFilterVideo,
    frozenset({MessageKind.PHOTO, MessageKind.VIDEO}): t.InputMessagesFilterPhotoVideo,
    frozenset({MessageKind.VIDEO_NOTE}): t.InputMessagesFilterRoundVideo,
    frozenset({MessageKind.VOICE}): t.InputMessagesFilterVoice,
    frozenset({MessageKind.VOICE, MessageKind.VIDEO_NOTE}): t.InputMessagesFilterRoundVoice,
    frozenset({MessageKind.AUDIO}): t.InputMessagesFilterMusic,
    frozenset({MessageKind.DOCUMENT}): t.InputMessagesFilterDocument,
    frozenset({MessageKind.GIF}): t.InputMessagesFilterGif,
    frozenset({MessageKind.LINK}): t.InputMessagesFilterUrl,
    frozenset({MessageKind.POLL}): t.InputMessagesFilterPoll,
    frozenset({MessageKind.LOCATION}): t.InputMessagesFilterGeo,
    frozenset({MessageKind.CONTACT}): t.InputMessagesFilterContacts,
}
_LINKS = (t.MessageEntityUrl, t.MessageEntityTextUrl, t.MessageEntityEmail)


def server_filter(kinds: Collection[MessageKind]) -> Any:
    """Return Telegram's filter for exactly these kinds; None where it has none."""
    found = _SERVER_FILTERS.get(frozenset(kinds))
    return found() if found else None


def is_kind(message: Any, kinds: Collection[MessageKind]) -> bool:
    """Tell whether *message* is of one of these kinds; a text with a link is both `text` and `link`."""
    if message.action is not None:
        return MessageKind.SERVICE in kinds
    has_preview = isinstance(message.media, t.MessageMediaWebPage)
    if MessageKind.LINK in kinds and (has_preview or _has_link(message)):
        return True
    if message.media is None or has_preview:
        return MessageKind.TEXT in kinds and bool(message.message or message.rich_message)
    media = to_media(message.media)
    return media is not None and media.type in kinds


def _has_link(message: Any) -> bool:
    return any(isinstance(entity, _LINKS) for entity in message.entities or ())


def is_from(message: Any, peer_id: int, self_id: int) -> bool:
    """Tell whether the user or chat of that marked id wrote *message*."""
    return sender_id(message, self_id) == peer_id


def has_words(message: Any, q: str) -> bool:
    """Tell whether every word of *q* is in the text or the file name, in any case."""
    media = to_media(message.media)
    text = f"{message.message or ''} {(media and media.file_name) or ''}".casefold()
    return all(word in text for word in q.casefold().split())
