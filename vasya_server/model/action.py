"""Actions: what became, or will become, of one change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.model.base import Query, Wire


class ActionStatus(StrEnum):
    """Where an action stands.

    `started` is not yet sent, `dispatched` may be on its way; `failed` was refused, `aborted` provably never sent, and
    `unknown` may or may not have happened.
    """

    STARTED = "started"
    DISPATCHED = "dispatched"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


Answered = Annotated[msgspec.Raw, Meta(description="JSON, as the request itself answered it.")]


class Action(Wire, frozen=True, kw_only=True):
    """One change and what became of it."""

    action_id: str
    status: ActionStatus = msgspec.field()
    kind: Annotated[str, Meta(description="What is done: `message:send`, `message:edit`, …")]
    account_id: str | None = None
    created_at: datetime = msgspec.field()
    finished_at: datetime | None = None
    result: Answered | None = None
    problem: Answered | None = None


class ActionQuery(Query, frozen=True, kw_only=True):
    """How long to wait for the end."""

    wait: Annotated[
        int, Meta(ge=0, le=300, description="Seconds to wait while the action is under way.")
    ] = 0
