"""Events: what happens in an account, as streams, polls and webhooks tell it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.account import Restriction
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Query, Sanitized, Untrusted, Wire
from vasya_server.model.chat import ChatType
from vasya_server.model.message import CompactMessage, Reaction


class EventType(StrEnum):
    """What can happen; the value is the `event` of a stream and the `type` of a webhook."""

    MESSAGE_NEW = "message.new"
    MESSAGE_EDITED = "message.edited"
    MESSAGE_DELETED = "message.deleted"
    MESSAGE_REACTION = "message.reaction"
    CHAT_READ = "chat.read"
    CHAT_UPDATED = "chat.updated"
    USER_STATUS = "user.status"
    ACCOUNT_STATUS = "account.status"
    ACCOUNT_LIMITED = "account.limited"
    ACTION_UPDATED = "action.updated"
    BUDGET_EXHAUSTED = "budget.exhausted"
    KEY_NEW_ADDRESS = "key.new_address"
    GAP = "gap"


class EventStatus(StrEnum):
    """Where an account stands with Telegram, or when a person was there last."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"
    REAUTH_REQUIRED = "reauth_required"
    SESSION_UNREADABLE = "session_unreadable"
    ONLINE = "online"
    OFFLINE = "offline"
    RECENTLY = "recently"
    LAST_WEEK = "last_week"
    LAST_MONTH = "last_month"


class EventChat(Wire, frozen=True, kw_only=True):
    """The chat that an event is about; without a title where Telegram did not say it."""

    id: int
    type: ChatType
    title: Untrusted = ""
    sanitized: Sanitized | None = None


class EventData(Wire, frozen=True, kw_only=True):
    """What happened; each type of event fills its own fields and leaves the others out.

    Args:
        message: `message.new`, `message.edited`.
        people: Names for the ids in *message*.
        is_outgoing: The owner's own message, whichever device or gateway sent it.
        scheduled_id: `message.new` of one that waited for its time: the id it had until then, where that is known.
        mentions_me: It mentions the owner or replies to a message of the owner's.
        message_id: `message.reaction`.
        message_ids: `message.deleted`; `chat.updated` of pins.
        reactions: All reactions that the message has now.
        read_by: `chat.read`: the owner has read up to *up_to*, or others have read the owner's messages up to it.
        change: `chat.updated`: what changed, in a word.
        status: `user.status`, `account.status`.
        last_seen_at: `user.status` of somebody who went offline.
        restriction: `account.limited`: what Telegram keeps the account from doing.
        budget: `budget.exhausted`: which field of the key's budgets.
        limit: `budget.exhausted`: how much it allows in 24 hours.
        until: `budget.exhausted`: when the oldest use of it is over.
        action_id: `action.updated`: the action, its status now, and what it does.
        key_id: `key.new_address`: which key.
        missed: `gap`: the types of which events may be lost.
        since: `gap`: from when on they may be.
    """

    message: CompactMessage | None = None
    people: dict[str, Untrusted] = msgspec.field(default_factory=dict)
    is_outgoing: bool = False
    mentions_me: bool = False
    scheduled_id: int | None = None
    message_id: int | None = None
    message_ids: list[int] = msgspec.field(default_factory=list)
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    read_by: Literal["owner", "others"] | None = None
    up_to: int | None = None
    unread_count: int | None = None
    change: str | None = None
    status: EventStatus | None = None
    last_seen_at: datetime | None = None
    restriction: Restriction | None = None
    budget: str | None = None
    limit: int | None = None
    until: datetime | None = None
    action_id: str | None = None
    action_status: ActionStatus | None = None
    kind: str | None = None
    key_id: str | None = None
    missed: list[EventType] = msgspec.field(default_factory=list)
    since: datetime | None = None


class Event(Wire, frozen=True, kw_only=True):
    """One event: *id* is its cursor, *seq* its number in its account, without gaps."""

    id: Annotated[
        str,
        Meta(max_length=512, description="Opaque: Last-Event-ID or cursor, to go on behind it."),
    ]
    seq: int = msgspec.field()
    type: EventType = msgspec.field()
    account_id: str = msgspec.field()
    at: datetime = msgspec.field()
    chat: EventChat | None = None
    data: EventData = msgspec.field()
    trust: Literal["untrusted"] = msgspec.field()


class EventPage(Wire, frozen=True, kw_only=True):
    """Events in the order in which they were written down; *next* goes on behind all that were looked at."""

    items: list[Event] = msgspec.field()
    next: str = msgspec.field()


_Filtered = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=50)
]


class EventQuery(Query, frozen=True, kw_only=True):
    """Which events to tell, and from where on."""

    account: Annotated[
        _Filtered, Meta(description="Accounts by id, alias or `me`; all within reach without it.")
    ] = ()
    chat: Annotated[
        _Filtered,
        Meta(description="Chats by id, @name, +phone or `me`; events about no chat come as well."),
    ] = ()
    type: tuple[EventType, ...] = ()
    direction: Annotated[
        Literal["incoming", "all"],
        Meta(description="`all` tells of the owner's own messages too, whoever sent them."),
    ] = "incoming"
    mentions: Annotated[
        bool,
        Meta(description="Only messages that mention the owner or reply to one of the owner's."),
    ] = False
    cursor: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=512,
                description="The `id` of an event or the `next` of a page, to go on behind it; `latest`, or nothing: from now on.",
            ),
        ]
        | None
    ) = None


class EventPollQuery(EventQuery, frozen=True, kw_only=True):
    """How long to wait for events, and how many of them to tell at once."""

    wait: Annotated[
        int, Meta(ge=0, le=300, description="Seconds to wait where there is nothing to tell.")
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    debounce_secs: Annotated[
        int,
        Meta(
            ge=0,
            le=60,
            description="After the first event of a chat, wait until the chat was quiet for so long; never beyond `wait`.",
        ),
    ] = 0
