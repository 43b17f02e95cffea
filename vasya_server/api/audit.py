"""The audit log over HTTP: an owner's own entries, whether they are whole, and the same told to a person."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from vasya_server.api.routes import BASE_PATH, Access, Call, read
from vasya_server.audit.actions import Action
from vasya_server.audit.entry import EntryKind
from vasya_server.audit.log import NEWEST, Wanted
from vasya_server.auth.scopes import Scope
from vasya_server.clock import to_ms
from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import AccessDenied, FieldError, ValidationFailed, VasyaError
from vasya_server.ids import is_account_id
from vasya_server.model.audit import (
    ActivityChat,
    ActivityItem,
    ActivityPage,
    AuditActor,
    AuditEntry,
    AuditPage,
    AuditResult,
    AuditVerdict,
)
from vasya_server.model.base import Query
from vasya_server.operations.egress import note_reading
from vasya_server.telegram.requests.activity import Seen, look_up
from vasya_server.telegram.time_reference import parse_time
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.audit.chain import Line
    from vasya_server.telegram.accounts import AccountRuntime

_log = logging.getLogger("vasya.api")

_PREVIEW_CHARACTERS: Final = 200
_SCANNED_AT_ONCE: Final = 200
# Left out where a person looks: the list would fill with looking at it.
_READING: Final = "audit"
# What a person is shown: not that it was begun or answered again, but that it was done.
_SHOWN: Final = {EntryKind.OUTCOME, EntryKind.DENIED, EntryKind.AUTH, EntryKind.ADMIN}
_CHAT: Final = BASE_PATH + "/accounts/{account}/chats/{chat}"
_UNDO: Final = {
    Action.MESSAGE_SEND: f"DELETE {_CHAT}/messages/{{message}}?forEveryone=true",
    Action.MESSAGE_FORWARD: f"DELETE {_CHAT}/messages/{{message}}?forEveryone=true",
    Action.MESSAGE_REACT: f"DELETE {_CHAT}/messages/{{message}}/reaction",
    Action.MESSAGE_PIN: f"DELETE {_CHAT}/messages/{{message}}/pin",
    Action.MESSAGE_UNPIN: f"PUT {_CHAT}/messages/{{message}}/pin",
}

Cursor = Annotated[str, Meta(max_length=512)]
Reference = Annotated[
    str, Meta(max_length=64, description="An account's id, its alias, or `me`; an erased one's id.")
]


class AuditQuery(Query, frozen=True, kw_only=True):
    """Which entries."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    account: Reference | None = None
    key: (
        Annotated[str, Meta(pattern="^ak[0-9a-f]{16}$", description="An agent key's id.")] | None
    ) = None
    action: Action | None = None
    since: Annotated[str, Meta(max_length=64)] | None = None
    until: Annotated[str, Meta(max_length=64)] | None = None


