"""What humans do to agent keys, and how a key is told; a key can be told without its secret only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from vasya_server.auth.agent_keys import key_id_of
from vasya_server.auth.key_records import Grant
from vasya_server.auth.policy import NO_POLICY, Policy
from vasya_server.clock import from_ms
from vasya_server.errors import AgentKeyRequired, ScopeRequired
from vasya_server.ids import KeyId
from vasya_server.model.key import AgentKey, BudgetsTold, ChatHalfTold, ChatsTold, KeyMade
from vasya_server.operations.deciding import cancel_actions
from vasya_server.operations.folders import held_folders
from vasya_server.operations.grants import (
    checked_accounts,
    checked_approval,
    checked_chats,
    checked_end,
    checked_name,
    checked_scopes,
    require_no_folders,
    with_budgets,
)

if TYPE_CHECKING:
    from vasya_server.auth.chat_lists import ChatLists, ChatRule
    from vasya_server.auth.key_records import KeyRecord, Minted
    from vasya_server.auth.keyring import Keyring
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.ids import AccountId
    from vasya_server.model.key import KeyPatch, NewKey
    from vasya_server.operations.mutation import Ready


async def create_key(gateway: Gateway, who: Principal, ready: Ready, body: NewKey) -> KeyMade:
    """Make the key that *body* describes; repeated after a crash, the same key with another secret."""
    keys, key_id = gateway.keys, key_id_of(ready.action_id)
    if ready.is_redrive and (made := await keys.mint_again(who.owner, key_id, who.scopes)):
        return _made(keys, made)
    account_ids = checked_accounts(gateway.accounts, who.owner, body.account_ids)
    async with held_folders(gateway, who.owner, account_ids, body.chats):
        grant = await _granted(gateway, who, account_ids, body)
        expires_at_ms = checked_end(
            gateway.clock.now(),
            body.expires_at,
            body.ttl_secs,
            max_ttl_secs=gateway.settings.agent_key_max_ttl_secs,
        )
        return _made(keys, await keys.create(key_id, who.owner, grant, expires_at_ms))


async def update_key(gateway: Gateway, who: Principal, key_id: str, patch: KeyPatch) -> AgentKey:
    """Change what is given and leave the rest; changes that come together are made one after the other."""
    keys, saved = gateway.keys, None
    while saved is None:
        old = await keys.find(who.owner, key_id)
        account_ids = _patched_accounts(gateway, who, old.grant, patch)
        async with held_folders(gateway, who.owner, account_ids, patch.chats):
            grant = await _patched(gateway, who, old.grant, account_ids, patch)
            saved = await keys.save(old, grant, _patched_end(gateway, old, patch))
    return told(keys, saved)


async def rotate_key(
    gateway: Gateway, who: Principal, ready: Ready, key_id: str, grace_secs: int
) -> KeyMade:
    """Make the key's successor; repeated after a crash, the same successor with another secret."""
    keys, successor = gateway.keys, key_id_of(ready.action_id)
    if ready.is_redrive and (made := await keys.mint_again(who.owner, successor, who.scopes)):
        return _made(keys, made)
    minted = None
    while minted is None:
        old = await keys.find(who.owner, key_id)
        # Who rotates a key gets its secret, so that a narrowed human must hold all that the key does.
        if beyond := old.grant.known_scopes - who.scopes:
            raise ScopeRequired(min(beyond).value)
        minted = await keys.rotate(old, successor, grace_secs=grace_secs)
    if not grace_secs:
        # A key that is given up at once may be one that leaked: what it asked for is not done either.
        await cancel_actions(gateway, who.owner, key_id=KeyId(key_id))
    return _made(keys, minted)


async def revoke_key(gateway: Gateway, who: Principal, key_id: str) -> None:
    """End a key of the owner's, and cancel what it waits for."""
    await gateway.keys.revoke(who.owner, key_id)
    await cancel_actions(gateway, who.owner, key_id=KeyId(key_id))


async def revoke_own_key(gateway: Gateway, who: Principal) -> None:
    """End the key that asks for it, and cancel what it waits for.

    Raises:
        AgentKeyRequired: No key asks.
    """
    if who.key_id is None:
        raise AgentKeyRequired
    await revoke_key(gateway, who, who.key_id)


def told(keys: Keyring, record: KeyRecord) -> AgentKey:
    """Return the key as its owner sees it."""
    return AgentKey(**_fields(keys, record))


def _made(keys: Keyring, minted: Minted) -> KeyMade:
    return KeyMade(**_fields(keys, minted.record), secret=minted.token)


