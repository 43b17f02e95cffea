"""What became of a change, for whoever asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vasya_server.errors import AccessDenied
from vasya_server.idempotency.claims import Hold
from vasya_server.model.action import Action, ActionStatus

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.idempotency.claims import Claims, Known


async def read_action(
    claims: Claims, principal: Principal, action_id: str, *, wait_secs: float
) -> Action:
    """Return the action as it stands, or as it ends within *wait_secs*.

    Raises:
        AccessDenied: It is another owner's or another key's, or there is none: not told apart (D-5.1).
    """
    found = await _own(claims, principal, action_id)
    if wait_secs:
        await claims.wait(action_id, wait_secs)
        found = await _own(claims, principal, action_id)
    return _started(found) if isinstance(found, Hold) else _stored(found)


async def _own(claims: Claims, principal: Principal, action_id: str) -> Known | Hold:
    found = await claims.action(action_id)
    whose = found.claim if isinstance(found, Hold) else found
    if found is None or whose is None or whose.owner != principal.owner:
        raise AccessDenied
    if whose.lineage != principal.lineage and not principal.is_human:
        raise AccessDenied
    return found


def _started(hold: Hold) -> Action:
    return Action(
        action_id=hold.action_id,
        status=ActionStatus.STARTED,
        kind=hold.claim.kind,
        account_id=hold.claim.account_id,
        created_at=hold.created_at,
    )


def _stored(known: Known) -> Action:
    result, problem = None, None
    if known.answer is not None and known.answer.body:
        told = msgspec.Raw(known.answer.body)
        result, problem = (None, told) if known.answer.is_problem else (told, None)
    return Action(
        action_id=known.action_id,
        status=known.status,
        kind=known.kind,
        account_id=known.account_id,
        created_at=known.created_at,
        finished_at=known.finished_at,
        result=result,
        problem=problem,
    )
