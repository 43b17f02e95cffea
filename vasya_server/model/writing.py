"""What is said to make, change, pass on and delete messages."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from vasya_server.model.base import Input, Query
from vasya_server.model.message import ChatReference, MessageId


class TextFormat(StrEnum):
    """How the text of a message is written."""

    MARKDOWN = "markdown"
    HTML = "html"
    PLAIN = "plain"


# Telegram counts the text after formatting and in UTF-16 units (4096); this only stops the absurd.
WrittenText = Annotated[str, Meta(min_length=1, max_length=16384)]


# As many as Telegram shows as one album.
MAX_MEDIA: Final = 10
UploadIds = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
    Meta(max_length=MAX_MEDIA, description="Ids of uploads; two or more make an album."),
]


UndoSecs = Annotated[
    int,
    Meta(
        ge=60,
        le=86_400,
        description="Seconds for which it waits at Telegram and can be taken back; the key's own, where that is longer.",
    ),
]


class SendMessage(Input, frozen=True, kw_only=True):
    """A message to send: a text, or files with the text as their caption."""

    text: WrittenText | None = None
    media: UploadIds = ()
    format: TextFormat = TextFormat.MARKDOWN
    reply_to: MessageId | None = None
    quote: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    topic: MessageId | None = None
    is_silent: bool = False
    has_link_preview: bool = True
    undo_secs: UndoSecs | None = None


class EditMessage(Input, frozen=True, kw_only=True):
    """The new text of an own message."""

    text: WrittenText
    format: TextFormat = TextFormat.MARKDOWN
    has_link_preview: bool = True


MessageIds = Annotated[tuple[MessageId, ...], Meta(min_length=1, max_length=100)]


class ForwardMessages(Input, frozen=True, kw_only=True):
    """Messages of another chat to pass on."""

    from_chat: ChatReference
    message_ids: MessageIds
    as_copy: bool = False
    without_caption: bool = False
    topic: MessageId | None = None
    is_silent: bool = False


class DeleteMessages(Input, frozen=True, kw_only=True):
    """Messages to delete, and for whom; there is no default, because the two differ for good."""

    ids: MessageIds
    for_everyone: bool


class DeleteQuery(Query, frozen=True, kw_only=True):
    """For whom to delete; there is no default, because the two differ for good."""

    for_everyone: bool
