from __future__ import annotations

import re

import pytest

from vasya_server.auth.scopes import Scope

# The table of the API's contract, written out.
SCOPES = {
    "accounts:read": False,
    "accounts:write": False,
    "accounts:delete": True,
    "telegram:login": False,
    "chats:read": False,
    "chats:write": False,
    "chats:moderate": True,
    "chats:delete": True,
    "messages:read": False,
    "messages:react": False,
    "messages:draft": False,
    "messages:send": False,
    "messages:forward": True,
    "messages:delete": True,
    "contacts:read": False,
    "contacts:write": False,
    "folders:read": False,
    "folders:write": False,
    "events:read": False,
    "webhooks:write": True,
    "stt:use": False,
}


def test_the_scopes_are_those_of_the_contract() -> None:
    assert {scope.value: scope.is_destructive for scope in Scope} == SCOPES


def test_a_scope_is_its_text() -> None:
    by_text = {str(scope): scope for scope in Scope}
    assert by_text["messages:send"] is Scope.MESSAGES_SEND
    assert f"{Scope.MESSAGES_SEND}" == "messages:send"


@pytest.mark.parametrize("text", ["messages:*", "*", "Messages:send", "messages:send ", "messages"])
def test_there_are_no_wildcards_and_no_near_misses(text: str) -> None:
    assert text not in frozenset[str](Scope)


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_is_described_in_a_sentence(scope: Scope) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{9,99}\.", scope.description)
    assert re.fullmatch(r"[a-z]+:[a-z]+", scope)
