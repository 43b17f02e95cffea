"""A page of news for its reader: how much of each chat fits into it, and in which shape. Without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vasya_server.model.inbox import (
    CompactInboxItem,
    CompactInboxPage,
    InboxChat,
    InboxItem,
    InboxPage,
)
from vasya_server.telegram.compact import to_compact
from vasya_server.telegram.convert import to_messages
from vasya_server.telegram.dialogs import chat_of_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vasya_server.model.chat import Chat
    from vasya_server.telegram.dialogs import Row

_MAX_TEXT = 1000


@dataclass(slots=True, kw_only=True)
class News:
    """What is new in one chat.

    Args:
        messages: Telegram's, newest first.
        omitted: How many more are new there, as far as they were counted.
        has_more: There are more than that.
        after: Behind this message the news of the chat begin.
    """

    row: Row
    messages: list[Any]
    omitted: int = 0
    has_more: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page says beside its items."""

    mark: str
    next: str | None = None
    missed_since: datetime | None = None


def to_inbox_page(news: Sequence[News], told: Told, *, max_chars: int | None) -> InboxPage:
    """Return the page in full."""
    chats = [to_messages(each.messages, each.row.directory) for each in news]
    kept = fitting([[len(message.text) for message in chat] for chat in chats], max_chars)
    return InboxPage(
        items=[
            InboxItem(chat=chat_of_row(each.row), messages=chat[:count], **_omitted(each, count))
            for each, chat, count in zip(news, chats, kept, strict=True)
        ],
        next=told.next,
        mark=told.mark,
        missed_since=told.missed_since,
        trust="untrusted",
    )


def to_compact_inbox_page(
    news: Sequence[News], told: Told, *, max_chars: int | None
) -> CompactInboxPage:
    """Return the page in the fewest words: people once, formatting as Markdown in the text."""
    chats = [to_messages(each.messages, each.row.directory) for each in news]
    compact = [[to_compact(message, _MAX_TEXT) for message in chat] for chat in chats]
    kept = fitting([[len(message.text) for message in chat] for chat in compact], max_chars)
    items = [
        CompactInboxItem(
            chat=_chat(chat_of_row(each.row)), messages=chat[:count], **_omitted(each, count)
        )
        for each, chat, count in zip(news, compact, kept, strict=True)
    ]
    shown = [
        message
        for chat, count in zip(chats, kept, strict=True)
        for message in chat[:count]
        if message.sender
    ]
    return CompactInboxPage(
        people={str(message.sender.id): message.sender.name for message in shown if message.sender},
        items=items,
        next=told.next,
        mark=told.mark,
        missed_since=told.missed_since,
        trust="untrusted",
    )


def fitting(chats: Sequence[Sequence[int]], max_chars: int | None) -> list[int]:
    """Return how many of each chat's messages fit, given their lengths, newest first.

    Every chat has its newest told before any has its second, so that one that is loud leaves room for the others; where
    one does not fit its chat is told no older one, so that what is omitted is always what came before.
    """
    if max_chars is None:
        return [len(chat) for chat in chats]
    kept, left = [0] * len(chats), max_chars
    still_open = {index for index, chat in enumerate(chats) if chat}
    while still_open:
        for index in sorted(still_open):
            length = chats[index][kept[index]]
            has_room = length <= left
            if has_room:
                left -= length
                kept[index] += 1
            if not has_room or kept[index] == len(chats[index]):
                still_open.discard(index)
    return kept


def _omitted(news: News, kept: int) -> dict[str, Any]:
    omitted = news.omitted + len(news.messages) - kept
    return {
        "omitted": omitted,
        "has_more_omitted": news.has_more,
        "omitted_after": news.after if omitted else None,
    }


def _chat(chat: Chat) -> InboxChat:
    return InboxChat(
        id=chat.id,
        type=chat.type,
        title=chat.title,
        username=chat.username,
        sanitized=chat.sanitized,
        unread_count=chat.unread_count,
        is_muted=chat.is_muted,
        is_archived=chat.is_archived,
    )
