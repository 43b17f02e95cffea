"""Actions: what became of a change, what waits for a human, and what the human says."""

from __future__ import annotations

from typing import Final

from vasya_server.api.access import is_open_to
from vasya_server.api.approved import Executor
from vasya_server.api.routes import OPERATIONS, Access, Call, mutation, read
from vasya_server.api.transcripts import told_action
from vasya_server.audit import actions as audited
from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.action import (
    Action,
    ActionPage,
    ActionQuery,
    ActionsQuery,
    ActionStatus,
    Approval,
)
from vasya_server.operations import Ready, always, local
from vasya_server.operations import actions as standing
from vasya_server.operations.deciding import approve, call_off, cancel

_ACTION: Final = "/actions/{action}"
_NEWEST: Final = 2**62


@read("/actions", Access.ANY_PRINCIPAL)
async def list_actions(call: Call, query: ActionsQuery) -> ActionPage:
    """List the changes that do not happen at once, newest first: those that wait for a human, and what became of them.

    A human sees those of every key, a key its own; `status=awaiting_approval` is what there is to decide. What is over is
    forgotten after 24 hours. `preview` and `result` are left out for a credential that may not ask for such a change, in that
    account and chat, any more. A cursor that is not from this list answers 422 `validation_failed`.
    """
    cursors, owner, route = call.gateway.cursors, call.who.owner, call.operation.name
    below = _NEWEST
    if query.cursor is not None:
        try:
            below = cursors.read(owner, call.who.lineage, route, query.cursor, int)
        except CursorInvalid as error:
            raise ValidationFailed(FieldError("?cursor", "invalid")) from error
    items, position = await standing.list_actions(
        call.gateway,
        call.who,
        query.status,
        below=below,
        limit=query.limit,
        may_ask=lambda kind: _may_ask(call, kind),
    )
    if position is None:
        return ActionPage(items=items)
    return ActionPage(items=items, next=cursors.write(owner, call.who.lineage, route, position))


@read(_ACTION, Access.ANY_PRINCIPAL)
async def get_action(call: Call, query: ActionQuery) -> Action:
    """Tell what became of a change: waiting for a human, under way, done, failed, aborted, unknown, or called off.

    Its id is the `Action-Id` header of the answer that the change got, refusals included. `wait` holds the answer back
    until the action stands otherwise than now; `result` is then what the change answered, `problem` why it was refused; both are left out
    for a credential that may not ask for such a change, in that account and chat, any more. `unknown` ends only when the change is asked for again with its Idempotency-Key, or approved again. Somebody else's action, one that is forgotten after
    24 hours, and one that never was answer the same 403 `access_denied`.
    """
    about_transcript = await told_action(call, wait_secs=query.wait)
    return about_transcript or await _told(call, wait_secs=query.wait)


@mutation("POST", _ACTION + "/approve", Access.HUMAN, local(audited.Action.ACTION_APPROVE))
async def approve_action(call: Call, ready: Ready, body: Approval) -> Action:
    """Agree to a change that waits, and do it now, for the key that asked; the answer is the action as it stands then.

    `digest` is that of the action as it was shown: another one, or a chat that has another id or username meanwhile, answers
    409 `action_stale`. The key's scopes and lists and all gates are looked at again, and a refusal (403
    `chat_not_allowed`, 403 `sending_disabled`, 409 `key_ended`, …) decides nothing: the action waits on. An action that does not wait
    answers 409 `action_state`; one that is `unknown` is asked for again, and nothing is done twice. What Telegram
    refuses is 200 with `failed` and its `problem`. An agent key answers 403 `human_required`.
    """
    await approve(
        call.gateway,
        call.who,
        call.path["action"],
        body.digest,
        Executor(call.gateway),
        call.request_id,
        is_redrive=ready.is_redrive,
    )
    return await _told(call)


@mutation(
    "POST",
    _ACTION + "/reject",
    Access.HUMAN,
    local(audited.Action.ACTION_REJECT, reduces_risk=always),
)
async def reject_action(call: Call, _ready: Ready) -> Action:
    """Refuse a change that waits: it is never made, and its Idempotency-Key answers 409 `action_state`.

    What is called off already stays as it is; one that was approved answers 409 `action_state`. An agent key answers 403
    `human_required`.
    """
    await call_off(call.gateway, call.who, call.path["action"], ActionStatus.REJECTED)
    return await _told(call)


@mutation(
    "POST",
    _ACTION + "/cancel",
    Access.ANY_PRINCIPAL,
    local(audited.Action.ACTION_CANCEL, reduces_risk=always),
)
async def cancel_action(call: Call, _ready: Ready) -> Action:
    """Take back a change that waits for a human or, `scheduled`, for its time, as the key that asked for it or as a human.

    It is never made. What is called off already stays as it is; one that was approved and sent answers 409 `action_state`,
    a scheduled message that was sent before 409 `undo_expired`, somebody else's action 403 `access_denied`. To delete
    the scheduled message in a Telegram app does the same.
    """
    await cancel(call.gateway, call.who, call.path["action"])
    return await _told(call)


async def _told(call: Call, wait_secs: float = 0) -> Action:
    return await standing.read_action(
        call.gateway,
        call.who,
        call.path["action"],
        wait_secs=wait_secs,
        may_ask=lambda kind: _may_ask(call, kind),
    )


def _may_ask(call: Call, kind: str) -> bool:
    changes = [each for each in OPERATIONS if each.mutation and each.mutation.action == kind]
    return any(is_open_to(each, call.who) for each in changes)
