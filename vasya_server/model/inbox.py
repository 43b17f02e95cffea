"""What is new across chats, and how to ask for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Untrusted, Wire
from vasya_server.model.chat import Chat
from vasya_server.model.message import (
    ChatReference,
    CompactChat,
    CompactMessage,
    Message,
    MessageKind,
    TimeReference,
)

_Mark = Annotated[
    str,
    Meta(max_length=512, description="Opaque: what has come since is what this mark gives."),
]


class InboxChat(CompactChat, frozen=True, kw_only=True):
    """A chat of a compact inbox, named once."""

    unread_count: int = 0
    is_muted: bool = False
    is_archived: bool = False


class InboxItem(Wire, frozen=True, kw_only=True):
    """What is new in one chat, newest first.

    Args:
        omitted: How many more are new there, older than those that are told.
        has_more_omitted: There are more than were counted.
        omitted_after: Behind this message they begin: `…/messages?order=asc&after=` reads them; at the chat's first one
            where it is absent.
    """

    chat: Chat
    messages: list[Message] = msgspec.field()
    omitted: int = 0
    has_more_omitted: bool = False
    omitted_after: int | None = None


class CompactInboxItem(Wire, frozen=True, kw_only=True):
    """What is new in one chat in the fewest words; fields as of `InboxItem`."""

    chat: InboxChat
    messages: list[CompactMessage] = msgspec.field()
    omitted: int = 0
    has_more_omitted: bool = False
    omitted_after: int | None = None


class InboxPage(Wire, frozen=True, kw_only=True):
    """What is new, chat by chat.

    Args:
        mark: Give it back later: what has come since is told then, and nothing twice.
        missed_since: Telegram could not tell all that came; from then on messages may be missing.
    """

    items: list[InboxItem] = msgspec.field()
    next: str | None = None
    mark: _Mark = msgspec.field()
    missed_since: datetime | None = None
    trust: Literal["untrusted"] = msgspec.field()


class CompactInboxPage(Wire, frozen=True, kw_only=True):
    """What is new, chat by chat, people named once; fields as of `InboxPage`."""

    people: dict[str, Untrusted] = msgspec.field(default_factory=dict)
    items: list[CompactInboxItem] = msgspec.field()
    next: str | None = None
    mark: _Mark = msgspec.field()
    missed_since: datetime | None = None
    trust: Literal["untrusted"] = msgspec.field()


class InboxQuery(Query, frozen=True, kw_only=True):
    """What of the news to tell, how much of it, and since when."""

    folder: (
        Annotated[int, Meta(ge=0, le=2**31 - 1, description="A Telegram folder's id.")] | None
    ) = None
    chats: Annotated[
        tuple[ChatReference, ...], Meta(max_length=50, description="These chats alone.")
    ] = ()
    muted: bool | None = None
    archived: bool | None = None
    type: tuple[MessageKind, ...] = ()
    mentions: Annotated[
        bool, Meta(description="Only what mentions the owner or replies to the owner.")
    ] = False
    since: TimeReference | None = None
    mark: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    per_chat: Annotated[
        int, Meta(ge=1, le=100, description="The newest so many messages of each chat.")
    ] = 10
    max_chars: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=1_000_000,
                description="Characters of all texts together; what does not fit is counted in `omitted`.",
            ),
        ]
        | None
    ) = None
    view: Literal["full", "compact"] = "full"
    limit: Annotated[int, Meta(ge=1, le=50, description="Chats on a page.")] = 20
    cursor: Annotated[str, Meta(max_length=512)] | None = None