def _fields(keys: Keyring, record: KeyRecord) -> dict[str, Any]:
    grant = record.grant
    return {
        "id": record.id,
        "name": grant.name,
        "scopes": sorted(grant.scopes),
        "account_ids": None if grant.account_ids is None else sorted(grant.account_ids),
        "chats": None if grant.chats is None else chats_told(grant.chats),
        "budgets": budgets_told(grant.policy),
        **approval_told(grant.policy),
        "undo_secs": grant.policy.undo_secs,
        "created_at": from_ms(record.created_at_ms),
        "expires_at": None if record.expires_at_ms is None else from_ms(record.expires_at_ms),
        "last_used_at": keys.last_used_at(record),
        "is_revoked": record.revoked_at_ms is not None,
    }


def budgets_told(policy: Policy) -> BudgetsTold | None:
    """Return a key's budgets as they are shown; None where it has none."""
    told = BudgetsTold(
        sends_per_day=policy.sends_per_day, new_chats_per_day=policy.new_chats_per_day
    )
    return None if told == BudgetsTold() else told


def approval_told(policy: Policy) -> dict[str, Any]:
    """Return what is said of the approvals of a key."""
    rules = {scope: rule.value for scope, rule in policy.approval.items()}
    return {"approval": rules, "approval_ttl_secs": policy.approval_ttl_secs}


def chats_told(chats: ChatLists) -> ChatsTold:
    """Return chat lists as they are shown."""
    return ChatsTold(read=_half(chats.read), write=_half(chats.write))


def _half(rule: ChatRule) -> ChatHalfTold:
    return ChatHalfTold(
        ids=sorted(rule.ids), folders=sorted(rule.folders), excepted=sorted(rule.excepted)
    )


async def _granted(
    gateway: Gateway, who: Principal, account_ids: frozenset[AccountId] | None, body: NewKey
) -> Grant:
    """Return what *body* gives; all of it must be within what the human holds."""
    scopes = checked_scopes(who, body.scopes, body.preset)
    return Grant(
        name=checked_name(body.name),
        scopes=scopes,
        account_ids=account_ids,
        chats=await checked_chats(gateway.accounts, who, account_ids, body.chats),
        created_by=who.kind.value,
        policy=with_budgets(
            Policy(
                approval=checked_approval(body.approval, scopes),
                approval_ttl_secs=body.approval_ttl_secs,
                undo_secs=body.undo_secs,
            ),
            body.budgets,
        ),
    )


def _patched_accounts(
    gateway: Gateway, who: Principal, old: Grant, patch: KeyPatch
) -> frozenset[AccountId] | None:
    if patch.account_ids is UNSET:
        return old.account_ids
    return checked_accounts(gateway.accounts, who.owner, patch.account_ids, old.account_ids)


async def _patched(
    gateway: Gateway,
    who: Principal,
    old: Grant,
    account_ids: frozenset[AccountId] | None,
    patch: KeyPatch,
) -> Grant:
    """Return the grant as it will be; all of it must be within what the human holds, changed or not."""
    chats = old.chats
    if patch.chats is not UNSET:
        chats = await checked_chats(gateway.accounts, who, account_ids, patch.chats)
    elif account_ids != old.account_ids:
        require_no_folders(chats)
    # A scope that this program does not know opens nothing, and is not carried on.
    names = tuple(old.known_scopes) if patch.scopes is UNSET else patch.scopes
    scopes = checked_scopes(who, names)
    return msgspec.structs.replace(
        old,
        name=old.name if patch.name is UNSET else checked_name(patch.name),
        scopes=scopes,
        account_ids=account_ids,
        chats=chats,
        policy=_patched_policy(old.policy, scopes, patch),
    )


def _patched_policy(old: Policy, scopes: frozenset[str], patch: KeyPatch) -> Policy:
    """Return the policy as it will be; a rule outlives its scope, so that it holds when the scope is given again."""
    changes: dict[str, Any] = {}
    if patch.approval is not UNSET:
        changes["approval"] = checked_approval(patch.approval or {}, scopes)
    if patch.approval_ttl_secs is not UNSET:
        changes["approval_ttl_secs"] = patch.approval_ttl_secs or NO_POLICY.approval_ttl_secs
    if patch.undo_secs is not UNSET:
        changes["undo_secs"] = patch.undo_secs
    patched = msgspec.structs.replace(old, **changes)
    return patched if patch.budgets is UNSET else with_budgets(patched, patch.budgets)


def _patched_end(gateway: Gateway, old: KeyRecord, patch: KeyPatch) -> int | None:
    if patch.expires_at is UNSET and patch.ttl_secs is UNSET:
        return old.expires_at_ms
    return checked_end(
        gateway.clock.now(),
        None if patch.expires_at is UNSET else patch.expires_at,
        None if patch.ttl_secs is UNSET else patch.ttl_secs,
        max_ttl_secs=gateway.settings.agent_key_max_ttl_secs,
    )
