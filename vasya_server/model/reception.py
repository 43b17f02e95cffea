"""What became of a message with others: who reacted to it, who has read it, where it is linked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Sanitized, Untrusted, Wire
from vasya_server.model.message import Sender


class Reactor(Wire, frozen=True, kw_only=True):
    """Somebody's reaction to a message."""

    who: Sender
    emoji: Untrusted
    at: datetime
    sanitized: Sanitized | None = None


class ReactorPage(Wire, frozen=True, kw_only=True):
    """Who reacted, the latest first; *count* is how many in all, with the same emoji where one was asked for."""

    items: list[Reactor] = msgspec.field()
    count: int = 0
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class ReactorFilter(Query, frozen=True, kw_only=True):
    """Which reactions to list."""

    emoji: (
        Annotated[
            str,
            Meta(min_length=1, max_length=32, description="One emoji, or `custom:<id>`."),
        ]
        | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class Reader(Wire, frozen=True, kw_only=True):
    """Somebody who has read a message."""

    who: Sender
    read_at: datetime
    sanitized: Sanitized | None = None


class Readers(Wire, frozen=True, kw_only=True):
    """Who has read a message, the latest first; everybody of whom Telegram tells."""

    items: list[Reader] = msgspec.field()
    trust: Literal["untrusted"] = msgspec.field()


class MessageLink(Wire, frozen=True, kw_only=True):
    """The link to a message; a private one opens it only for those who are in the chat."""

    url: Untrusted = msgspec.field()
    is_private: bool = False
    sanitized: Sanitized | None = None
