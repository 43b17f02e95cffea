"""Actions: what became of a change."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, read
from vasya_server.model.action import Action, ActionQuery
from vasya_server.operations.actions import read_action


@read("/actions/{action}", Access.ANY_PRINCIPAL)
async def get_action(call: Call, query: ActionQuery) -> Action:
    """Tell what became of a change: under way, done, failed, aborted, or unknown.

    Its id is the `Action-Id` header of the answer that the change got, refusals included. `wait` holds the answer back
    until the action has ended; `result` is then what the change answered, `problem` why it was refused. `unknown` ends
    only when the change is asked for again with its Idempotency-Key. Somebody else's action, one that is forgotten after
    24 hours, and one that never was answer the same 403 `access_denied`.
    """
    return await read_action(
        call.gateway.claims, call.who, call.path["action"], wait_secs=query.wait
    )
