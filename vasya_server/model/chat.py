"""Chats: the dialogs of an account, one chat, and what a name may have meant."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Raw, Sanitized, Untrusted, Wire

Redacted = Literal["service_notification", "control_message"]
"""Why an agent is not told what a message says: it is Telegram's own, and may carry a login code (D-11.6)."""


class ChatType(StrEnum):
    """What kind of chat it is."""

    USER = "user"
    BOT = "bot"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


class LastMessage(Wire, frozen=True, kw_only=True):
    """The newest message of a chat, in short."""

    id: int
    sent_at: datetime
    text: Untrusted = ""
    is_outgoing: bool = False
    redacted: Redacted | None = None


class Chat(Wire, frozen=True, kw_only=True):
    """A chat as the account sees it."""

    id: int
    type: ChatType
    title: Untrusted = ""
    username: Untrusted | None = None
    unread_count: int = 0
    unread_mentions: int = 0
    last_read_id: int = 0
    is_forum: bool = False
    is_muted: bool = False
    muted_until: datetime | None = None
    is_archived: bool = False
    is_pinned: bool = False
    is_marked_unread: bool = False
    can_send: bool = False
    members_count: int | None = None
    last_message: LastMessage | None = None
    about: Annotated[
        Untrusted,
        Meta(description="What it says of itself; this and what follows is not in lists."),
    ] = ""
    role: Annotated[
        Literal["owner", "admin", "member", "left"] | None,
        Meta(description="How the account stands in a group or channel."),
    ] = None
    slow_mode_secs: Annotated[
        int, Meta(description="How long members wait between two messages.")
    ] = 0
    next_send_at: Annotated[
        datetime | None, Meta(description="When slow mode lets the account write again.")
    ] = None
    history_ttl_secs: Annotated[int, Meta(description="After how long messages go.")] = 0
    has_photo: bool = False
    is_protected: Annotated[
        bool, Meta(description="What is in it may not be forwarded or saved.")
    ] = False
    sanitized: Sanitized | None = None


class ChatPage(Wire, frozen=True, kw_only=True):
    """Chats with the latest activity first; names and texts in it are other people's words."""

    items: list[Chat] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class Candidate(Wire, frozen=True, kw_only=True):
    """A chat that a reference may have meant."""

    id: int
    type: ChatType
    title: Untrusted = ""
    username: Untrusted | None = None
    is_contact: bool = False
    last_message_at: datetime | None = None
    sanitized: Sanitized | None = None


class Resolution(Wire, frozen=True, kw_only=True):
    """What a reference names: exactly one *chat*, or the *candidates* it may have meant."""

    chat: Chat | None = None
    candidates: list[Candidate] = msgspec.field(default_factory=list)


class ChatFilter(Query, frozen=True, kw_only=True):
    """Which chats to list."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=256,
                description="Part of a title or username, in any case.",
            ),
        ]
        | None
    ) = None
    type: tuple[ChatType, ...] = ()
    unread: bool | None = None
    archived: bool | None = None
    folder: (
        Annotated[int, Meta(ge=0, le=2**31 - 1, description="A Telegram folder's id.")] | None
    ) = None
    with_: (
        Annotated[
            str, Meta(min_length=1, max_length=256, description="A user: chats shared with them.")
        ]
        | None
    ) = msgspec.field(default=None, name="with")
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    raw: Raw = False


class ChatQuery(Query, frozen=True, kw_only=True):
    """How one chat is told."""

    raw: Raw = False


class ResolveQuery(Query, frozen=True, kw_only=True):
    """What to resolve, and where."""

    q: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="A marked id, @name, +phone, t.me or invite link, or part of a title.",
        ),
    ]
    public: Annotated[bool, Meta(description="Search Telegram's public directory too.")] = False
