from __future__ import annotations

import pytest

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.ids import OwnerId


def principal(kind: PrincipalKind) -> Principal:
    return Principal(kind=kind, owner=OwnerId("own_a"), scopes=frozenset({Scope.CHATS_READ}))


@pytest.mark.parametrize(
    ("kind", "is_human"),
    [
        (PrincipalKind.EMBEDDED, True),
        (PrincipalKind.JWT, True),
        (PrincipalKind.AGENT_KEY, False),
    ],
)
def test_only_agent_keys_are_not_human(kind: PrincipalKind, *, is_human: bool) -> None:
    assert principal(kind).is_human is is_human


def test_humans_share_one_lineage() -> None:
    assert principal(PrincipalKind.EMBEDDED).lineage == "user"


def test_a_principal_cannot_be_widened() -> None:
    with pytest.raises(AttributeError):
        principal(PrincipalKind.AGENT_KEY).scopes = frozenset(Scope)  # type: ignore[misc]  # the attack
