"""Sends that may be taken back for a while: how their 202 is made, and how they are taken back.

A key that has an undo window has it in every message that it makes; a request may ask for a longer one and for no
shorter. What waits at Telegram is followed by `guards.undo`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.audit.entry import EntryKind, Result
from vasya_server.clock import to_ms
from vasya_server.errors import (
    ActionState,
    MessageNotFound,
    OutcomeUnknown,
    StorageFailed,
    TelegramError,
    UndoExpired,
)
from vasya_server.events.record import Draft
from vasya_server.guards.waiting import Refusals, Waiting
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.model.action import Action, ActionStatus
from vasya_server.model.event import EventData, EventType
from vasya_server.operations.ending import Ending
from vasya_server.operations.preview import preview_of
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.scheduled import Awaited

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.claim import Hold, Known
    from vasya_server.ids import ActionId
    from vasya_server.operations.conditions import Attempt
    from vasya_server.operations.record import Recorder
    from vasya_server.telegram.scheduled import Scheduled

_log: Final = logging.getLogger(__name__)
_BEHIND_WINDOW: Final = frozenset(
    {
        ActionStatus.SCHEDULED,
        ActionStatus.DONE,
        ActionStatus.FAILED,
        ActionStatus.UNKNOWN,
        ActionStatus.CANCELLED,
    }
)


async def waiting_ending(
    attempt: Attempt,
    hold: Hold,
    recorder: Recorder,
    made: Scheduled,
    render: Callable[[VasyaError], StoredAnswer],
) -> Ending:
    """Return the ending of a send that waits at Telegram: a 202, until the messages have an end of their own."""
    waiting = _waiting(attempt, hold, recorder, made, render)
    action = Action(
        action_id=hold.action_id,
        status=ActionStatus.SCHEDULED,
        kind=hold.claim.kind,
        account_id=hold.claim.account_id,
        key_id=attempt.who.key_id,
        preview=await preview_of(attempt),
        created_at=hold.created_at,
        scheduled_id=made.ids[0],
        scheduled_ids=list(made.ids) if len(made.ids) > 1 else [],
        sends_at=made.due_at,
    )
    return Ending(
        status=ActionStatus.SCHEDULED,
        answer=StoredAnswer(HTTPStatus.ACCEPTED, msgspec.json.encode(action)),
        result=Result(status=ActionStatus.SCHEDULED.value),
        keeps_key=True,
        waiting=waiting,
    )


def _waiting(
    attempt: Attempt,
    hold: Hold,
    recorder: Recorder,
    made: Scheduled,
    render: Callable[[VasyaError], StoredAnswer],
) -> Waiting:
    account, peer, who = attempt.account, attempt.peer, attempt.who
    if peer is None:
        raise LookupError(hold.action_id)
    made_at = int(hold.created_at.timestamp())
    return Waiting(
        action_id=hold.action_id,
        owner=who.owner,
        account_id=account.id,
        lineage=who.lineage,
        key_id=who.key_id,
        fingerprint=hold.claim.fingerprint,
        peer=peer.stored,
        awaited=Awaited(
            chat_id=peer.id,
            ids=made.ids,
            marks=made.marks,
            made_at=made_at,
            due_at=made.due_times,
        ),
        is_agent=not who.is_human,
        is_list=attempt.intent.source is not None,
        is_split=bool(getattr(attempt.intent.body, "split", False)),
        listed_at=f"/api/v1/accounts/{account.id}/chats/{peer.id}/messages",
        due_at_ms=to_ms(made.due_at),
        entry=recorder.entry(EntryKind.OUTCOME, hold.action_id),
        refusals=_refusals(hold.action_id, render),
    )


def _refusals(action_id: ActionId, render: Callable[[VasyaError], StoredAnswer]) -> Refusals:
    """Render what the request will be answered where no message stands in the chat: then there is nobody who could."""
    cancelled = ActionState(action_id, ActionStatus.CANCELLED.value)
    failed = TelegramError(None, "Telegram did not send the message when it was due.")
    deleted = MessageNotFound("The message was sent when it was due, and has been deleted since.")
    unknown = OutcomeUnknown(
        "The message waits no more and is not in the chat: it was taken back, or sent and deleted, while nobody listened.",
        remedy="Look at the chat; use a new Idempotency-Key if it is still wanted.",
    )
    unknown.is_retryable, unknown.retry_after_secs = False, None
    for error in (failed, deleted, unknown):
        error.action_id = action_id
    return Refusals(
        cancelled=render(cancelled),
        failed=render(failed),
        unknown=render(unknown),
        deleted=render(deleted),
    )


async def note_end(gateway: Gateway, waiting: Waiting, status: ActionStatus) -> None:
    """Tell the event log how what waited has ended; what cannot be stored, the action itself tells to whoever asks."""
    data = EventData(
        action_id=waiting.action_id, action_status=status, kind=waiting.entry.action.value
    )
    draft = Draft(
        type=EventType.ACTION_UPDATED,
        at=gateway.clock.now(),
        data=data,
        key_id=waiting.key_id,
    )
    try:
        await gateway.events.append(waiting.owner, waiting.account_id, [draft])
    except (StorageFailed, ConstraintFailed):
        _log.warning("the end of a scheduled message is told by no event")


def had_window(known: Known) -> bool:
    """Tell whether the messages of an action wait at Telegram, or have waited there."""
    is_there = known.status in _BEHIND_WINDOW
    return is_there and known.dispatch is not None and known.dispatch.waits


async def undo(gateway: Gateway, known: Known) -> None:
    """Take back what waits at Telegram.

    Raises:
        UndoExpired: It has been sent.
        ActionState: It waits no more for another reason.
        VasyaError: Telegram could not be asked; it waits still.
    """
    # Of what could not be stored the row says that nobody knows, and it may wait all the same.
    if known.status in (ActionStatus.SCHEDULED, ActionStatus.UNKNOWN):
        if await gateway.guards.undo.take_back(known.action_id, "undone"):
            return
        found = await gateway.claims.action(known.action_id)
        status: Any = getattr(found, "status", known.status)
        if status is ActionStatus.CANCELLED:
            return
    else:
        status = known.status
    error = (
        UndoExpired() if status is ActionStatus.DONE else ActionState(known.action_id, status.value)
    )
    error.action_id = known.action_id
    raise error
