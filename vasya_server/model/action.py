"""Actions: what became, or will become, of one change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Query, Wire
from vasya_server.model.preview import Preview


class ActionStatus(StrEnum):
    """Where an action stands.

    ```
    awaiting_approval ─ approve ─► started ─► dispatched ─► done | failed | aborted
            │                         │           │  ▲
            │                         │  no answer▼  │asked again, or approved again
            │                         │          unknown
            └─► rejected | expired | cancelled ◄──┘
    ```

    `started` is not yet sent, `dispatched` may be on its way; `failed` was refused, `aborted` provably never sent, and
    `unknown` may or may not have happened. What nobody has to be asked about begins with `started`. `scheduled`
    waits at Telegram until `sendsAt`; until then it may be cancelled.
    """

    AWAITING_APPROVAL = "awaiting_approval"
    STARTED = "started"
    DISPATCHED = "dispatched"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


# What changes without anybody asking for it again.
CHANGING: Final = frozenset(
    {
        ActionStatus.AWAITING_APPROVAL,
        ActionStatus.STARTED,
        ActionStatus.DISPATCHED,
        ActionStatus.SCHEDULED,
    }
)
# It was decided that it does not happen.
CALLED_OFF: Final = frozenset({ActionStatus.REJECTED, ActionStatus.EXPIRED, ActionStatus.CANCELLED})

Answered = Annotated[msgspec.Raw, Meta(description="JSON, as the request itself answered it.")]
Digest = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$",
        description="Stands for this action, its chat, the title and name shown, and what is sent.",
    ),
]


class Action(Wire, frozen=True, kw_only=True):
    """One change and what became of it.

    Args:
        key_id: The agent key that asks for it.
        preview: What would be, or was, done.
        decided_by: Which kind of credential decided; `system` where time did, or the end of the key.
        scheduled_id: The first message's id while it waits at Telegram; it gets another when it is sent.
        scheduled_ids: Those of all messages, where there are several.
        sends_at: When Telegram sends them.
    """

    action_id: str
    status: ActionStatus = msgspec.field()
    kind: Annotated[str, Meta(description="What is done: `message:send`, `message:edit`, …")]
    account_id: str | None = None
    key_id: str | None = None
    digest: Digest | None = None
    preview: Preview | None = None
    created_at: datetime = msgspec.field()
    expires_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: Literal["embedded", "jwt", "agent_key", "owner_chat", "system"] | None = None
    scheduled_id: int | None = None
    scheduled_ids: list[int] = msgspec.field(default_factory=list)
    sends_at: datetime | None = None
    finished_at: datetime | None = None
    result: Answered | None = None
    problem: Answered | None = None


class Accepted(Action, frozen=True, kw_only=True):
    """An action that a request answers with because nothing else is known yet: 202."""


class ActionPage(Wire, frozen=True, kw_only=True):
    """Actions that do not happen at once, newest first."""

    items: list[Action] = msgspec.field()
    next: str | None = None


class ActionsQuery(Query, frozen=True, kw_only=True):
    """Which actions."""

    status: Annotated[
        tuple[ActionStatus, ...], Meta(description="Only those that stand so; a comma list.")
    ] = ()
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class Approval(Input, frozen=True, kw_only=True):
    """What is approved: the `digest` of the action as it was shown to the one who decides."""

    digest: Digest


class ActionQuery(Query, frozen=True, kw_only=True):
    """How long to wait for a change."""

    wait: Annotated[
        int,
        Meta(ge=0, le=300, description="Seconds to wait for the action's next change of status."),
    ] = 0