class ActivityQuery(Query, frozen=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    cursor: Cursor | None = None
    account: Reference | None = None


@read("/audit", Access.HUMAN)
async def list_audit(call: Call, query: AuditQuery) -> AuditPage:
    """List what was done with the owner's accounts, newest first: intents and outcomes, by whom, in which chat.

    `seq` counts the owner's own entries without a gap, `target` is a pseudonym of the chat, or the agent key or
    webhook that was acted on, and no entry holds a text, a name or a number. Reading is an entry too, behind the page
    that was read. A time or cursor that cannot be read answers 422 `validation_failed`.
    """
    filters = _digest(query.account, query.key, query.action, query.since, query.until)
    wanted = Wanted(
        limit=query.limit + 1,
        below=_below(call, query.cursor, filters),
        account_id=_account_id(call, query.account),
        key_id=query.key,
        action=query.action,
        since_ms=_ms(call, query.since, "?since"),
        until_ms=_ms(call, query.until, "?until"),
    )
    lines = await call.gateway.audit.entries(call.who.owner, wanted)
    shown = lines[: query.limit]
    position = _cursor(call, shown[-1], filters) if len(lines) > query.limit else None
    await note_reading(call.gateway, call.who, Action.AUDIT_READ, call.request_id)
    return AuditPage(items=[_entry(line) for line in shown], next=position)


@read("/audit/verify", Access.HUMAN)
async def verify_audit(call: Call) -> AuditVerdict:
    """Read the whole log and tell whether the owner's entries in it are complete and unchanged.

    `verified` of them are good, counted from the first; otherwise `firstBadSeq` and `reason` name the first that is
    not. A finding is an answer and no error; only 503 `storage_failed` says that nothing could be found out.
    """
    verdict = await call.gateway.audit.verify(call.who.owner)
    await note_reading(call.gateway, call.who, Action.AUDIT_VERIFY, call.request_id)
    return AuditVerdict(
        is_ok=verdict.is_ok,
        verified=verdict.verified,
        first_bad_seq=verdict.first_bad_seq,
        reason=verdict.reason.value if verdict.reason else None,
    )


@read("/activity", Access.HUMAN)
async def list_activity(call: Call, query: ActivityQuery) -> ActivityPage:
    """Tell a person what was done lately: who, where, the beginning of the text, a link, and how to undo it.

    Titles and texts are looked up at Telegram now, because none is kept, and are left out where that is not possible, or
    where the caller's token lacks `chats:read` or `messages:read`; nothing is marked as read. A cursor of another list answers 422 `validation_failed`.
    """
    filters = _digest(query.account)
    wanted = Wanted(
        limit=_SCANNED_AT_ONCE,
        below=_below(call, query.cursor, filters),
        account_id=_account_id(call, query.account),
        without=_READING,
    )
    shown, is_end = await _shown(call, wanted, query.limit)
    seen = await _look_up(call, shown)
    await note_reading(call.gateway, call.who, Action.AUDIT_READ, call.request_id)
    return ActivityPage(
        items=[_item(call, line, seen) for line in shown],
        next=None if is_end else _cursor(call, shown[-1], filters),
        trust="untrusted",
    )


async def _shown(call: Call, wanted: Wanted, limit: int) -> tuple[list[Line], bool]:
    """Return at most *limit* lines that are worth showing to a person, and whether there are no more."""
    shown: list[Line] = []
    while lines := await call.gateway.audit.entries(call.who.owner, wanted):
        shown += [line for line in lines if line.kind in _SHOWN]
        if len(shown) > limit:
            return shown[:limit], False
        wanted = dataclasses.replace(wanted, below=_number(lines[-1]))
    return shown, True


async def _look_up(call: Call, lines: list[Line]) -> dict[tuple[str, str], Seen]:
    """Find out what the pseudonyms in *lines* stand for, account by account; what cannot be asked stays unknown.

    So does what a human whose token is narrowed may not read elsewhere: this list is no way around its scopes.
    """
    if Scope.CHATS_READ not in call.who.scopes:
        return {}
    has_texts = Scope.MESSAGES_READ in call.who.scopes
    by_account: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line.acc is not None and line.tgt is not None:
            by_account[line.acc][line.tgt] += line.res.ids[:1] if line.res and has_texts else ()
    found: dict[tuple[str, str], Seen] = {}
    for account_id, wanted in by_account.items():
        account = _own(call, account_id)
        if account is None:
            continue
        try:
            seen = await look_up(AccountView(account, call.who), wanted, _pseudonym(call))
        except VasyaError as error:
            _log.info("activity was told without names", extra={"code": error.code})
            continue
        found |= {(account_id, name): chat for name, chat in seen.items()}
    return found


def _own(call: Call, account_id: str) -> AccountRuntime | None:
    try:
        return call.gateway.accounts.get(call.who.owner, account_id)
    except AccessDenied:  # erased since
        return None


def _item(call: Call, line: Line, seen: dict[tuple[str, str], Seen]) -> ActivityItem:
    account = _own(call, line.acc) if line.acc else None
    place = seen.get((line.acc, line.tgt)) if line.acc and line.tgt else None
    ids = list(line.res.ids) if line.res else []
    text = place.texts.get(ids[0]) if place and ids else None
    return ActivityItem(
        seq=_number(line),
        at=_at(line),
        actor=_actor(line),
        action=line.act,
        account_id=line.acc,
        account_alias=account.record.alias if account else None,
        chat=_chat(place) if place else None,
        message_ids=ids,
        text=text[:_PREVIEW_CHARACTERS] if text else None,
        link=place.link(ids[0]) if place and ids else None,
        undo=_undo(line, place) if place else None,
        result=_result(line),
        action_id=line.op,
        operation=line.what,
        count=line.n,
    )


def _chat(place: Seen) -> ActivityChat:
    chat = place.chat
    return ActivityChat(id=chat.id, type=chat.type, title=chat.title, username=chat.username)


def _undo(line: Line, place: Seen) -> str | None:
    """Return the request that takes the first of the messages back, where there is one and it stands."""
    form = _UNDO.get(Action(line.act))
    if form is None or line.res is None or not line.res.ids or line.res.code is not None:
        return None
    return form.format(account=line.acc, chat=place.chat.id, message=line.res.ids[0])


def _entry(line: Line) -> AuditEntry:
    return AuditEntry(
        seq=_number(line),
        at=_at(line),
        kind=line.kind,
        actor=_actor(line),
        action=line.act,
        account_id=line.acc,
        target=line.tgt,
        result=_result(line),
        request_id=line.rid,
        action_id=line.op,
        operation=line.what,
        count=line.n,
    )


def _number(line: Line) -> int:
    """Return the line's number among the owner's own: only what has an owner is listed."""
    if line.oseq is None:
        raise LookupError(line.seq)
    return line.oseq


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(line.ts)


def _actor(line: Line) -> AuditActor:
    return AuditActor(type=line.actor.t, key_id=line.actor.key)


def _result(line: Line) -> AuditResult | None:
    return AuditResult(status=line.res.status, code=line.res.code) if line.res else None


def _pseudonym(call: Call) -> Callable[[str], str]:
    return functools.partial(call.gateway.audit.pseudonym, call.who.owner)


def _account_id(call: Call, reference: str | None) -> str | None:
    """Return the id of the account that is meant; entries of an erased one are found by its id."""
    if reference is None or is_account_id(reference):
        return reference
    return call.gateway.accounts.find(call.who.owner, reference).id


def _ms(call: Call, text: str | None, pointer: str) -> int | None:
    if text is None:
        return None
    return to_ms(parse_time(text, now=call.now, pointer=pointer))


def _digest(*filters: str | None) -> bytes:
    return msgspec.msgpack.encode(filters)


def _below(call: Call, cursor: str | None, filters: bytes) -> int:
    """Return the own number below which the page begins.

    Raises:
        ValidationFailed: The cursor is not one of this list with these filters.
    """
    if cursor is None:
        return NEWEST
    try:
        return call.gateway.cursors.read(
            call.who.owner, "", call.operation.name, cursor, int, filters=filters
        )
    except CursorInvalid as error:
        raise ValidationFailed(FieldError("?cursor", "invalid")) from error


def _cursor(call: Call, last: Line, filters: bytes) -> str:
    return call.gateway.cursors.write(
        call.who.owner, "", call.operation.name, _number(last), filters=filters
    )
