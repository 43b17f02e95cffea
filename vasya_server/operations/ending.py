"""What became of a mutation: what its client is told, what is stored, and whether its key may begin anew (D-6.5)."""

from __future__ import annotations

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vasya_server.audit.entry import MAX_RESULT_IDS, EntryKind, Result
from vasya_server.errors import (
    AuditUnavailable,
    IdempotencyKeyStale,
    OutcomeUnknown,
    StorageFailed,
)
from vasya_server.idempotency.claims import ANSWERS_KEPT
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain
from vasya_server.operations.record import messages_in, what_remains

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.guards.waiting import Waiting
    from vasya_server.idempotency.claim import Hold, Known, StoredAnswer
    from vasya_server.operations.conditions import Taken
    from vasya_server.operations.mutation import Intent
    from vasya_server.operations.record import Recorder
    from vasya_server.telegram.progress import Progress

_log: Final = logging.getLogger(__name__)
# Clocks differ; an answer that is stored is kept for a day, so what Telegram dates earlier than this is another request's.
_CLOCKS_DIFFER_BY: Final = timedelta(seconds=60)
# What came of most changes: they make no message.
_DONE: Final = Result(status=ActionStatus.DONE.value)
# A refusal that time, or a human, may turn into a success is not the answer for ever.
_PASSING: Final = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}


class Ending(Plain, frozen=True, kw_only=True):
    """The end of one attempt.

    Args:
        keeps_key: The same request with the same key gets this answer from now on.
        error: What the client is told where the answer is not stored for it.
        waiting: What waits at Telegram because of it: then this is not the end.
    """

    status: ActionStatus
    answer: StoredAnswer
    result: Result
    keeps_key: bool
    error: VasyaError | None = None
    waiting: Waiting | None = None


def success(answer: StoredAnswer, made: object) -> Ending:
    """Return the ending of a mutation that is done."""
    result = _DONE
    if messages := messages_in(made):
        ids = [
            each
            for message in messages
            for each in message.album_ids or message.split_ids or [message.id]
        ]
        result = Result(status=_DONE.status, ids=tuple(ids[:MAX_RESULT_IDS]))
    return Ending(status=ActionStatus.DONE, answer=answer, result=result, keeps_key=True)


def failure(
    error: VasyaError,
    intent: Intent,
    progress: Progress,
    render: Callable[[VasyaError], StoredAnswer],
    *,
    is_redrive: bool,
) -> Ending | None:
    """Return the ending that *error* means; None: nobody knows whether it has happened."""
    answer = render(error)
    if isinstance(error, OutcomeUnknown):
        return None
    if isinstance(error, IdempotencyKeyStale):
        # Of an action whose outcome was unknown this is the end: it was done, and what it made was deleted since.
        status = ActionStatus.DONE if is_redrive else ActionStatus.ABORTED
        return _ending(status, answer, error, keeps_key=is_redrive)
    if progress.has_happened and not error.applied:
        return None
    if not intent.mutation.reaches_telegram:
        return _ending(ActionStatus.FAILED, answer, error, keeps_key=False)
    if progress.is_refused or error.applied:
        is_for_good = (
            progress.is_refused
            and (answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _PASSING)
        ) or answer.status == HTTPStatus.BAD_GATEWAY
        return _ending(ActionStatus.FAILED, answer, error, keeps_key=is_for_good)
    return _ending(ActionStatus.ABORTED, answer, error, keeps_key=False)


def require_new(made: object, progress: Progress, started_at: datetime) -> None:
    """See that Telegram did it now, and not long ago for a request whose answer is gone (D-6.9).

    Raises:
        IdempotencyKeyStale: It did it then, and nothing now.
    """
    if progress.repeated_id is None:
        return
    for message in messages_in(made):
        if message.sent_at < started_at - _CLOCKS_DIFFER_BY:
            raise IdempotencyKeyStale(message.id)


