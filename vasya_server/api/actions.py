"""Actions: what became of a change."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vasya_server.api.access import is_open_to
from vasya_server.api.routes import OPERATIONS, Access, Call, mutation, read
from vasya_server.audit import actions as audit
from vasya_server.model.action import Action, ActionQuery
from vasya_server.operations import Ready, always, local
from vasya_server.operations.actions import cancel_action as take_back
from vasya_server.operations.actions import read_action

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal


@read("/actions/{action}", Access.ANY_PRINCIPAL)
async def get_action(call: Call, query: ActionQuery) -> Action:
    """Tell what became of a change: under way, done, failed, aborted, or unknown.

    Its id is the `Action-Id` header of the answer that the change got, refusals included. `wait` holds the answer back
    until the action has ended; `result` is then what the change answered, `problem` why it was refused; both are left out
    for a credential that may not ask for such a change, in that account and chat, any more. `unknown` ends only when the change is asked for again with its Idempotency-Key. Somebody else's action, one that is forgotten after
    24 hours, and one that never was answer the same 403 `access_denied`.
    """
    return await read_action(
        call.gateway,
        call.who,
        call.path["action"],
        wait_secs=query.wait,
        may_ask=partial(_may_ask, call.who),
    )


@mutation(
    "POST",
    "/actions/{action}/cancel",
    Access.ANY_PRINCIPAL,
    local(audit.Action.ACTION_CANCEL, reduces_risk=always),
)
async def cancel_action(call: Call, _ready: Ready) -> Action:
    """Take back a message that waits for its time (`scheduled`), and answer the action, which is `cancelled` then.

    Whoever asked for it may, and a human. When it was sent before, it answers 409 `undo_expired` and the action is `done`;
    an action that does not wait answers 409 `action_state`. Deleting the scheduled message in a Telegram app does the same.
    Somebody else's action and one that never was answer the same 403 `access_denied`.
    """
    return await take_back(
        call.gateway, call.who, call.path["action"], may_ask=partial(_may_ask, call.who)
    )


def _may_ask(who: Principal, kind: str) -> bool:
    changes = [each for each in OPERATIONS if each.mutation and each.mutation.action == kind]
    return any(is_open_to(each, who) for each in changes)
