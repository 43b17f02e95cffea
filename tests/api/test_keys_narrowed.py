"""A human's own credential may be narrowed; no key that it makes is wider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from vasya_server.auth.agent_keys import key_id_of
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.errors import AccessDenied, AgentKeyRequired, KeyRevoked, ScopeRequired
from vasya_server.ids import KeyId, new_action_id
from vasya_server.model.key import KeyPatch, NewKey
from vasya_server.operations import Ready
from vasya_server.operations.agent_keys import (
    create_key,
    revoke_own_key,
    rotate_key,
    update_key,
)

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway


@pytest.fixture
def whole(gateway: Gateway) -> Principal:
    return Principal(
        kind=PrincipalKind.EMBEDDED, owner=gateway.owner, scopes=frozenset(Scope), is_human=True
    )


@pytest.fixture
def narrowed(gateway: Gateway) -> Principal:
    return Principal(
        kind=PrincipalKind.JWT,
        owner=gateway.owner,
        scopes=frozenset({Scope.CHATS_READ, Scope.MESSAGES_READ}),
        is_human=True,
    )


def ready() -> Ready:
    return Ready(action_id=new_action_id(), peer=None, random_ids=(), is_redrive=False)


async def test_a_narrowed_human_makes_a_key_of_what_they_hold(
    gateway: Gateway, narrowed: Principal
) -> None:
    made = await create_key(
        gateway, narrowed, ready(), NewKey(name="x", scopes=("chats:read", "messages:read"))
    )

    assert made.scopes == ["chats:read", "messages:read"]
    assert repr(made) == f"KeyMade({made.id}, …)"


@pytest.mark.parametrize(
    ("body", "lacking"),
    [
        (NewKey(name="x", scopes=("chats:read", "messages:send")), "messages:send"),
        (NewKey(name="x", preset="chat_reader"), "events:read"),
    ],
    ids=["by name", "by preset"],
)
async def test_a_narrowed_human_makes_no_wider_key(
    gateway: Gateway, narrowed: Principal, body: NewKey, lacking: str
) -> None:
    with pytest.raises(ScopeRequired) as refusal:
        await create_key(gateway, narrowed, ready(), body)

    assert refusal.value.required_scope == lacking
    assert await gateway.keys.keys_of(gateway.owner) == []


async def test_a_narrowed_human_neither_widens_nor_takes_over_a_wider_key(
    gateway: Gateway, whole: Principal, narrowed: Principal
) -> None:
    wide = await create_key(gateway, whole, ready(), NewKey(name="x", preset="assistant"))
    slim = await create_key(gateway, whole, ready(), NewKey(name="x", scopes=("chats:read",)))

    with pytest.raises(ScopeRequired):
        await update_key(gateway, narrowed, slim.id, KeyPatch(scopes=("messages:send",)))
    with pytest.raises(ScopeRequired):
        await update_key(gateway, narrowed, wide.id, KeyPatch(name="mine"))
    with pytest.raises(ScopeRequired):
        await rotate_key(gateway, narrowed, ready(), wide.id, 0)
    assert (await gateway.keys.find(gateway.owner, wide.id)).grant.name == "x"
    rotated = await rotate_key(gateway, narrowed, ready(), slim.id, 0)
    assert rotated.scopes == ["chats:read"]


async def test_a_narrowed_human_may_narrow_a_wider_key(
    gateway: Gateway, whole: Principal, narrowed: Principal
) -> None:
    wide = await create_key(gateway, whole, ready(), NewKey(name="x", preset="assistant"))

    told = await update_key(gateway, narrowed, wide.id, KeyPatch(scopes=("chats:read",)))

    assert told.scopes == ["chats:read"]


async def test_a_key_ends_itself_and_a_human_does_not(gateway: Gateway, whole: Principal) -> None:
    made = await create_key(gateway, whole, ready(), NewKey(name="x", preset="reader"))
    assert made.secret is not None
    token = made.secret.encode()
    agent = await gateway.keys.authenticate(token)

    with pytest.raises(AgentKeyRequired):
        await revoke_own_key(gateway, whole)
    await revoke_own_key(gateway, agent)

    assert gateway.keys.cached(token) is None
    with pytest.raises(KeyRevoked):
        await gateway.keys.authenticate(token)


async def test_the_principal_of_a_key_is_no_human_and_has_what_it_was_given(
    gateway: Gateway, whole: Principal
) -> None:
    action = ready()
    made = await create_key(gateway, whole, action, NewKey(name="Helper", preset="chat_reader"))
    assert made.secret is not None

    assert await gateway.keys.authenticate(made.secret.encode()) == Principal(
        kind=PrincipalKind.AGENT_KEY,
        owner=gateway.owner,
        scopes=frozenset({Scope.CHATS_READ, Scope.EVENTS_READ, Scope.MESSAGES_READ}),
        is_human=False,
        lineage=made.id,
        key_id=key_id_of(action.action_id),
        key_name="Helper",
    )


async def test_a_key_that_is_not_there_is_not_minted_again(gateway: Gateway) -> None:
    assert await gateway.keys.mint_again(gateway.owner, KeyId("ak" + "0" * 16), frozenset()) is None
    with pytest.raises(AccessDenied):
        await gateway.keys.find(gateway.owner, "ak" + "0" * 16)


async def test_a_narrowed_human_gets_no_wider_key_by_repeating_what_a_wider_one_began(
    gateway: Gateway, whole: Principal, narrowed: Principal
) -> None:
    first, body = ready(), NewKey(name="x", scopes=("messages:send",))
    made = await create_key(gateway, whole, first, body)
    again = msgspec.structs.replace(first, is_redrive=True)
    turned = ready()
    rotated = await rotate_key(gateway, whole, turned, made.id, 60)

    with pytest.raises(ScopeRequired):
        await create_key(gateway, narrowed, again, body)
    turned = msgspec.structs.replace(turned, is_redrive=True)
    with pytest.raises(ScopeRequired):
        await rotate_key(gateway, narrowed, turned, made.id, 60)
    # Neither has lost the secret that it was given.
    for key in (made, rotated):
        assert key.secret is not None
        assert (await gateway.keys.authenticate(key.secret.encode())).key_id == key.id
