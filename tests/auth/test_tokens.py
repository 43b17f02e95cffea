from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from vasya_server.auth.denied_tokens import DeniedTokens
from vasya_server.auth.jwt import JwtRules, JwtVerifier
from vasya_server.auth.mint import Minted, mint
from vasya_server.auth.principal import PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.auth.tokens import Tokens
from vasya_server.errors import InvalidToken, TokenExpired

if TYPE_CHECKING:
    from tests.clocks import MovableClock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.sessions.vault import Vault
    from vasya_server.store.database import Database

RULES = JwtRules(secrets=(b"Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo",))
HOUR = timedelta(hours=1)


@pytest.fixture
async def denied(db: Database, key: MasterKey) -> DeniedTokens:
    return DeniedTokens(db, key)


@pytest.fixture
def tokens(denied: DeniedTokens, vault: Vault, clock: MovableClock) -> Tokens:
    return Tokens(JwtVerifier(RULES, clock), denied, vault.owner, clock)


def made(clock: MovableClock, subject: str = "alice", scope: str | None = None) -> Minted:
    return mint(RULES, subject, now=clock.now(), ttl=HOUR, scope=scope)


async def test_a_token_stands_for_the_owner_that_its_subject_is(
    tokens: Tokens, vault: Vault, clock: MovableClock
) -> None:
    token = made(clock)
    principal = await tokens.authenticate(token.token)

    assert principal.kind is PrincipalKind.JWT
    assert principal.owner == await vault.owner("alice")
    assert principal.owner != (await tokens.authenticate(made(clock, "Alice").token)).owner
    assert principal.scopes == frozenset(Scope)
    assert principal.is_human
    assert principal.lineage == "user"
    assert principal.expires_at == token.expires_at
    assert principal.account_ids is None
    assert principal.chats is None


async def test_a_scope_claim_narrows_and_keeps_apart_from_the_humans(
    tokens: Tokens, clock: MovableClock
) -> None:
    first, second, other, human = [
        await tokens.authenticate(made(clock, scope=scope).token)
        for scope in (
            "chats:read messages:read",
            "messages:read chats:read",
            "chats:read",
            "chats:read human",
        )
    ]

    assert first.scopes == {Scope.CHATS_READ, Scope.MESSAGES_READ}
    assert not first.is_human
    assert first.lineage == second.lineage
    assert len({first.lineage, other.lineage, human.lineage}) == 3
    assert human.lineage == "user"
    assert human.is_human


async def test_a_token_is_remembered_once_it_is_verified(
    tokens: Tokens, clock: MovableClock
) -> None:
    token = made(clock).token

    assert tokens.cached(token) is None
    principal = await tokens.authenticate(token)
    assert tokens.cached(token) is principal
    assert tokens.cached(token[:-1]) is None
    assert tokens.cached("\ud800") is None


async def test_what_is_refused_is_not_remembered(tokens: Tokens, clock: MovableClock) -> None:
    forged = mint(
        JwtRules(secrets=(b"x" * 32,)), "alice", now=clock.now(), ttl=HOUR, scope=None
    ).token

    for _ in range(2):
        with pytest.raises(InvalidToken):
            await tokens.authenticate(forged)
        assert tokens.cached(forged) is None


async def test_a_remembered_token_ends_with_its_time(tokens: Tokens, clock: MovableClock) -> None:
    token = made(clock).token
    await tokens.authenticate(token)
    clock.ahead = HOUR

    assert tokens.cached(token) is None
    with pytest.raises(TokenExpired):
        await tokens.authenticate(token)


async def test_a_denied_token_is_refused_though_it_is_remembered(
    tokens: Tokens, denied: DeniedTokens, vault: Vault, clock: MovableClock
) -> None:
    token, other = made(clock), made(clock)
    await tokens.authenticate(token.token)
    await tokens.authenticate(other.token)
    await denied.deny(await vault.owner("alice"), token.jti)

    assert tokens.cached(token.token) is None
    with pytest.raises(InvalidToken):
        await tokens.authenticate(token.token)
    assert tokens.cached(other.token) is not None


async def test_all_tokens_of_an_owner_are_refused_up_to_a_moment(
    tokens: Tokens, denied: DeniedTokens, vault: Vault, clock: MovableClock
) -> None:
    old, foreign = made(clock), made(clock, "bob")
    await tokens.authenticate(old.token)
    await tokens.authenticate(foreign.token)
    await denied.deny_issued_before(
        await vault.owner("alice"), clock.now() + timedelta(milliseconds=1)
    )
    clock.ahead = timedelta(milliseconds=2)
    new = made(clock)

    assert tokens.cached(old.token) is None
    with pytest.raises(InvalidToken):
        await tokens.authenticate(old.token)
    assert tokens.cached(foreign.token) is not None
    assert (await tokens.authenticate(new.token)).is_human


async def test_memory_is_bounded(denied: DeniedTokens, clock: MovableClock, vault: Vault) -> None:
    tokens = Tokens(JwtVerifier(RULES, clock), denied, vault.owner, clock, remembers=2)
    one, two, three = [made(clock).token for _ in range(3)]
    for token in (one, two, three):
        await tokens.authenticate(token)

    assert tokens.cached(one) is None
    assert tokens.cached(two) is None
    assert tokens.cached(three) is not None
