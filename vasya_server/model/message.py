"""Messages: the full shape, the compact one, and what is said to make and find them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import (
    Input,
    OptionalInput,
    Query,
    Raw,
    Sanitized,
    Untrusted,
    Wire,
)
from vasya_server.model.chat import ChatType, Redacted


class Sender(Wire, frozen=True, kw_only=True):
    """Who a message is from."""

    id: int
    type: ChatType
    name: Untrusted = ""
    username: Untrusted | None = None


class Entity(Wire, frozen=True, kw_only=True):
    """A stretch of text with a meaning; *offset* and *length* count UTF-16 code units, as Telegram's do."""

    type: str
    offset: int = msgspec.field()
    length: int = msgspec.field()
    url: Untrusted | None = None
    user_id: int | None = None
    language: Untrusted | None = None
    custom_emoji_id: str | None = None


class PollOption(Wire, frozen=True, kw_only=True):
    """One answer of a poll; *voters* and *is_correct* are told once the account has voted, or the poll is closed."""

    index: int = msgspec.field()
    text: Untrusted = ""
    voters: int | None = None
    is_chosen: bool = False
    is_correct: bool = False


class PollState(Wire, frozen=True, kw_only=True):
    """What is asked, and how it stands; options are voted for by their index."""

    question: Untrusted = ""
    options: list[PollOption] = msgspec.field(default_factory=list)
    total_voters: int = 0
    is_closed: bool = False
    is_quiz: bool = False
    is_multiple: bool = False
    is_anonymous: bool = False
    closes_at: datetime | None = None
    explanation: Untrusted | None = None


class Media(Wire, frozen=True, kw_only=True):
    """What a message carries beside its text."""

    type: str
    file_name: Untrusted | None = None
    mime_type: Untrusted | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    duration_secs: float | None = None
    transcript: Untrusted | None = None
    title: Untrusted | None = None
    url: Untrusted | None = None
    latitude: float | None = None
    longitude: float | None = None
    options: list[Untrusted] = msgspec.field(default_factory=list)
    poll: PollState | None = None


class ReplyTo(Wire, frozen=True, kw_only=True):
    """The message that this one answers."""

    message_id: int | None = None
    chat_id: int | None = None
    quote: Untrusted | None = None


class ForwardedFrom(Wire, frozen=True, kw_only=True):
    """Where a forwarded message came from, as far as its author lets it be known."""

    name: Untrusted | None = None
    chat_id: int | None = None
    message_id: int | None = None
    sent_at: datetime | None = None


class Reaction(Wire, frozen=True, kw_only=True):
    """How many people reacted with one emoji."""

    emoji: Untrusted
    count: int = msgspec.field()
    is_chosen: bool = False


class Button(Wire, frozen=True, kw_only=True):
    """An inline button of a bot's message; one that is a link has its *url*, and is not pressed."""

    id: int = msgspec.field()
    text: Untrusted = ""
    kind: str = msgspec.field()
    url: Untrusted | None = None


class ServiceAction(Wire, frozen=True, kw_only=True):
    """What happened, where the message is Telegram's own note of it."""

    type: str
    title: Untrusted | None = None
    user_ids: list[int] = msgspec.field(default_factory=list)
    message_id: int | None = None


class Message(Wire, frozen=True, kw_only=True):
    """One message of a chat.

    Args:
        album_ids: All parts, in the answer to a sent album.
        split_ids: All messages, in the answer to a text that was sent as several.
    """

    id: int
    chat_id: int
    sent_at: datetime
    edited_at: datetime | None = None
    is_outgoing: bool = False
    sender: Sender | None = None
    text: Untrusted = ""
    entities: list[Entity] = msgspec.field(default_factory=list)
    media: Media | None = None
    reply_to: ReplyTo | None = None
    topic_id: int | None = None
    forwarded_from: ForwardedFrom | None = None
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    views: int | None = None
    reply_count: int | None = None
    mentions_me: bool = False
    is_pinned: bool = False
    grouped_id: str | None = None
    buttons: list[Button] = msgspec.field(default_factory=list)
    action: ServiceAction | None = None
    album_ids: list[int] = msgspec.field(default_factory=list)
    split_ids: list[int] = msgspec.field(default_factory=list)
    sanitized: Sanitized | None = None
    redacted: Redacted | None = None


