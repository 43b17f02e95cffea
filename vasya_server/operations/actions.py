"""What became of a change, for whoever asked for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from vasya_server.errors import AccessDenied, ActionState, VasyaError
from vasya_server.idempotency.claim import Hold
from vasya_server.model.action import Action, ActionStatus
from vasya_server.operations.undo import undo
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.claim import Known
    from vasya_server.idempotency.claims import Claims


async def read_action(
    gateway: Gateway,
    principal: Principal,
    action_id: str,
    *,
    wait_secs: float,
    may_ask: Callable[[str], bool],
) -> Action:
    """Return the action as it stands, or as it ends within *wait_secs*.

    What it answered is told to whom a replay would tell it: a credential that was narrowed since finds it by no other way.

    Args:
        may_ask: Whether the principal may ask for an action of that kind.

    Raises:
        AccessDenied: It is another owner's or another key's, or there is none: not told apart (D-5.1).
    """
    claims, key_id = gateway.claims, principal.key_id
    watch = None if key_id is None else gateway.keys.watch(key_id)
    found = await _own(claims, principal, action_id)
    if wait_secs:
        is_scheduled = not isinstance(found, Hold) and found.status is ActionStatus.SCHEDULED
        waiting = claims.wait(action_id, wait_secs, is_scheduled=is_scheduled)
        await _wait(waiting, watch)
        found = await _own(claims, principal, action_id)
    if isinstance(found, Hold):
        return _started(found)
    is_told = may_ask(found.kind) and await _is_reached(gateway, principal, found)
    return _stored(found, is_told=is_told)


async def cancel_action(
    gateway: Gateway,
    principal: Principal,
    action_id: str,
    *,
    may_ask: Callable[[str], bool],
) -> Action:
    """Take back what waits at Telegram, and return the action as it stands then; one that is cancelled stays so.

    Raises:
        AccessDenied: It is another owner's or another key's, or there is none: not told apart (D-5.1).
        UndoExpired: It has been sent.
        ActionState: It does not wait.
        VasyaError: Telegram could not be asked; it waits still.
    """
    found = await _own(gateway.claims, principal, action_id)
    if isinstance(found, Hold):
        raise ActionState(action_id, ActionStatus.STARTED.value)
    if found.status is not ActionStatus.CANCELLED:
        await undo(gateway, found)
    return await read_action(gateway, principal, action_id, wait_secs=0, may_ask=may_ask)


async def _wait(ending: Coroutine[Any, Any, None], watch: Watch | None) -> None:
    """Wait for the end of the action, or of the key that waits for it.

    Raises:
        AccessDenied: The key was revoked or changed.
    """
    if watch is None:
        return await ending
    tasks = {asyncio.create_task(ending), asyncio.create_task(watch.over())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if watch.is_over:
        raise AccessDenied("The agent key was revoked or changed while it waited.")
    return None


async def _is_reached(gateway: Gateway, principal: Principal, known: Known) -> bool:
    """Tell whether account and chat of the action are within the principal's reach now."""
    if known.account_id is None or (principal.account_ids is None and principal.chats is None):
        return True
    try:
        account = gateway.accounts.get(principal.owner, known.account_id)
    except AccessDenied:
        return False
    if not principal.reaches(account.id):
        return False
    if principal.chats is None:
        return True
    if known.dispatch is None:
        return False
    if known.dispatch.peer is None:
        return True
    try:
        view = AccountView(account, principal)
        await require(Reading(view), known.dispatch.peer[0], principal.chats.write)
    except VasyaError:  # out of reach, or nobody can say
        return False
    return True


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


def _stored(known: Known, *, is_told: bool) -> Action:
    result, problem = None, None
    if known.status is ActionStatus.SCHEDULED and known.answer is not None:
        waiting = msgspec.json.decode(known.answer.body, type=Action)
        return waiting if is_told else msgspec.structs.replace(waiting, preview=None)
    # That it was cancelled is what the action says; its problem is for who asks for the same again.
    is_told = is_told and known.status is not ActionStatus.CANCELLED
    if is_told and known.answer is not None and known.answer.body:
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
