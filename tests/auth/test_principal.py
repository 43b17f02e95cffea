from __future__ import annotations

import pytest

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.ids import AccountId, OwnerId


def agent_key(account_ids: frozenset[AccountId] | None = None) -> Principal:
    return Principal(
        kind=PrincipalKind.AGENT_KEY,
        owner=OwnerId("own_a"),
        scopes=frozenset({Scope.CHATS_READ}),
        is_human=False,
        account_ids=account_ids,
    )


def test_humans_share_one_lineage() -> None:
    human = Principal(
        kind=PrincipalKind.EMBEDDED, owner=OwnerId("own_a"), scopes=frozenset(), is_human=True
    )

    assert human.lineage == "user"


def test_a_principal_cannot_be_widened() -> None:
    with pytest.raises(AttributeError):
        agent_key().scopes = frozenset(Scope)  # type: ignore[misc]  # the attack


def test_without_a_list_every_account_is_reached() -> None:
    assert agent_key().reaches(AccountId("acc_a"))


def test_a_list_reaches_what_it_names_and_nothing_else() -> None:
    listed = agent_key(frozenset({AccountId("acc_a")}))

    assert listed.reaches(AccountId("acc_a"))
    assert not listed.reaches(AccountId("acc_b"))


def test_an_empty_list_reaches_nothing() -> None:
    assert not agent_key(frozenset()).reaches(AccountId("acc_a"))
