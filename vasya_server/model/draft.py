"""What the owner, or an agent for them, has written and not sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Query, Raw, Sanitized, Untrusted, Wire
from vasya_server.model.chat import Redacted
from vasya_server.model.message import CompactChat, MessageId
from vasya_server.model.writing import TextFormat, WrittenText


class Draft(Wire, frozen=True, kw_only=True):
    """The draft of a chat, or of a topic in it; without a text there is none.

    Args:
        text: With its formatting as Markdown: written back as it is, it is the same draft.
        reply_to: The message of this chat that it answers.
    """

    chat: CompactChat
    topic_id: int | None = None
    text: Untrusted = ""
    reply_to: int | None = None
    updated_at: datetime | None = None
    sanitized: Sanitized | None = None
    redacted: Redacted | None = None


class DraftPage(Wire, frozen=True, kw_only=True):
    """All drafts, the latest first."""

    items: list[Draft] = msgspec.field()
    trust: Literal["untrusted"] = msgspec.field()


_Topic = Annotated[MessageId, Meta(description="A topic of the forum, instead of the chat.")]


class DraftsQuery(Query, frozen=True, kw_only=True):
    """How drafts are told."""

    raw: Raw = False


class DraftQuery(Query, frozen=True, kw_only=True):
    """Which draft of the chat, and how it is told."""

    topic: _Topic | None = None
    raw: Raw = False


class DraftPlace(Query, frozen=True, kw_only=True):
    """Which draft of the chat."""

    topic: _Topic | None = None


class WriteDraft(Input, frozen=True, kw_only=True):
    """A draft, in place of the one that is there."""

    text: WrittenText
    format: TextFormat = TextFormat.MARKDOWN
    reply_to: MessageId | None = None
    topic: _Topic | None = None
