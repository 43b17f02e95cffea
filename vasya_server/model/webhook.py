"""Webhooks: where events are posted, and what became of each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, ShownOnce, Wire
from vasya_server.model.event import Event, EventStatus, EventType

_MAX_LISTED = 1000

Include = Literal["ids", "content"]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        description="https://host/path, of a server with a public address; a query may carry a secret of yours.",
    ),
]
Types = Annotated[
    tuple[EventType, ...],
    Meta(max_length=len(EventType), description="Absent: every type; outgoing messages never."),
]
AccountIds = Annotated[
    tuple[str, ...],
    Meta(max_length=_MAX_LISTED, description="Absent: every account within reach."),
]
ChatIds = Annotated[
    tuple[int, ...],
    Meta(max_length=_MAX_LISTED, description="Marked ids. Absent: every chat within reach."),
]
Carried = Annotated[
    Include,
    Meta(description="`ids`: no text and no name; `content`: the whole event, if the owner lets."),
]


class NewWebhook(Input, frozen=True, kw_only=True):
    """Where to post, and which events; what is left out is not limited."""

    url: Url
    types: Types | None = None
    account_ids: AccountIds | None = None
    chats: ChatIds | None = None
    include: Carried = "ids"


class WebhookPatch(Input, frozen=True, kw_only=True):
    """What may change about a webhook; an absent field stays as it is, null takes a limit away."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType | None = UNSET
    account_ids: AccountIds | UnsetType | None = UNSET
    chats: ChatIds | UnsetType | None = UNSET
    include: Carried | UnsetType = UNSET
    is_disabled: bool | UnsetType = UNSET


class Webhook(Wire, frozen=True, kw_only=True):
    """A webhook, without its secret; without `types`, `accountIds` or `chats` it is not limited by them.

    Args:
        key_id: The agent key that it belongs to, or the first of those that were rotated into one another.
    """

    id: str
    url: str = msgspec.field()
    types: list[EventType] | None = None
    account_ids: list[str] | None = None
    chats: list[int] | None = None
    include: Include = msgspec.field()
    is_disabled: bool = False
    key_id: str | None = None
    created_at: datetime = msgspec.field()


class WebhookMade(Webhook, ShownOnce, frozen=True, kw_only=True):
    """A webhook with a new secret, which stands in this answer alone."""

    secret: str | None = None
    secret_shown: bool = False

    def kept(self) -> Self:
        """Return the webhook without its secret, and that it was shown."""
        return msgspec.structs.replace(self, secret=None, secret_shown=True)

    def __repr__(self) -> str:
        return f"WebhookMade({self.id}, …)"


class WebhookPage(Wire, frozen=True, kw_only=True):
    """Webhooks, newest first."""

    items: list[Webhook] = msgspec.field()
    next: str | None = None


class DeliveryStatus(StrEnum):
    """How far a delivery has come; `failed` is tried no more by itself and not given up, `dead` is given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


class Delivery(Wire, frozen=True, kw_only=True):
    """What became of one event at one webhook; `id` is the `webhook-id` that the receiver sees.

    Args:
        event_id: The `id` of the event; a test has none.
        response_status: What the receiver answered last; absent where it gave no answer.
        reason: Why the last attempt failed, where it is not the status.
    """

    id: str
    event_id: str | None = None
    type: str = msgspec.field()
    status: DeliveryStatus = msgspec.field()
    attempts: int = msgspec.field()
    next_attempt_at: datetime | None = None
    response_status: int | None = None
    reason: str | None = None
    created_at: datetime = msgspec.field()
    updated_at: datetime = msgspec.field()


class DeliveryPage(Wire, frozen=True, kw_only=True):
    """Deliveries of a webhook, newest first."""

    items: list[Delivery] = msgspec.field()
    next: str | None = None


class EventIds(Wire, frozen=True, kw_only=True):
    """An event without anything that a person wrote or is called; *status* and *missed* are the connection's own.

    Args:
        is_shortened: The event with its content would have been too long.
    """

    id: str
    seq: int | None = None
    account_id: str | None = None
    chat_id: int | None = None
    message_id: int | None = None
    message_ids: list[int] = msgspec.field(default_factory=list)
    up_to: int | None = None
    status: EventStatus | None = None
    missed: list[EventType] = msgspec.field(default_factory=list)
    since: datetime | None = None
    is_shortened: bool = False


class WebhookTest(Wire, frozen=True, kw_only=True):
    """What a test says: whose it is."""

    webhook_id: str


class WebhookBody(Wire, frozen=True, kw_only=True):
    """What is posted to a receiver; *timestamp* is when it happened, the same at every attempt."""

    type: str
    timestamp: datetime = msgspec.field()
    data: EventIds | Event | WebhookTest = msgspec.field()
