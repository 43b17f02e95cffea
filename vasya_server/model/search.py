"""Searching across chats: what to look for, and what was found where."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Untrusted, Wire
from vasya_server.model.chat import ChatType
from vasya_server.model.message import (
    ChatReference,
    CompactChat,
    CompactMessage,
    Message,
    MessageKind,
    TimeReference,
)


class FoundMessage(CompactMessage, frozen=True, kw_only=True):
    """A message that was found, in the fewest words; *chat* is the id of one of the page's *chats*."""

    chat: int


class SearchPage(Wire, frozen=True, kw_only=True):
    """What was found, with the chats named once.

    Args:
        searched: How many chats were looked through to their end, on this page and those before it; absent where
            Telegram searched all of them at once.
        skipped: How many could not be looked through, because they are closed to the account.
    """

    items: list[Message] = msgspec.field()
    chats: list[CompactChat] = msgspec.field(default_factory=list)
    next: str | None = None
    searched: int | None = None
    skipped: int | None = None
    trust: Literal["untrusted"] = msgspec.field()


class CompactSearchPage(Wire, frozen=True, kw_only=True):
    """What was found in the fewest words: chats once, people once; fields as of `SearchPage`."""

    chats: list[CompactChat] = msgspec.field(default_factory=list)
    people: dict[str, Untrusted] = msgspec.field(default_factory=dict)
    items: list[FoundMessage] = msgspec.field()
    next: str | None = None
    searched: int | None = None
    skipped: int | None = None
    trust: Literal["untrusted"] = msgspec.field()


class SearchQuery(Query, frozen=True, kw_only=True):
    """What to look for, and in which chats."""

    q: (
        Annotated[str, Meta(min_length=1, max_length=256, description="Words to search for.")]
        | None
    ) = None
    from_: ChatReference | None = msgspec.field(default=None, name="from")
    type: tuple[MessageKind, ...] = ()
    since: TimeReference | None = None
    until: TimeReference | None = None
    mentions: bool | None = None
    unread: bool | None = None
    chat: Annotated[
        tuple[ChatReference, ...], Meta(max_length=50, description="In these chats alone.")
    ] = ()
    folder: (
        Annotated[int, Meta(ge=0, le=2**31 - 1, description="A Telegram folder's id.")] | None
    ) = None
    chat_type: tuple[ChatType, ...] = ()
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    view: Literal["full", "compact"] = "full"
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