class MessagePage(Wire, frozen=True, kw_only=True):
    """Messages of one chat, newest first unless asked otherwise; their words are other people's."""

    items: list[Message] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class CompactMessage(Wire, frozen=True, kw_only=True):
    """One message in the fewest words; *from* is a key of the page's *people*."""

    id: int
    at: datetime
    from_: int | None = msgspec.field(default=None, name="from")
    text: Untrusted = ""
    reply_to: int | None = None
    media: Untrusted | None = None
    is_truncated: bool = False
    sanitized: Sanitized | None = None
    redacted: Redacted | None = None


class CompactChat(Wire, frozen=True, kw_only=True):
    """The chat of a compact page, named once."""

    id: int
    type: ChatType
    title: Untrusted = ""
    username: Untrusted | None = None
    sanitized: Sanitized | None = None


class CompactPage(Wire, frozen=True, kw_only=True):
    """A page for a reader with little room: chat once, people once, formatting as Markdown in the text."""

    chat: CompactChat
    people: dict[str, Untrusted] = msgspec.field(default_factory=dict)
    items: list[CompactMessage] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class MessageKind(StrEnum):
    """What `type` can ask for."""

    TEXT = "text"
    PHOTO = "photo"
    VIDEO = "video"
    VIDEO_NOTE = "video_note"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    GIF = "gif"
    LINK = "link"
    POLL = "poll"
    LOCATION = "location"
    CONTACT = "contact"
    SERVICE = "service"


MessageId = Annotated[int, Meta(ge=1, le=2**31 - 1)]
ChatReference = Annotated[str, Meta(min_length=1, max_length=256)]
TimeReference = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="RFC 3339, a duration back from now (24h, 7d), today or yesterday.",
    ),
]


class MessageFilter(Query, frozen=True, kw_only=True):
    """Which messages of a chat to list, and in which shape."""

    q: (
        Annotated[str, Meta(min_length=1, max_length=256, description="Words to search for.")]
        | None
    ) = None
    from_: ChatReference | None = msgspec.field(default=None, name="from")
    type: tuple[MessageKind, ...] = ()
    since: TimeReference | None = None
    until: TimeReference | None = None
    before: MessageId | None = None
    after: MessageId | None = None
    around: MessageId | None = None
    ids: Annotated[tuple[MessageId, ...], Meta(max_length=100)] = ()
    topic: MessageId | None = None
    comments_of: MessageId | None = None
    unread: bool | None = None
    mentions: bool | None = None
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int, Meta(ge=1, le=100, extra_json_schema={"default": 50})] | None = None
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    view: Literal["full", "compact"] = "full"
    raw: Raw = False
    max_text: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=4096,
                description="Characters of a text, in the compact view alone.",
                extra_json_schema={"default": 1000},
            ),
        ]
        | None
    ) = None


class MessageQuery(Query, frozen=True, kw_only=True):
    """How one message is told."""

    raw: Raw = False


class ForwardedMessages(Wire, frozen=True, kw_only=True):
    """What stands in the chat now, in the order asked for; *missing* could not be forwarded."""

    items: list[Message] = msgspec.field()
    missing: list[int] = msgspec.field(default_factory=list)


class Deletion(Wire, frozen=True, kw_only=True):
    """Which of the messages are deleted now, and which were not there (any more)."""

    deleted: list[int] = msgspec.field(default_factory=list)
    missing: list[int] = msgspec.field(default_factory=list)


class MarkRead(OptionalInput, frozen=True, kw_only=True):
    """How far a chat has been read; to its end where nothing is said."""

    up_to: MessageId | None = None


class React(Input, frozen=True, kw_only=True):
    """The one reaction of the account: an emoji, or `custom:<id>`."""

    emoji: Annotated[str, Meta(min_length=1, max_length=32)]
