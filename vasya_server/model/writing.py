"""What is said to make, change, pass on and delete messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta

from vasya_server.model.base import Input, Query
from vasya_server.model.message import ChatReference, MessageId


class TextFormat(StrEnum):
    """How the text of a message is written."""

    MARKDOWN = "markdown"
    HTML = "html"
    PLAIN = "plain"


# Telegram counts the text after formatting and in UTF-16 units (4096); this only stops the absurd.
WrittenText = Annotated[str, Meta(min_length=1, max_length=65_536)]
Quote = Annotated[str, Meta(min_length=1, max_length=1024)]
_UploadId = Annotated[str, Meta(min_length=1, max_length=64)]
# As many as Telegram shows as one album.
MAX_MEDIA: Final = 10
UploadIds = Annotated[
    tuple[_UploadId, ...],
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
ScheduleAt = Annotated[
    datetime,
    Meta(
        tz=True,
        description="When Telegram sends it: RFC 3339 with an offset, from a minute to a year ahead; whole seconds count.",
    ),
]


class EntityInput(Input, frozen=True, kw_only=True):
    """A stretch of a plain text with a meaning, as messages show them; offsets count UTF-16 code units.

    What Telegram finds by itself (`url`, `mention`, `hashtag`, …) is taken and not needed.
    """

    type: Literal[
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "blockquote",
        "expandable_blockquote",
        "url",
        "email",
        "phone_number",
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "bank_card",
    ]
    offset: Annotated[int, Meta(ge=0, le=65_536)]
    length: Annotated[int, Meta(ge=1, le=65_536)]
    url: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    user_id: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    language: Annotated[str, Meta(max_length=64)] | None = None
    custom_emoji_id: Annotated[str, Meta(pattern="^[1-9][0-9]{0,18}$")] | None = None


class Words(Input, frozen=True, kw_only=True):
    """A text, with its formatting in the text itself or, where `format` is `plain`, beside it in `entities`."""

    text: WrittenText | None = None
    format: TextFormat = TextFormat.MARKDOWN
    entities: Annotated[tuple[EntityInput, ...], Meta(max_length=100)] = ()
    has_link_preview: bool = True


class PollInput(Input, frozen=True, kw_only=True):
    """A poll, or, where one option is correct, a quiz."""

    question: Annotated[str, Meta(min_length=1, max_length=255)]
    options: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(min_length=2, max_length=12),
    ]
    is_anonymous: bool = True
    is_multiple: bool = False
    correct_option: (
        Annotated[int, Meta(ge=0, le=11, description="The index of the right answer.")] | None
    ) = None
    closes_at: (
        Annotated[
            datetime,
            Meta(tz=True, description="When nobody can vote any more; from 5 s to 30 days ahead."),
        ]
        | None
    ) = None


class LocationInput(Input, frozen=True, kw_only=True):
    """A point on the map, in degrees."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class ContactInput(Input, frozen=True, kw_only=True):
    """Somebody's number and name to pass on, as they are given here."""

    phone: Annotated[str, Meta(pattern="^[+]?[0-9]{5,15}$")]
    first_name: Annotated[str, Meta(min_length=1, max_length=64)]
    last_name: Annotated[str, Meta(max_length=64)] = ""


class SendMessage(Words, frozen=True, kw_only=True):
    """A message to send: a text, files with the text as their caption, a poll, a place or a contact."""

    media: UploadIds = ()
    poll: PollInput | None = None
    location: LocationInput | None = None
    contact: ContactInput | None = None
    split: Annotated[
        bool,
        Meta(description="Send a text that is too long as several messages, ten at most."),
    ] = False
    reply_to: MessageId | None = None
    quote: Quote | None = None
    topic: MessageId | None = None
    is_silent: bool = False
    schedule_at: ScheduleAt | None = None
    undo_secs: UndoSecs | None = None


class EditMessage(Words, frozen=True, kw_only=True):
    """The new text of an own message, the file that takes the place of its own, or both."""

    media: Annotated[
        tuple[_UploadId, ...], Meta(max_length=1, description="The id of an upload.")
    ] = ()


MessageIds = Annotated[tuple[MessageId, ...], Meta(min_length=1, max_length=100)]


class ForwardMessages(Input, frozen=True, kw_only=True):
    """Messages of another chat to pass on."""

    from_chat: ChatReference
    message_ids: MessageIds
    as_copy: bool = False
    without_caption: bool = False
    topic: MessageId | None = None
    is_silent: bool = False
    schedule_at: ScheduleAt | None = None


class DeleteMessages(Input, frozen=True, kw_only=True):
    """Messages to delete, and for whom; there is no default, because the two differ for good."""

    ids: MessageIds
    for_everyone: bool


class DeleteQuery(Query, frozen=True, kw_only=True):
    """For whom to delete; there is no default, because the two differ for good."""

    for_everyone: bool
