"""Actions: what became of a change."""

from __future__ import annotations

from vasya_server.api.access import is_open_to
from vasya_server.api.routes import OPERATIONS, Access, Call, read
from vasya_server.model.action import Action, ActionQuery
from vasya_server.operations.actions import read_action


@read("/actions/{action}", Access.ANY_PRINCIPAL)
async def get_action(call: Call, query: ActionQuery) -> Action:
    """Tell what became of a change: under way, done, failed, aborted, or unknown.

    Its id is the `Action-Id` header of the answer that the change got, refusals included. `wait` holds the answer back
    until the action has ended; `result` is then what the change answered, `problem` why it was refused; both are left out
    for a credential that may not ask for such a change, in that account and chat, any more. `unknown` ends only when the change is asked for again with its Idempotency-Key. Somebody else's action, one that is forgotten after
    24 hours, and one that never was answer the same 403 `access_denied`.
    """
    who = call.who

    def may_ask(kind: str) -> bool:
        changes = [each for each in OPERATIONS if each.mutation and each.mutation.action == kind]
        return any(is_open_to(each, who) for each in changes)

    return await read_action(
        call.gateway, who, call.path["action"], wait_secs=query.wait, may_ask=may_ask
    )
