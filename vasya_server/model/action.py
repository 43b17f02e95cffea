"""Actions: what became, or will become, of one change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Wire
from vasya_server.model.preview import Preview


class ActionStatus(StrEnum):
    """Where an action stands.

    `started` is not yet sent, `dispatched` may be on its way; `failed` was refused, `aborted` provably never sent, and
    `unknown` may or may not have happened. `scheduled` waits at Telegram until `sendsAt`, and until then it may be
    `cancelled`.
    """

    STARTED = "started"
    DISPATCHED = "dispatched"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


Answered = Annotated[msgspec.Raw, Meta(description="JSON, as the request itself answered it.")]


class Action(Wire, frozen=True, kw_only=True):
    """One change and what became of it.

    Args:
        preview: What is done.
        scheduled_id: The first message's id while it waits at Telegram; it gets another when it is sent.
        scheduled_ids: Those of all messages, where there are several.
        sends_at: When Telegram sends them.
    """

    action_id: str
    status: ActionStatus = msgspec.field()
    kind: Annotated[str, Meta(description="What is done: `message:send`, `message:edit`, …")]
    account_id: str | None = None
    preview: Preview | None = None
    created_at: datetime = msgspec.field()
    scheduled_id: int | None = None
    scheduled_ids: list[int] = msgspec.field(default_factory=list)
    sends_at: datetime | None = None
    finished_at: datetime | None = None
    result: Answered | None = None
    problem: Answered | None = None


class ActionQuery(Query, frozen=True, kw_only=True):
    """How long to wait for the end."""

    wait: Annotated[
        int, Meta(ge=0, le=300, description="Seconds to wait while the action is under way.")
    ] = 0
