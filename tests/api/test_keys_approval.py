"""When a human is asked, as it is given to a key, told, and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.conftest import API
from tests.api.test_keys import KEYS, make
from tests.problems import assert_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

RULES = {"messages:send": "first_contact", "messages:react": "never"}


async def test_rules_are_told_as_they_were_given(client: httpx.AsyncClient) -> None:
    made = await make(client, preset="assistant", approval=RULES, approvalTtlSecs=3600)

    told = (await client.get(f"{KEYS}/{made['id']}")).json()

    assert (made["approval"], made["approvalTtlSecs"]) == (RULES, 3600)
    assert (told["approval"], told["approvalTtlSecs"]) == (RULES, 3600)


async def test_without_rules_nothing_is_told_of_them(client: httpx.AsyncClient) -> None:
    made = await make(client, preset="assistant")

    assert "approval" not in made
    assert "approvalTtlSecs" not in made


async def test_a_key_is_told_its_rules(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], client: httpx.AsyncClient
) -> None:
    agent = await with_key(approval=RULES, approvalTtlSecs=60)

    told = (await agent.get(f"{API}/whoami")).json()

    assert (told["approval"], told["approvalTtlSecs"]) == (RULES, 60)
    assert "approval" not in (await client.get(f"{API}/whoami")).json()


async def changed(client: httpx.AsyncClient, key: dict[str, Any], **patch: Any) -> dict[str, Any]:
    response = await client.patch(f"{KEYS}/{key['id']}", json=patch)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_rules_are_changed_as_a_whole_and_taken_away_by_null(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client, preset="assistant", approval=RULES, approvalTtlSecs=3600)

    renamed = await changed(client, made, name="other")
    replaced = await changed(client, made, approval={"messages:send": "always"})
    gone = await changed(client, made, approval=None, approvalTtlSecs=None)

    assert renamed["approval"] == RULES
    assert replaced["approval"] == {"messages:send": "always"}
    assert replaced["approvalTtlSecs"] == 3600
    assert "approval" not in gone
    assert "approvalTtlSecs" not in gone


async def test_a_rule_holds_again_when_its_scope_is_given_again(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client, preset="assistant", approval=RULES)

    narrow = await changed(client, made, scopes=["messages:read"])
    wide = await changed(client, made, scopes=["messages:read", "messages:send"])

    assert narrow["approval"] == wide["approval"] == RULES


async def test_a_rule_about_a_scope_that_the_key_has_not_is_refused(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client, preset="assistant")

    refused = await client.patch(
        f"{KEYS}/{made['id']}", json={"approval": {"messages:delete": "always"}}
    )

    (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert fault["pointer"] == "/approval/messages:delete"
    assert fault["allowed"] == ["messages:draft", "messages:react", "messages:send"]


async def test_a_rule_that_does_not_exist_is_refused_with_those_that_do(
    client: httpx.AsyncClient,
) -> None:
    body = {"name": "x", "preset": "assistant", "approval": {"messages:send": "sometimes"}}

    (fault,) = assert_problem(await client.post(KEYS, json=body), 422, "validation_failed")[
        "errors"
    ]

    assert set(fault["allowed"]) == {"never", "first_contact", "outside_write", "always"}


async def test_a_successor_has_the_rules_of_the_key_it_replaces(client: httpx.AsyncClient) -> None:
    made = await make(client, preset="assistant", approval=RULES)

    rotated = (await client.post(f"{KEYS}/{made['id']}/rotate")).json()

    assert rotated["approval"] == RULES
