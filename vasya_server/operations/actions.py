"""How an action stands, for whoever asked for it and for people."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.auth.policy import ApprovalRule
from vasya_server.clock import from_ms
from vasya_server.errors import AccessDenied, StorageFailed, VasyaError
from vasya_server.events.record import Draft
from vasya_server.idempotency.asked import AskedAction
from vasya_server.idempotency.claim import Hold
from vasya_server.ids import AccountId
from vasya_server.model.action import CHANGING, Action, ActionStatus
from vasya_server.model.event import EventData, EventType
from vasya_server.model.preview import PreviewChat
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from vasya_server.auth.chat_lists import ChatRule
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.claim import Known
    from vasya_server.model.preview import Preview

_log: Final = logging.getLogger(__name__)


async def read_action(
    gateway: Gateway,
    principal: Principal,
    action_id: str,
    *,
    wait_secs: float,
    may_ask: Callable[[str], bool],
) -> Action:
    """Return the action as it stands, or as it stands after its next change within *wait_secs*.

    What it answered is told to whom a replay would tell it: a credential that was narrowed since finds it by no other way.

    Args:
        may_ask: Whether the principal may ask for an action of that kind.

    Raises:
        AccessDenied: It is another owner's or another key's, or there is none: not told apart (D-5.1).
    """
    key_id = principal.key_id
    watch = None if key_id is None else gateway.keys.watch(key_id)
    with gateway.claims.changes.following(action_id) as changed:
        found = await own_action(gateway, principal, action_id)
        if wait_secs and _changes(found):
            await _wait(_within(changed, wait_secs), watch)
            found = await own_action(gateway, principal, action_id)
    if isinstance(found, Hold):
        return _started(found)
    known = found.known if isinstance(found, AskedAction) else found
    is_told = may_ask(known.kind) and await _is_reached(gateway, principal, known, found)
    if isinstance(found, AskedAction):
        return await describe(gateway, principal, found, is_told=is_told)
    return _stored(gateway, known, is_told=is_told)


async def list_actions(
    gateway: Gateway,
    principal: Principal,
    statuses: Sequence[ActionStatus],
    *,
    below: int,
    limit: int,
    may_ask: Callable[[str], bool],
) -> tuple[list[Action], int | None]:
    """Return the actions that do not happen at once, newest first, and where to go on; a key gets its own.

    Args:
        below: Only those before this position.
    """
    told: list[Action] = []
    position: int | None = below
    while position is not None and len(told) < limit:
        found = await gateway.asked.page(
            principal.owner,
            lineage=None if principal.is_human else principal.lineage,
            below=position,
            limit=limit + 1,
        )
        position = None
        for n, asked in enumerate(found):
            if statuses and asked.status not in statuses:
                continue
            known = asked.known
            is_told = may_ask(known.kind) and await _is_reached(gateway, principal, known, asked)
            told.append(await describe(gateway, principal, asked, is_told=is_told))
            if len(told) == limit:
                is_more = n + 1 < len(found) or len(found) > limit
                return told, asked.position if is_more else None
        if len(found) > limit:
            position = found[-1].position
    return told, None


async def describe(
    gateway: Gateway, principal: Principal, asked: AskedAction, *, is_told: bool
) -> Action:
    """Return the action as the principal is told of it.

    Args:
        is_told: What it would do, and what it has answered, is told too.
    """
    action, question, decision = (
        _stored(gateway, asked.known, is_told=is_told),
        asked.question,
        asked.decision,
    )
    if question is not None:
        preview = await _seen_by(gateway, principal, question.preview) if is_told else None
        action = msgspec.structs.replace(
            action,
            key_id=question.key_id,
            digest=question.digest,
            preview=preview,
            expires_at=from_ms(question.expires_at_ms),
        )
    if decision is not None:
        action = msgspec.structs.replace(
            action, decided_at=from_ms(decision.at_ms), decided_by=decision.by
        )
    return msgspec.structs.replace(action, status=asked.status)


async def note_change(gateway: Gateway, action_id: str) -> AskedAction | None:
    """Tell the event log how an action that waits, or has waited, stands now; one that never did is told of nowhere.

    What cannot be stored is not told: the action itself tells it to whoever asks.
    """
    asked = await gateway.asked.find(action_id)
    if asked is None or asked.question is None or asked.known.account_id is None:
        return asked
    known = asked.known
    data = EventData(action_id=known.action_id, action_status=asked.status, kind=known.kind)
    draft = Draft(
        type=EventType.ACTION_UPDATED,
        at=gateway.clock.now(),
        data=data,
        key_id=asked.question.key_id,
    )
    try:
        await gateway.events.append(
            known.owner, AccountId(asked.question.preview.account_id), [draft]
        )
    except (StorageFailed, ConstraintFailed):
        _log.warning("a change of an action is told by no event", exc_info=False)
    return asked


async def own_action(
    gateway: Gateway, principal: Principal, action_id: str
) -> AskedAction | Known | Hold:
    """Return the action, of whichever sort, where it is the principal's to know.

    Raises:
        AccessDenied: It is not, or there is none.
    """
    asked = await gateway.asked.find(action_id)
    found = asked or await gateway.claims.action(action_id)
    whose: Any = found
    if isinstance(found, AskedAction):
        whose = found.known
    elif isinstance(found, Hold):
        whose = found.claim
    if found is None or whose.owner != principal.owner:
        raise AccessDenied
    if whose.lineage != principal.lineage and not principal.is_human:
        raise AccessDenied
    return found


def _changes(found: AskedAction | Known | Hold) -> bool:
    return isinstance(found, Hold) or found.status in CHANGING


async def _within(changed: asyncio.Event, secs: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(secs):
            await changed.wait()


async def _wait(ending: Coroutine[Any, Any, None], watch: Watch | None) -> None:
    """Wait for a change of the action, or the end of the key that waits for it.

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


