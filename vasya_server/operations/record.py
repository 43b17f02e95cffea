"""What the audit log is told of a mutation, and what has to be stored of one that no full disk may stop."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.auth.agent_keys import is_key_id, key_id_of
from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.ids import KeyId, is_webhook_id, webhook_id_of
from vasya_server.model.message import Message
from vasya_server.sessions.vault import closing_gate, erasing
from vasya_server.telegram.accounts import AccountRuntime

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal, PrincipalKind
    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.ids import ActionId, OwnerId
    from vasya_server.operations.mutation import Intent
    from vasya_server.store.database import Statement
    from vasya_server.telegram.peers import ResolvedPeer


_log: Final = logging.getLogger(__name__)


def actor_of(principal: Principal) -> Actor:
    """Return what the log says of *principal*."""
    return _actor(principal.kind, principal.owner, principal.key_id, principal.lineage)


# The same few come again and again, and each is checked field by field when it is made.
@lru_cache(1024)
def _actor(kind: PrincipalKind, owner: OwnerId, key_id: KeyId | None, lineage: str) -> Actor:
    return Actor(type=kind.value, owner=owner, key=key_id, lineage=lineage)


class Recorder:
    """Makes the audit entries of one mutation."""

    def __init__(
        self, gateway: Gateway, intent: Intent, peer: ResolvedPeer | None, fingerprint: bytes
    ) -> None:
        audit, principal, key = gateway.audit, intent.principal, intent.idempotency_key
        owner, lineage = principal.owner, principal.lineage
        self._action = intent.mutation.action
        self._actor = actor_of(principal)
        self._account_id = intent.account.id if intent.account else None
        acted_on = key_acted_on(intent) or webhook_acted_on(intent)
        self._target = audit.pseudonym(owner, peer.key) if peer else acted_on
        self._request_id = audit.request_id(intent.request_id)
        self._fingerprint = fingerprint.hex()
        self._idempotency = audit.digest(owner, lineage, key) if key else None
        self._reduces_risk = intent.reduces_risk
        self._written: Entry | None = None

    def entry(self, kind: EntryKind, action_id: ActionId, result: Result | None = None) -> Entry:
        """Make the entry of one moment of it."""
        if self._written is not None and self._written.action_id == action_id:
            return self._written.later(kind, result)
        self._written = Entry(
            kind=kind,
            action=self._action,
            actor=self._actor,
            account_id=self._account_id,
            target=self._made(action_id) or self._target,
            action_id=action_id,
            request_id=self._request_id,
            fingerprint=self._fingerprint,
            idempotency=self._idempotency,
            result=result,
            reduces_risk=self._reduces_risk,
        )
        return self._written

    def _made(self, action_id: ActionId) -> str | None:
        """Return what the action makes, where that has an id before it is made."""
        match self._action:
            case Action.KEY_CREATE:
                return key_id_of(action_id)
            case Action.WEBHOOK_CREATE:
                return webhook_id_of(action_id)
        return None


async def note_refusal(
    gateway: Gateway, recorder: Recorder, action_id: ActionId, error: VasyaError
) -> None:
    """Write down that something stood in the way of a mutation; a log that cannot take that stops no refusal."""
    result = Result(status=EntryKind.DENIED.value, code=error.code)
    try:
        await gateway.audit.record(recorder.entry(EntryKind.DENIED, action_id, result))
    except (StorageFailed, AuditUnavailable) as fault:
        _log.warning("a refusal was not written down (%s)", fault.code)


def messages_in(answer: object) -> list[Message]:
    """Return the messages that a mutation answers with."""
    if isinstance(answer, Message):
        return [answer]
    return [item for item in getattr(answer, "items", ()) if isinstance(item, Message)]


def what_remains(gateway: Gateway, intent: Intent) -> tuple[Statement, ...]:
    """Return what an act that reduces risk leaves behind: it is stored with its outcome, however late that is."""
    if intent.mutation.action is Action.TOKEN_REVOKE:
        return gateway.denied.take_unstored()
    if not intent.reduces_risk:
        return ()
    owner = intent.principal.owner
    key_id, hook_id = key_acted_on(intent), webhook_acted_on(intent)
    if key_id is not None or hook_id is not None:
        ended = () if key_id is None else gateway.keys.unstored(key_id)
        return (*ended, *gateway.webhooks.unstored(hook_id or ""))
    match intent.mutation.action, intent.account:
        case Action.SETTINGS_UPDATE, None:
            return gateway.owner_settings.closing(owner)
        case Action.LOCKDOWN_BEGIN, None:
            ended = gateway.tickets.ending(owner)
            return (*gateway.owner_settings.closing(owner), *gateway.keys.unstored(owner), *ended)
        case Action.ACCOUNT_UPDATE, AccountRuntime(id=account_id):
            return (closing_gate(account_id),)
        case Action.ACCOUNT_DELETE, AccountRuntime(id=account_id):
            return tuple(erasing(account_id))
    return ()


def key_acted_on(intent: Intent) -> KeyId | None:
    """Return the agent key that the path names, or that ends itself; what has not the form of one is named nowhere."""
    if intent.mutation.action is Action.KEY_REVOKE and "key" not in intent.path:
        return intent.principal.key_id
    named = intent.path.get("key")
    return KeyId(named) if named is not None and is_key_id(named) else None


def webhook_acted_on(intent: Intent) -> str | None:
    """Return the webhook that the path names; what has not the form of one is named nowhere."""
    named = intent.path.get("webhook")
    return named if named is not None and is_webhook_id(named) else None
