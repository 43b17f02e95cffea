"""Whether a human is asked before a change is made, what is asked, and that it is still the same when it is done.

A rule of the agent key says so for the scope of the change (auth/policy.py). Humans are never asked. What a human agrees to
is named by a digest of all that is shown and all that is sent, so that nothing else can be done in its place (D-8.7).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.audit.entry import EntryKind, Result
from vasya_server.auth.policy import ApprovalRule
from vasya_server.clock import to_ms
from vasya_server.crypto.derive import length_prefixed
from vasya_server.errors import (
    ActionStale,
    ActionState,
    ApprovalRequired,
    ChatNotAllowed,
)
from vasya_server.idempotency.asked import Question
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.model.action import CALLED_OFF, ActionStatus
from vasya_server.operations.actions import describe, note_change
from vasya_server.operations.mutation import Performed
from vasya_server.operations.preview import preview_of
from vasya_server.telegram.first_contact import is_first_contact
from vasya_server.telegram.peers import resolve, resolve_to_write
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.audit.entry import Entry
    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.asked import AskedAction, Decision
    from vasya_server.idempotency.claim import Dispatch, Hold, Known
    from vasya_server.model.preview import Preview
    from vasya_server.operations.conditions import Attempt
    from vasya_server.operations.mutation import Intent
    from vasya_server.operations.record import Recorder
    from vasya_server.store.database import Statement
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_DIGEST_FORM: Final = "vasya/action/1"
# Claims that stand so are answered by what was, or was not, decided about them.
_UNDECIDED: Final = frozenset({ActionStatus.AWAITING_APPROVAL, ActionStatus.STARTED})
# Claims that stand so are sent again by the same request.
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Approved:
    """A mutation that a human has agreed to, on its way.

    Args:
        asked: As it is stored, read while it is held.
        decided: What the log is told of the decision; None: it is told already, and this goes on after a crash.
        has_begun: It is decided that it is done; what is refused before has decided nothing.
    """

    hold: Hold
    asked: AskedAction
    question: Question
    decision: Decision
    decided: Entry | None
    has_begun: bool = False


async def resolve_changed(account: AccountView, intent: Intent, reference: str) -> ResolvedPeer:
    """Return the chat that is changed: one that may be written to, or about which a human is asked instead.

    Raises:
        ChatNotFound: It names none.
        ChatNotAllowed: It is neither.
    """
    try:
        return await resolve_to_write(account, reference)
    except ChatNotAllowed:
        if _rule(intent) is not ApprovalRule.OUTSIDE_WRITE:
            raise
        return await resolve(account, reference)


class Approval:
    """The question whether a human is asked first, as a dry run puts it."""

    async def look(self, attempt: Attempt) -> VasyaError | None:
        """Return that a human is asked; None: nobody is."""
        return ApprovalRequired() if await is_asked(attempt) else None


APPROVAL: Final = Approval()


async def is_asked(attempt: Attempt) -> bool:
    """Tell whether a human is asked before the change is made.

    Raises:
        VasyaError: Telegram does not say what the rule is about.
    """
    intent, peer = attempt.intent, attempt.peer or attempt.named.person
    if intent.reduces_risk or not intent.mutation.reaches_telegram:
        return False
    match _rule(intent):
        case ApprovalRule.ALWAYS:
            return True
        case ApprovalRule.FIRST_CONTACT:
            return peer is not None and await is_first_contact(_seeing_all(attempt).view, peer)
        case ApprovalRule.OUTSIDE_WRITE:
            return peer is not None and not await _may_write(attempt.view, peer)
    return False


async def question_of(attempt: Attempt, hold: Hold) -> Question:
    """Return what a human is asked.

    Raises:
        VasyaError: Nobody is asked.
    """
    gateway, intent, key_id = attempt.gateway, attempt.intent, attempt.who.key_id
    if key_id is None or intent.scope is None:
        raise LookupError(intent.action_id)
    preview = await shown(attempt)
    source_id = _source_id(attempt)
    return Question(
        route=intent.route,
        path={**intent.path, "account": attempt.account.id},
        query=dict(intent.query),
        content=intent.content,
        scope=intent.scope,
        key_id=key_id,
        source_id=source_id,
        preview=preview,
        digest=_digest(intent, hold.action_id, preview, source_id),
        expires_at_ms=_expiry(gateway, attempt),
    )


async def ask(
    gateway: Gateway,
    hold: Hold,
    dispatch: Dispatch,
    question: Question,
    recorder: Recorder,
    kept: Sequence[Statement],
) -> None:
    """Store what is asked.

    Args:
        kept: What stores that the action has used something up.

    Raises:
        TooManyActions, ClaimInProgress, AuditUnavailable, StorageFailed: As `Asked.ask`.
    """
    result = Result(status=ActionStatus.AWAITING_APPROVAL.value)
    entry = recorder.entry(EntryKind.ASKED, hold.action_id, result)
    await gateway.asked.ask(hold, dispatch, question, entry, *kept)


async def answer_asked(attempt: Attempt, hold: Hold) -> Performed:
    """Tell that it waits, and answer so."""
    asked = await note_change(attempt.gateway, hold.action_id)
    return await _waiting(attempt.gateway, attempt, asked, is_replayed=False)


async def answer_again(attempt: Attempt, known: Known, recorder: Recorder) -> Performed | None:
    """Answer a repetition of the request by what was decided about it; None: that does not matter, or not any more.

    Raises:
        ActionState: It is called off.
    """
    if known.status not in _UNDECIDED | CALLED_OFF:
        return None
    gateway = attempt.gateway
    asked = await gateway.asked.find(known.action_id)
    if asked is None or asked.status not in _UNDECIDED:
        raise ActionState(known.action_id, None if asked is None else asked.status.value)
    result = Result(status=asked.status.value)
    await gateway.audit.record(recorder.entry(EntryKind.REPLAY, known.action_id, result))
    return await _waiting(gateway, attempt, asked, is_replayed=True)


def require_agreed(known: Known) -> None:
    """See that what is about to be sent again was ever sent: what a row says alone is nobody's agreement.

    Raises:
        ActionState: A human was asked, and has not agreed.
    """
    if known.dispatch is not None and known.dispatch.is_asked:
        raise ActionState(known.action_id)


async def require_unchanged(attempt: Attempt, approved: Approved, fingerprint: bytes) -> None:
    """See that what would be done is what was shown; a chat may have got another title meanwhile, and nothing else.

    Raises:
        ActionStale: It is something else.
        VasyaError: The chat cannot be looked at.
    """
    question, known = approved.question, approved.asked.known
    source_id = _source_id(attempt)
    if fingerprint != known.fingerprint or source_id != question.source_id:
        raise ActionStale(known.action_id, "A name in it stands for another chat now.")
    now, then = await shown(attempt), question.preview
    if _name(now.chat) != _name(then.chat):
        raise ActionStale(known.action_id, "The chat has another username than the one shown.")
    if _name(now.person) != _name(then.person):
        raise ActionStale(known.action_id, "The person has another username than the one shown.")


async def start(gateway: Gateway, approved: Approved) -> None:
    """Store that it is agreed to; from here on what comes is its end.

    Raises:
        ActionState: It was called off meanwhile.
        AuditUnavailable, StorageFailed: It is not stored, and not done.
    """
    hold = approved.hold
    if approved.decided is None or approved.asked.status is ActionStatus.STARTED:
        gateway.asked.go(hold.action_id)
    else:
        await gateway.asked.start(hold, approved.decision, approved.decided)
        await note_change(gateway, hold.action_id)
    approved.has_begun = True


async def shown(attempt: Attempt) -> Preview:
    """Return what a human is shown, with the chat's name even where the agent may only write to it.

    Raises:
        VasyaError: The chat cannot be looked at, and nobody decides about what has no name.
    """
    preview = await preview_of(_seeing_all(attempt), must_name_chat=True)
    if _rule(attempt.intent) is not ApprovalRule.FIRST_CONTACT or attempt.peer is None:
        return preview
    is_first = await is_first_contact(_seeing_all(attempt).view, attempt.peer)
    return msgspec.structs.replace(preview, is_first_contact=is_first)


def _name(chat: object) -> tuple[object, object]:
    return getattr(chat, "id", None), getattr(chat, "username", None)


def _source_id(attempt: Attempt) -> int | None:
    source = attempt.named.source
    return None if source is None else source.id


def _rule(intent: Intent) -> ApprovalRule:
    if intent.scope is None:
        return ApprovalRule.NEVER
    return intent.principal.policy.rule_for(intent.scope)


def _seeing_all(attempt: Attempt) -> Attempt:
    """Return the attempt of the same agent without its chat lists: texts are cleaned for it, and no name is hidden."""
    who = replace(attempt.who, chats=None)
    intent = msgspec.structs.replace(attempt.intent, principal=who)
    return type(attempt)(attempt.gateway, intent, attempt.named)


async def _may_write(view: AccountView, peer: ResolvedPeer) -> bool:
    if view.writable is None:
        return True
    try:
        await require(Reading(view), peer.id, view.writable)
    except ChatNotAllowed:
        return False
    return True


def _expiry(gateway: Gateway, attempt: Attempt) -> int:
    """Return until when (in ms) the question may be answered: not beyond the key that asks it."""
    who = attempt.who
    ends_at_ms = to_ms(gateway.clock.now()) + who.policy.approval_ttl_secs * 1000
    return ends_at_ms if who.expires_at is None else min(ends_at_ms, to_ms(who.expires_at))


def _digest(intent: Intent, action_id: str, preview: Preview, source_id: int | None) -> str:
    """Return what stands for all that is shown and all that is sent."""
    chat, person = preview.chat, preview.person
    shown_of = () if person is None else (str(person.id), person.title, person.username or "")
    said = length_prefixed(
        _DIGEST_FORM,
        action_id,
        preview.kind,
        preview.account_id,
        "" if chat is None else str(chat.id),
        "" if chat is None else chat.title,
        "" if chat is None else chat.username or "",
        "" if source_id is None else str(source_id),
        *intent.route,
        _pairs(intent.path),
        _pairs(intent.query),
        intent.content,
        *shown_of,
    )
    return hashlib.sha256(said).hexdigest()


def _pairs(named: object) -> bytes:
    return msgspec.json.encode(named, order="sorted")


async def _waiting(
    gateway: Gateway, attempt: Attempt, asked: AskedAction | None, *, is_replayed: bool
) -> Performed:
    """Return the 202: it has not happened."""
    if asked is None:
        raise LookupError(attempt.intent.action_id)
    told = await describe(gateway, attempt.who, asked, is_told=True)
    answer = StoredAnswer(HTTPStatus.ACCEPTED, _encode(told))
    return Performed(action_id=asked.known.action_id, answer=answer, is_replayed=is_replayed)