async def _is_reached(
    gateway: Gateway, principal: Principal, known: Known, found: AskedAction | Known
) -> bool:
    """Tell whether account and chat of the action are within the principal's reach now."""
    if known.account_id is None or (principal.account_ids is None and principal.chats is None):
        return True
    try:
        account = gateway.accounts.get(principal.owner, known.account_id)
    except AccessDenied:
        return False
    if not principal.reaches(account.id):
        return False
    peer = None if known.dispatch is None else known.dispatch.peer
    if principal.chats is None or peer is None:
        return principal.chats is None or known.dispatch is not None
    view = AccountView(account, principal)
    if await _allows(view, peer[0], principal.chats.write):
        return True
    # Where a human is asked because the chat may not be written to, the key that may read it is told.
    scope = found.question.scope if isinstance(found, AskedAction) and found.question else ""
    asks = principal.policy.rule_for(scope) is ApprovalRule.OUTSIDE_WRITE
    return asks and await _allows(view, peer[0], principal.chats.read)


async def _allows(view: AccountView, peer_id: int, rule: ChatRule) -> bool:
    try:
        await require(Reading(view), peer_id, rule)
    except VasyaError:  # out of reach, or nobody can say
        return False
    return True


async def _seen_by(gateway: Gateway, principal: Principal, preview: Preview) -> Preview:
    """Return the preview without the names of what the principal may not read, which were put there for a human."""
    if principal.chats is None:
        return preview
    rule = principal.chats.read
    view = AccountView(gateway.accounts.get(principal.owner, preview.account_id), principal)
    named = {"chat": preview.chat, "person": preview.person}
    hidden = {
        name: PreviewChat(id=each.id)
        for name, each in named.items()
        if each is not None and not await _allows(view, each.id, rule)
    }
    target = dict(preview.target)
    if "chat" in hidden:
        target.pop("topicTitle", None)
    if "folder" in target and int(target["folder"]) not in rule.folders:
        target.pop("folderTitle", None)
    return msgspec.structs.replace(preview, target=target, **hidden)


def _started(hold: Hold) -> Action:
    return Action(
        action_id=hold.action_id,
        status=ActionStatus.STARTED,
        kind=hold.claim.kind,
        account_id=hold.claim.account_id,
        created_at=hold.created_at,
    )


def _stored(gateway: Gateway, known: Known, *, is_told: bool) -> Action:
    result, problem = None, None
    if known.status is ActionStatus.SCHEDULED and known.answer is not None:
        waiting = msgspec.json.decode(known.answer.body, type=Action)
        # It may have been put off, or sent sooner, since it was answered.
        if due_at_ms := gateway.guards.undo.due_at_ms(known.action_id):
            waiting = msgspec.structs.replace(waiting, sends_at=from_ms(due_at_ms))
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
