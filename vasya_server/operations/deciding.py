"""Deciding about actions that wait, and ending those whose time, or whose key, is over.

Only a human agrees, by the digest of what was shown, and what was agreed to goes the one path of every mutation, for the key
that asked and by what that key may do now. Calling off never fails: it holds in memory before any disk is asked.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.clock import to_ms
from vasya_server.errors import (
    ActionStale,
    ActionState,
    AuditUnavailable,
    ClaimInProgress,
    KeyEnded,
    ScopeRequired,
    SendingDisabled,
    StorageFailed,
    VasyaError,
)
from vasya_server.idempotency.asked import AskedAction, By, Decision
from vasya_server.idempotency.claim import Hold
from vasya_server.model.action import CALLED_OFF, ActionStatus
from vasya_server.operations.actions import note_change, own_action
from vasya_server.operations.approvals import Approved
from vasya_server.operations.record import actor_of
from vasya_server.operations.undo import had_window, undo

if TYPE_CHECKING:
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.claim import Known, StoredAnswer
    from vasya_server.ids import AccountId, ActionId, KeyId, OwnerId

_log: Final = logging.getLogger(__name__)

_LOOK_EVERY_SECS: Final = 30.0
_AGREED: Final = frozenset({ActionStatus.STARTED, ActionStatus.DISPATCHED, ActionStatus.UNKNOWN})
_ACTS: Final = {
    ActionStatus.STARTED: Action.ACTION_APPROVE,
    ActionStatus.REJECTED: Action.ACTION_REJECT,
    ActionStatus.CANCELLED: Action.ACTION_CANCEL,
    ActionStatus.EXPIRED: Action.ACTION_EXPIRE,
    ActionStatus.ABORTED: Action.ACTION_CANCEL,
}
_FINAL: Final = frozenset(
    {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
)


class Executor(Protocol):
    """Does what was agreed to: the layer above knows how a request becomes an operation."""

    async def execute(
        self, approved: Approved, principal: Principal, watch: Watch, request_id: str | None
    ) -> None:
        """Send the action through the one path of every mutation.

        Raises:
            VasyaError: It was refused, or nobody knows; `approved.has_begun` tells whether that is the action's end.
        """

    def refusal(self, error: VasyaError) -> StoredAnswer:
        """Return *error* as it is told and stored."""


async def approve(
    gateway: Gateway,
    who: Principal,
    action_id: str,
    digest: str,
    executor: Executor,
    request_id: str,
    *,
    is_redrive: bool,
) -> None:
    """Agree to an action and do it; of one that was agreed to, and of which nobody knows, find out.

    Args:
        is_redrive: The same was said before a crash: what came of it since is the answer.

    Raises:
        AccessDenied: It is not this owner's, or there is none.
        ActionState: It does not wait.
        ActionStale: It is not, or not any more, what the digest stands for.
        ScopeRequired: Whoever agrees may not do it either.
        KeyEnded: The key that asked has ended.
        VasyaError: It is refused now, and nothing is decided.
    """
    asked = await _asked(gateway, who, action_id)
    hold = await _held(gateway, asked)
    try:
        asked = await _asked(gateway, who, action_id)
        question = asked.question
        if question is None or asked.status not in {ActionStatus.AWAITING_APPROVAL, *_AGREED}:
            if is_redrive and _was_agreed(asked):
                return
            raise ActionState(action_id, asked.status.value)
        if not hmac.compare_digest(digest, question.digest):
            raise ActionStale(action_id)
        if question.scope not in who.scopes:
            raise ScopeRequired(question.scope)
        decision = _decision(gateway, ActionStatus.STARTED, who)
        approved = Approved(
            hold, asked, question, decision, _entry(asked, ActionStatus.STARTED, who)
        )
        await _carry_out(gateway, approved, executor, request_id)
    finally:
        gateway.asked.settle(hold.action_id)
        gateway.claims.release(hold)


def _was_agreed(asked: AskedAction) -> bool:
    return asked.decision is not None and asked.decision.status is ActionStatus.STARTED


async def call_off(gateway: Gateway, who: Principal, action_id: str, status: ActionStatus) -> None:
    """Reject or cancel an action; what is called off already stays as it is.

    Raises:
        AccessDenied: It is not the principal's, or there is none.
        ActionState: It was agreed to, or has ended otherwise.
    """
    asked = await _asked(gateway, who, action_id)
    if not await _end(gateway, asked, status, who, is_kept=True):
        asked = await _asked(gateway, who, action_id)
        if asked.status not in CALLED_OFF:
            raise ActionState(action_id, asked.status.value)


async def cancel(gateway: Gateway, who: Principal, action_id: str) -> None:
    """Have an action not be done: one that waits for a human, or one whose messages wait at Telegram.

    Raises:
        AccessDenied: It is not the principal's, or there is none.
        UndoExpired: Its messages have been sent.
        ActionState: It was agreed to, or has ended otherwise.
        VasyaError: Telegram could not be asked; its messages wait still.
    """
    found = await own_action(gateway, who, action_id)
    known = found.known if isinstance(found, AskedAction) else found
    if isinstance(known, Hold) or not had_window(known):
        await call_off(gateway, who, action_id, ActionStatus.CANCELLED)
    elif known.status is not ActionStatus.CANCELLED:
        await undo(gateway, known)


async def cancel_actions(
    gateway: Gateway,
    owner: OwnerId,
    *,
    key_id: KeyId | None = None,
    account_id: AccountId | None = None,
) -> None:
    """Cancel what waits for a key or an account that has ended; for none of both, everything of the owner's.

    It never fails: what cannot be stored now is done by nobody either, for a key that has ended may do nothing.
    """
    try:
        waiting = await gateway.asked.waiting()
    except StorageFailed as error:
        _log.warning("actions are cancelled later (%s)", error.code)
        return
    for asked in waiting:
        known, question = asked.known, asked.question
        is_meant = known.owner == owner and account_id in {None, known.account_id}
        if is_meant and (key_id is None or (question is not None and question.key_id == key_id)):
            try:
                await _end_now(gateway, known.action_id, ActionStatus.CANCELLED)
            except StorageFailed as error:
                _log.warning("an action is cancelled later (%s)", error.code)


async def tend(gateway: Gateway, executor: Executor) -> None:
    """Look after what waits, for as long as the server runs: end it in time, and do what was agreed to before a crash."""
    while True:
        try:
            for asked in await gateway.asked.waiting():
                await _tend_one(gateway, asked, executor)
        except StorageFailed as error:
            _log.warning("waiting actions were not looked after (%s)", error.code)
        except Exception:  # noqa: BLE001 — what looks after all actions outlives what goes wrong with one
            _log.exception("waiting actions could not be looked after")
        await asyncio.sleep(_LOOK_EVERY_SECS)


async def _tend_one(gateway: Gateway, asked: AskedAction, executor: Executor) -> None:
    known = asked.known
    match asked.status:
        case ActionStatus.AWAITING_APPROVAL if asked.question is not None:
            try:
                await gateway.keys.now(known.owner, asked.question.key_id, known.lineage)
            except KeyEnded:
                await _end_now(gateway, known.action_id, ActionStatus.CANCELLED)
        case ActionStatus.STARTED if asked.question is not None and asked.decision is not None:
            await _resume(gateway, known, executor)
        case ActionStatus.EXPIRED | ActionStatus.CANCELLED as status if _ended_by_itself(asked):
            await _end_now(gateway, known.action_id, status)


def _ended_by_itself(asked: AskedAction) -> bool:
    """Tell whether nobody ended it, and so nobody is storing that."""
    return asked.decision is None or asked.decision.by == "system"


async def _resume(gateway: Gateway, known: Known, executor: Executor) -> None:
    """Do what a human has agreed to and a crash has cut short."""
    try:
        hold = gateway.claims.hold_known(known)
    except ClaimInProgress:
        return
    refused: VasyaError | None = None
    try:
        # Since it was listed it may have been done, or called off.
        asked = await gateway.asked.find(hold.action_id)
        if asked is None or asked.status is not ActionStatus.STARTED:
            return
        if asked.question is None or asked.decision is None:
            return
        approved = Approved(hold, asked, asked.question, asked.decision, None)
        await _carry_out(gateway, approved, executor, None)
    except VasyaError as error:
        refused = error
    finally:
        gateway.asked.settle(hold.action_id)
        gateway.claims.release(hold)
    if refused is None:
        return
    if isinstance(refused, KeyEnded):
        await _end_now(gateway, known.action_id, ActionStatus.CANCELLED)
        return
    answer = executor.refusal(refused)
    is_final = answer.status in _FINAL and not isinstance(refused, SendingDisabled)
    if is_final or isinstance(refused, ActionStale):
        await _end_now(gateway, known.action_id, ActionStatus.ABORTED, answer)
    else:
        _log.warning("an approved action is done later (%s)", refused.code)


async def _carry_out(
    gateway: Gateway, approved: Approved, executor: Executor, request_id: str | None
) -> None:
    """Do it for the key that asked, as that key is now.

    Raises:
        VasyaError: It has not begun.
    """
    known = approved.asked.known
    principal, watch = await gateway.keys.now(known.owner, approved.question.key_id, known.lineage)
    try:
        await executor.execute(approved, principal, watch, request_id)
    except VasyaError:
        if not approved.has_begun:
            raise
    finally:
        if approved.has_begun:
            await note_change(gateway, known.action_id)


async def _asked(gateway: Gateway, who: Principal, action_id: str) -> AskedAction:
    """Return an action of the principal's that waits, or has waited.

    Raises:
        AccessDenied: There is none.
        ActionState: It never waited for anybody.
    """
    found = await own_action(gateway, who, action_id)
    if not isinstance(found, AskedAction):
        raise ActionState(action_id)
    return found


async def _held(gateway: Gateway, asked: AskedAction) -> Hold:
    """Hold the action once nobody else does: a repetition of its request takes a moment, another approval its time.

    Raises:
        ClaimInProgress: Somebody else holds it for too long.
    """
    known = asked.known
    give_up_at = asyncio.get_running_loop().time() + gateway.settings.send_deadline_secs
    while True:
        with gateway.claims.changes.following(known.action_id) as changed:
            try:
                return gateway.claims.hold_known(known)
            except ClaimInProgress as busy:
                try:
                    async with asyncio.timeout_at(give_up_at):
                        await changed.wait()
                except TimeoutError:
                    raise busy from None


async def _end_now(
    gateway: Gateway,
    action_id: ActionId,
    status: ActionStatus,
    answer: StoredAnswer | None = None,
) -> None:
    """End what nobody decided about, as it stands now: since it was listed it may have been done.

    Raises:
        StorageFailed: It cannot be read; `tend` finds it again.
    """
    asked = await gateway.asked.find(action_id)
    if asked is not None:
        await _end(gateway, asked, status, None, answer)


async def _end(
    gateway: Gateway,
    asked: AskedAction,
    status: ActionStatus,
    who: Principal | None,
    answer: StoredAnswer | None = None,
    *,
    is_kept: bool = False,
) -> bool:
    """End an action that waits; False: it is too late.

    Args:
        who: None: nobody decided, but time or the end of the key.
        is_kept: It is stored as soon as a disk can, whatever happens; otherwise `tend` finds it again.
    """
    decision = asked.decision
    if decision is None or decision.status is not status:
        decision = _decision(gateway, status, who)
    statements = gateway.asked.call_off(asked, decision, answer)
    if statements is None:
        return False
    action_id = asked.known.action_id
    returned = [s for each in gateway.asked.reserved(action_id) for s in each.give_back()]
    # After a restart only the budgets know that something was reserved.
    statements = (*statements, *returned, *gateway.limits.budgets.give_back(action_id))
    entry = _entry(asked, status, who)
    try:
        if is_kept:
            await gateway.audit.record_later(entry, *statements)
        else:
            await gateway.audit.record(entry, *statements)
        await note_change(gateway, action_id)
    except (StorageFailed, AuditUnavailable) as error:
        _log.warning("an action is called off and that is not stored yet (%s)", error.code)
    return True


def _decision(gateway: Gateway, status: ActionStatus, who: Principal | None) -> Decision:
    by: By = "system" if who is None else who.kind.value
    return Decision(status, by, to_ms(gateway.clock.now()))


def _entry(asked: AskedAction, status: ActionStatus, who: Principal | None) -> Entry:
    known = asked.known
    return Entry(
        kind=EntryKind.DECIDED,
        action=_ACTS[status],
        actor=Actor(type="system", owner=known.owner) if who is None else actor_of(who),
        account_id=known.account_id,
        action_id=known.action_id,
        fingerprint=known.fingerprint.hex(),
        result=Result(status=status.value),
        reduces_risk=status is not ActionStatus.STARTED,
    )
