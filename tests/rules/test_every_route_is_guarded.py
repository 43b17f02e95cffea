"""Every route says who may call it, and the answer is the contract's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_server.api.access import is_open_to, require_access
from vasya_server.api.routes import OPERATIONS, Access, Kind, Operation
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.errors import MissingToken
from vasya_server.ids import OwnerId

MATRIX = Path(__file__).with_name("access_matrix.txt")
PUBLIC = {"get_file", "get_health", "get_openapi"}


def _line(operation: Operation) -> str:
    access = operation.access
    opens = access.value if isinstance(access, Scope) else access.name.lower()
    mark = " destructive" if operation.is_destructive else ""
    return f"{operation.method} {operation.path} {opens} {operation.kind}{mark}"


def _written() -> list[str]:
    return [line for line in MATRIX.read_text().splitlines() if line and line[0] != "#"]


def test_the_declarations_are_the_matrix_written_by_hand() -> None:
    assert sorted(map(_line, OPERATIONS)) == sorted(_written())


def test_only_the_listed_operations_are_public() -> None:
    assert {o.name for o in OPERATIONS if o.access is Access.PUBLIC} == PUBLIC


@given(scopes=st.frozensets(st.sampled_from(Scope)), is_human=st.booleans())
def test_a_principal_gets_in_where_the_matrix_says_so_and_nowhere_else(
    *, scopes: frozenset[Scope], is_human: bool
) -> None:
    who = Principal(
        kind=PrincipalKind.JWT, owner=OwnerId("own_a"), scopes=scopes, is_human=is_human
    )
    opens = {line.split()[0] + line.split()[1]: line.split()[2] for line in _written()}
    for operation in OPERATIONS:
        opened_by = opens[operation.method + operation.path]
        expected = (
            opened_by in {"public", "any_principal"}
            or (opened_by == "human" and is_human)
            or opened_by in {scope.value for scope in scopes}
        )
        assert is_open_to(operation, who) is expected, operation.name


def test_whatever_is_not_public_needs_a_principal() -> None:
    """Beside the walk over HTTP, which never gets so far without a credential."""
    for operation in OPERATIONS:
        if operation.access is not Access.PUBLIC:
            with pytest.raises(MissingToken):
                require_access(operation, None)


def test_reads_are_gets_and_changes_are_not() -> None:
    for operation in OPERATIONS:
        assert (operation.method == "GET") == (operation.kind is Kind.NONE), operation.name


def test_destructive_operations_need_a_destructive_scope() -> None:
    for operation in OPERATIONS:
        if operation.is_destructive:
            assert isinstance(operation.access, Scope), operation.name
            assert operation.access.is_destructive, operation.name


def test_operation_ids_are_unique_verb_noun_names() -> None:
    names = [operation.name for operation in OPERATIONS]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in names)
