"""Messages that wait at Telegram for their time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from vasya_server.model.base import Sanitized, Untrusted, Wire
from vasya_server.model.chat import Redacted
from vasya_server.model.message import Entity, ForwardedFrom, Media, ReplyTo
from vasya_server.model.writing import EditMessage, ScheduleAt


class ScheduledMessage(Wire, frozen=True, kw_only=True):
    """A message that waits; when it is sent it gets another id.

    Args:
        sends_at: None where it waits for somebody to come online.
        action_id: What was asked for here, and can be cancelled; None where it was scheduled elsewhere.
    """

    id: int
    chat_id: int
    sends_at: datetime | None = None
    action_id: str | None = None
    text: Untrusted = ""
    entities: list[Entity] = msgspec.field(default_factory=list)
    media: Media | None = None
    reply_to: ReplyTo | None = None
    topic_id: int | None = None
    forwarded_from: ForwardedFrom | None = None
    grouped_id: str | None = None
    is_silent: bool = False
    is_when_online: bool = False
    sanitized: Sanitized | None = None
    redacted: Redacted | None = None


class ScheduledPage(Wire, frozen=True, kw_only=True):
    """What waits in a chat, the next to be sent first; all of it, for Telegram lets no more than 100 wait."""

    items: list[ScheduledMessage] = msgspec.field()
    trust: Literal["untrusted"] = msgspec.field()


class EditScheduled(EditMessage, frozen=True, kw_only=True):
    """What a message that waits shall say, carry, or be sent at."""

    schedule_at: ScheduleAt | None = None
