"""Agent keys: what a human gives an agent instead of the account."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vasya_server.api.paging import page
from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Preset, Scope
from vasya_server.model.base import Query
from vasya_server.model.key import (
    AgentKey,
    AgentKeyPage,
    KeyMade,
    KeyPatch,
    NewKey,
    PresetTold,
    Rotation,
    Scopes,
    ScopeTold,
)
from vasya_server.operations import Ready, always, local
from vasya_server.operations.agent_keys import (
    create_key,
    revoke_key,
    revoke_own_key,
    rotate_key,
    told,
    update_key,
)


class KeyQuery(Query, frozen=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


@read("/agent-keys/scopes", Access.ANY_PRINCIPAL)
async def list_key_scopes(_call: Call) -> Scopes:
    """List every scope that a key can hold, and the presets with what they stand for.

    A destructive scope is in no preset: it has to be named. Asking without a valid credential answers 401
    `invalid_token`.
    """
    return Scopes(
        items=[
            ScopeTold(
                scope=scope.value,
                description=scope.description,
                is_destructive=scope.is_destructive,
            )
            for scope in Scope
        ],
        presets=[
            PresetTold(preset=preset.value, scopes=sorted(preset.scopes)) for preset in Preset
        ],
    )


@read("/agent-keys", Access.HUMAN)
async def list_agent_keys(call: Call, query: KeyQuery) -> AgentKeyPage:
    """List your agent keys, newest first, without their secrets; those that ended stay in it for 30 days.

    `lastUsedAt` is exact to the minute. A cursor that is not from this list answers 422 `validation_failed`.
    """
    keys = call.gateway.keys
    records = await keys.keys_of(call.who.owner)
    items, position = page(call, records, query.limit, query.cursor, lambda record: record.id)
    return AgentKeyPage(items=[told(keys, record) for record in items], next=position)


@mutation("POST", "/agent-keys", Access.HUMAN, local(Action.KEY_CREATE), status=201)
async def create_agent_key(call: Call, ready: Ready, body: NewKey) -> KeyMade:
    """Make an agent key; `secret` in the answer is the whole key and is never shown again, not even to the same request.

    It opens the `scopes` that are named and those of the `preset`, in the accounts of `accountIds` and the chats of
    `chats`, until `expiresAt` or for `ttlSecs`; what is left out is not limited. `budgets` says how many messages it may
    send, and how many new chats begin, in any 24 hours: 0 is never. `approval` says before which changes a human is asked.
    An unknown scope answers 422
    `unknown_scope`, a list that would allow nothing 422 `empty_allowlist`, an account that is not yours 422
    `validation_failed`, and a scope beyond your own credential's 403 `scope_required`.
    """
    return await create_key(call.gateway, call.who, ready, body)


@read("/agent-keys/{key}", Access.HUMAN)
async def get_agent_key(call: Call) -> AgentKey:
    """Tell what a key may do, until when, and when it was used last; its secret is nowhere.

    A key that is not yours and one that does not exist answer the same 403 `access_denied`.
    """
    keys = call.gateway.keys
    return told(keys, await keys.find(call.who.owner, call.path["key"]))


@mutation("PATCH", "/agent-keys/{key}", Access.HUMAN, local(Action.KEY_UPDATE))
async def update_agent_key(call: Call, _ready: Ready, body: KeyPatch) -> AgentKey:
    """Change what a key may do, narrower or wider, from its next request on; what is open for it ends.

    Only the fields that are sent change, each as a whole; null takes a limit away. A key that is revoked or has expired
    answers 409 `key_ended`; faults in the fields answer as for a new key.
    """
    return await update_key(call.gateway, call.who, call.path["key"], body)


@mutation(
    "DELETE",
    "/agent-keys/{key}",
    Access.HUMAN,
    local(Action.KEY_REVOKE, reduces_risk=always),
    status=204,
)
async def revoke_agent_key(call: Call, _ready: Ready) -> None:
    """Revoke a key for good: its next request is refused, and what is open for it ends.

    What waits for a human's approval is cancelled. It works with a full disk, too, and revoking a key that is revoked answers 204 again. A key that is not yours and one
    that does not exist answer the same 403 `access_denied`.
    """
    await revoke_key(call.gateway, call.who, call.path["key"])


@mutation(
    "DELETE",
    "/agent-keys/self",
    Access.ANY_PRINCIPAL,
    local(Action.KEY_REVOKE, reduces_risk=always),
    status=204,
)
async def revoke_own_agent_key(call: Call, _ready: Ready) -> None:
    """End the key that this request carries: call it when the work is done, or when the key may have leaked.

    Its next request answers 401 `key_revoked`. A human's credential answers 403 `agent_key_required`.
    """
    await revoke_own_key(call.gateway, call.who)


@mutation("POST", "/agent-keys/{key}/rotate", Access.HUMAN, local(Action.KEY_ROTATE), status=201)
async def rotate_agent_key(call: Call, ready: Ready, body: Rotation) -> KeyMade:
    """Replace a key by one with the same name, grant and end; `secret` is the whole new key and is shown this once.

    The old key ends now, and what it asked a human for is cancelled; or after `graceSecs`, and it waits on. Both are one lineage: idempotency keys and limits go on. A third live key
    in a lineage answers 409 `too_many_keys`, a key that is revoked or has expired 409 `key_ended`.
    """
    return await rotate_key(call.gateway, call.who, ready, call.path["key"], body.grace_secs)