def may_find_out(intent: Intent, known: Known, gateway: Gateway) -> bool:
    """Tell whether doing it again, as it was done, would tell what became of it and do nothing twice."""
    return intent.mutation.is_repeatable and known.sent_at + ANSWERS_KEPT > gateway.clock.now()


def unknown(intent: Intent, *, is_too_old: bool = False) -> OutcomeUnknown:
    """Return what a client is told that cannot be told the outcome; only with its key may it ask again."""
    if not intent.mutation.is_repeatable:
        error = OutcomeUnknown(
            "Nobody knows whether this happened, and repeating it could do it twice.",
            remedy="Look whether it is there; use a new Idempotency-Key if it is not, and is still wanted.",
        )
    elif is_too_old:
        error = OutcomeUnknown(
            "Nobody knows whether this happened, and it is too long ago to find out by repeating it.",
            remedy="Look at the chat; use a new Idempotency-Key if it is still wanted.",
        )
    elif intent.idempotency_key is None and intent.parts:
        error = OutcomeUnknown(
            remedy="Look at the chat before you repeat it: without an Idempotency-Key a repetition is a new message."
        )
    else:
        return OutcomeUnknown()
    error.is_retryable, error.retry_after_secs = False, None
    return error


async def conclude(
    gateway: Gateway,
    intent: Intent,
    recorder: Recorder,
    hold: Hold,
    ending: Ending,
    taken: Sequence[Taken],
    *,
    is_unstored: bool,
) -> None:
    """Store the end with its outcome (W2).

    Args:
        taken: What it has used up; it has that again where nothing was sent.
        is_unstored: Nothing of it could be stored, and it was done all the same.

    Raises:
        AuditUnavailable: It is stored, and its line will follow.
        OutcomeUnknown: It has happened and could not be stored, so that only the same request finds it again.
    """
    entry = recorder.entry(EntryKind.OUTCOME, hold.action_id, ending.result)
    remains = what_remains(gateway, intent)
    if ending.status in (ActionStatus.FAILED, ActionStatus.ABORTED):
        returned = [statement for each in reversed(taken) for statement in each.give_back()]
        # What an earlier process, or an earlier request, has taken for the action only the budgets know.
        remains = (*remains, *returned, *gateway.limits.budgets.give_back(hold.action_id))
    if ending.waiting is not None:
        remains = (*remains, gateway.guards.undo.store.adding(ending.waiting))
    if is_unstored:
        await gateway.audit.record_later(entry, *remains)
        return
    try:
        await gateway.claims.finish(
            hold, ending.status, ending.answer, entry, *remains, keeps_key=ending.keeps_key
        )
    except StorageFailed as error:
        if intent.reduces_risk:
            await gateway.audit.record_later(entry, *remains)
        elif ending.status in (ActionStatus.DONE, ActionStatus.SCHEDULED):
            raise unknown(intent) from error
        else:
            _log.warning("the end of an action was not stored (%s)", error.code)
    finally:
        # Whatever a disk says, it waits at Telegram, and whoever calls it off has to reach it.
        if ending.waiting is not None:
            gateway.guards.undo.expect(ending.waiting)


async def lose(gateway: Gateway, recorder: Recorder, hold: Hold, code: str | None = None) -> None:
    """Store that nobody knows the outcome; where even that fails, what is stored says the same."""
    result = Result(status=ActionStatus.UNKNOWN.value, code=code)
    entry = recorder.entry(EntryKind.OUTCOME, hold.action_id, result)
    try:
        await gateway.claims.lose(hold, entry)
    except (StorageFailed, AuditUnavailable) as error:
        _log.warning("an unknown outcome was not stored (%s)", error.code)


def _ending(
    status: ActionStatus, answer: StoredAnswer, error: VasyaError, *, keeps_key: bool
) -> Ending:
    ids = (error.message_id,) if isinstance(error, IdempotencyKeyStale) else ()
    return Ending(
        status=status,
        answer=answer,
        result=Result(status=status.value, code=error.code, ids=ids),
        keeps_key=keeps_key,
        error=None if keeps_key else error,
    )
