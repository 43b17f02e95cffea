"""What a webhook's receiver is sent: ids alone, or the event as an agent's stream tells it (D-10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.model.event import Event, EventType
from vasya_server.model.webhook import EventIds, WebhookBody, WebhookTest

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.events.record import Recorded

TEST_TYPE: Final = "webhook.test"
MAX_BODY_BYTES: Final = 20_000
# Whoever has a message or a person in it says so by id; these are about the connection and nobody's words.
_OWN_STATE: Final = frozenset({EventType.ACCOUNT_STATUS, EventType.GAP})

_encode: Final = msgspec.json.Encoder().encode


def event_body(record: Recorded, event_id: str, *, has_content: bool) -> bytes:
    """Return the body that tells of an event, the same at every attempt.

    A person reads webhooks no more than an agent's key does: service notifications are redacted for both (D-11.6).

    Args:
        event_id: What the owner's clients call its position.
        has_content: Texts and names may be in it; where they are too long, the ids are sent all the same.
    """
    if has_content:
        body = _encode(_body(record, _told(record, event_id)))
        if len(body) < MAX_BODY_BYTES:
            return body
    return _encode(_body(record, _ids(record, event_id, is_shortened=has_content)))


def gap_body(event_id: str, at: datetime, missed: list[EventType]) -> bytes:
    """Return the body that says that everything up to here was forgotten before this webhook could be told."""
    data = EventIds(id=event_id, missed=missed)
    return _encode(WebhookBody(type=EventType.GAP.value, timestamp=at, data=data))


def test_body(webhook_id: str, at: datetime) -> bytes:
    """Return the body of a test."""
    return _encode(
        WebhookBody(type=TEST_TYPE, timestamp=at, data=WebhookTest(webhook_id=webhook_id))
    )


def _body(record: Recorded, data: EventIds | Event) -> WebhookBody:
    return WebhookBody(type=record.draft.type.value, timestamp=record.draft.at, data=data)


def _told(record: Recorded, event_id: str) -> Event:
    draft = record.draft
    return Event(
        id=event_id,
        seq=record.seq,
        type=draft.type,
        account_id=record.account_id,
        at=draft.at,
        chat=draft.chat,
        data=draft.data if draft.agent_data is None else draft.agent_data,
        trust="untrusted",
    )


def _ids(record: Recorded, event_id: str, *, is_shortened: bool) -> EventIds:
    draft = record.draft
    data, is_own_state = draft.data, draft.type in _OWN_STATE
    return EventIds(
        id=event_id,
        seq=record.seq,
        account_id=record.account_id,
        chat_id=draft.chat.id if draft.chat else None,
        message_id=data.message.id if data.message else data.message_id,
        message_ids=data.message_ids,
        up_to=data.up_to,
        status=data.status if is_own_state else None,
        missed=data.missed,
        since=data.since,
        is_shortened=is_shortened,
    )
