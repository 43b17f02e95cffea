"""Carrying out what another of the owner's devices has said.

Locking and revoking go the one path of every mutation, under a key of the message that asks, so that no crash does them
twice; yes and no are decisions about an action, as over HTTP.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Entry, EntryKind, Result
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.clock import to_ms
from vasya_server.errors import (
    AccessDenied,
    ActionState,
    AuditUnavailable,
    KeyEnded,
    StorageFailed,
    VasyaError,
)
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.idempotency.own_sends import may_have_made
from vasya_server.ids import new_action_id, new_request_id
from vasya_server.model.action import ActionStatus
from vasya_server.model.preview import Reason
from vasya_server.operations import Intent, Rendering, always, local, perform
from vasya_server.operations.agent_keys import revoke_key
from vasya_server.operations.deciding import approve, call_off
from vasya_server.operations.lockdown import lock_down
from vasya_server.operations.record import actor_of
from vasya_server.owner_chat import words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.auth.key_records import KeyRecord
    from vasya_server.gateway import Gateway
    from vasya_server.guards.owner_line import Asked
    from vasya_server.operations.deciding import Executor
    from vasya_server.operations.mutation import Ready
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.control_line import Heard

_log: Final = logging.getLogger(__name__)

# Shorter than answers are kept: of everything that the gateway sent since, it is known what that made.
_OBEYED_FOR: Final = timedelta(hours=12)
_WRONG_CODES: Final = 10
_A_DAY: Final = timedelta(days=1)


class Commands:
    """What the line of one account may be told."""

    def __init__(self, gateway: Gateway, account: AccountRuntime, executor: Executor) -> None:
        self._gateway = gateway
        self._account = account
        self._executor = executor
        self._who = Principal(
            kind=PrincipalKind.OWNER_CHAT,
            owner=account.owner,
            scopes=frozenset(Scope),
            is_human=True,
        )

    async def obey(self, heard: Heard) -> str | None:
        """Carry a command out and return what is answered; None: it is not obeyed, and nothing is said.

        Raises:
            StorageFailed: It could not be carried out yet.
        """
        if heard.at < self._gateway.clock.now() - _OBEYED_FOR:
            return None
        if await self._may_be_own(heard):
            return (
                "Vasya: this gateway may have sent that itself, for it does not know what became of a message it was "
                "sending here. Decide by the API or the command line."
            )
        match heard.word:
            case "lock":
                return await self._perform(heard, Action.LOCKDOWN_BEGIN, self._lock)
            case "revoke":
                return await self._revoke(heard)
            case "keys":
                return words.keys(await self._keys())
            case "status":
                return await self._status()
        return await self._decide(heard)

    async def _may_be_own(self, heard: Heard) -> bool:
        """Tell whether any session of this gateway that is the same person may have sent it."""
        gateway, user_id = self._gateway, self._account.user_id
        for account in gateway.guards.line.accounts():
            if account.record.session is None or account.user_id != user_id:
                continue
            if await may_have_made(
                gateway.db, gateway.claims, account.id, user_id, heard.message_id, heard.at
            ):
                return True
        return False

    async def _decide(self, heard: Heard) -> str:
        asked = await self._gateway.guards.line.find_code(self._account, heard.said)
        if asked is None:
            return await self._note_wrong(heard)
        gateway, who, why = self._gateway, self._who, ""
        try:
            if heard.word == "yes":
                request_id = new_request_id()
                digest, executor = asked.digest, self._executor
                agreeing = approve(
                    gateway, who, asked.action_id, digest, executor, request_id, is_redrive=True
                )
                # A line that is closed meanwhile does not leave it half done.
                await gateway.claims.shielded(agreeing, lambda: True)
            else:
                await call_off(gateway, who, asked.action_id, ActionStatus.REJECTED)
        except (ActionState, KeyEnded):
            pass  # how it stands is said below
        except VasyaError as error:
            why = f" {error.detail}"
        return await self._ended(asked) + why

    async def _ended(self, asked: Asked) -> str:
        """Return how it stands; with this answer the code is used up, and what still waits is asked about anew."""
        found = await self._gateway.asked.find(asked.action_id)
        return words.ended(asked.title, found.status if found else ActionStatus.CANCELLED)

    async def _note_wrong(self, heard: Heard) -> str:
        gateway, account, now = self._gateway, self._account, self._gateway.clock.now()
        count = await gateway.guards.line.note_wrong(account, to_ms(now), to_ms(now - _A_DAY))
        is_closed = count >= _WRONG_CODES
        if is_closed:
            await gateway.owner_settings.close_line(account.owner)
        await self._note_refused(heard, "owner_chat_closed" if is_closed else "code_wrong")
        if not is_closed:
            return "Vasya: nothing waits under that code."
        return (
            f"Vasya: {_WRONG_CODES} wrong codes in a day. I obey nothing here any more, until you open this line "
            "again in the settings (PATCH /settings)."
        )

    async def _note_refused(self, heard: Heard, code: str) -> None:
        """Write down that a code was wrong; a log that cannot take that stops no refusal."""
        entry = Entry(
            kind=EntryKind.DENIED,
            action=Action.ACTION_APPROVE if heard.word == "yes" else Action.ACTION_REJECT,
            actor=actor_of(self._who),
            account_id=self._account.id,
            result=Result(status=EntryKind.DENIED.value, code=code),
        )
        try:
            await self._gateway.audit.record(entry)
        except (StorageFailed, AuditUnavailable) as fault:
            _log.warning("a wrong code was not written down (%s)", fault.code)

    async def _keys(self) -> list[KeyRecord]:
        now_ms = to_ms(self._gateway.clock.now())
        found = await self._gateway.keys.keys_of(self._account.owner)
        return [each for each in found if not each.has_ended(now_ms)]

    async def _status(self) -> str:
        gateway, owner = self._gateway, self._account.owner
        waiting = [
            each
            for each in await gateway.asked.waiting()
            if each.known.owner == owner and each.status is ActionStatus.AWAITING_APPROVAL
        ]
        return words.status(
            can_send=gateway.owner_settings.held(owner).can_send,
            key_count=len(await self._keys()),
            waiting=len(waiting),
        )

    async def _revoke(self, heard: Heard) -> str:
        wanted = heard.said.casefold()
        named = [
            each for each in await self._keys() if wanted in {each.grant.name.casefold(), each.id}
        ]
        if not named:
            return "Vasya: no key of that name is in use. See: vasya keys"
        for record in named:

            async def revoke(_ready: Ready, key_id: str = record.id) -> str:
                await revoke_key(self._gateway, self._who, key_id)
                return ""

            await self._perform(heard, Action.KEY_REVOKE, revoke, key_id=record.id)
        return f"Vasya: revoked. Keys ended: {len(named)}."

    async def _lock(self, _ready: Ready) -> str:
        await lock_down(self._gateway, self._account.owner)
        return (
            "Vasya: locked. Nothing is sent, every agent key is revoked, and what waited is cancelled. Open the gate "
            "again in the settings (PATCH /settings)."
        )

    async def _perform(
        self,
        heard: Heard,
        action: Action,
        execute: Callable[[Ready], Awaitable[str]],
        *,
        key_id: str | None = None,
    ) -> str:
        """Do it on the one path of every mutation, once."""
        mutation = local(action, reduces_risk=always)
        intent = Intent(
            mutation=mutation,
            action_id=new_action_id(),
            request_id=new_request_id(),
            principal=self._who,
            account=None,
            idempotency_key=f"owner-chat/{self._account.id}/{heard.message_id}/{key_id or ''}",
            route=("OWNER_CHAT", heard.word),
            path={} if key_id is None else {"key": key_id},
            query={},
            content=b"",
            parts=0,
            reduces_risk=True,
            verdicts=[],
        )
        rendering = Rendering(_said, self._executor.refusal, _reason)
        try:
            performed = await perform(self._gateway, intent, execute, rendering)
        except AccessDenied:
            return ""
        said: Any = msgspec.json.decode(performed.answer.body or b'""')
        return said if isinstance(said, str) else "Vasya: that could not be done."


def _said(text: str) -> StoredAnswer:
    return StoredAnswer(HTTPStatus.OK, msgspec.json.encode(text))


def _reason(error: VasyaError) -> Reason:
    return Reason(code=error.code, detail=error.detail)
