"""`disabledScopes`: what no agent key has, whatever it was given, from the moment on at which a human says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.api.approving import approve
from tests.api.conftest import API, TOKEN
from tests.problems import assert_problem
from vasya_server.auth.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene, Serve

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

SETTINGS = f"{API}/settings"
OFF = {"disabledScopes": ["messages:send", "messages:read"]}


async def test_a_scope_is_off_for_every_key_at_once_and_on_again_when_a_human_says_so(
    client: httpx.AsyncClient, account: str, to_bob: str, with_key: WithKey
) -> None:
    first, second = await with_key(), await with_key()
    assert (await first.get(to_bob)).status_code == 200

    shown = await client.patch(SETTINGS, json=OFF)

    assert shown.json()["disabledScopes"] == ["messages:read", "messages:send"]
    for key in (first, second):
        problem = assert_problem(await key.get(to_bob), 403, "scope_disabled")
        assert problem["requiredScope"] == "messages:read"
        assert "PATCH /api/v1/settings" in problem["remedy"]
        refused = await key.post(to_bob, json={"text": "hi"})
        assert assert_problem(refused, 403, "scope_disabled")["requiredScope"] == "messages:send"
        assert (await key.get(f"{account}/chats")).status_code == 200
        assert "messages:send" not in (await key.get(f"{API}/whoami")).json()["scopes"]
    await client.patch(SETTINGS, json={"disabledScopes": []})
    assert (await first.get(to_bob)).status_code == 200
    assert "disabledScopes" not in (await client.get(SETTINGS)).json()


async def test_no_human_is_locked_out(client: httpx.AsyncClient, account: str, to_bob: str) -> None:
    await client.patch(SETTINGS, json={"disabledScopes": sorted(Scope)})

    assert (await client.get(f"{account}/chats")).status_code == 200
    assert (await client.post(to_bob, json={"text": "hi"})).status_code == 201
    assert (await client.patch(SETTINGS, json={"disabledScopes": []})).status_code == 200


async def test_a_key_that_never_had_the_scope_is_told_so(
    client: httpx.AsyncClient, to_bob: str, with_key: WithKey
) -> None:
    key = await with_key(scopes=["chats:read"])
    await client.patch(SETTINGS, json=OFF)

    assert_problem(await key.get(to_bob), 403, "scope_required")


async def test_what_waits_for_a_human_is_judged_by_what_is_on_when_it_is_done(
    client: httpx.AsyncClient, to_bob: str, with_key: WithKey, scene: Scene
) -> None:
    key = await with_key(approval={"messages:send": "always"})
    action = (await key.post(to_bob, json={"text": "later"})).json()
    await client.patch(SETTINGS, json=OFF)

    refused = await approve(client, action)

    assert_problem(refused, 403, "scope_disabled")
    ids = scene.world.ids(scene.bob, scene.alice)
    records = [scene.world.message(scene.bob, scene.alice, each) for each in ids]
    assert "later" not in [record.text for record in records if record]


async def test_an_unknown_scope_is_none_and_nothing_changes(client: httpx.AsyncClient) -> None:
    body = {"disabledScopes": ["messages:send", "messages:shout"]}

    problem = assert_problem(await client.patch(SETTINGS, json=body), 422, "unknown_scope")

    assert problem["errors"][0]["pointer"] == "/disabledScopes/1"
    assert "disabledScopes" not in (await client.get(SETTINGS)).json()


async def test_it_may_come_with_a_gate_that_closes_and_both_are_stored(serve: Serve) -> None:
    async with serve() as (_, client):
        both = await client.patch(SETTINGS, json=OFF | {"sendGate": "off"})
        assert (both.json()["sendGate"], len(both.json()["disabledScopes"])) == ("off", 2)
    async with serve() as (_, client):
        shown = (await client.get(SETTINGS)).json()
        assert (shown["sendGate"], len(shown["disabledScopes"])) == ("off", 2)


async def test_who_writes_the_database_switches_nothing_on(serve: Serve) -> None:
    made: dict[str, Any]
    async with serve() as (gateway, client):
        body = {"name": "agent", "scopes": ["accounts:read"]}
        made = (await client.post(f"{API}/agent-keys", json=body)).json()
        await client.patch(SETTINGS, json={"disabledScopes": ["accounts:read"]})
        database = gateway.settings.data_dir / "vasya.db"
    with closing(sqlite3.connect(database)) as other:
        other.executescript(
            "DROP TRIGGER owner_settings_never_change; DROP TRIGGER owner_settings_never_go;"
            "UPDATE owner_settings SET sealed = zeroblob(80);"
        )
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    human = {"Authorization": f"Bearer {TOKEN}"}

    async with serve() as (_, client):
        refused = await client.get(f"{API}/accounts", headers=bearer)
        await client.patch(SETTINGS, json={"sendGate": "on"}, headers=human)
        mended = await client.get(SETTINGS)
        still = await client.get(f"{API}/accounts", headers=bearer)
        await client.patch(SETTINGS, json={"disabledScopes": []}, headers=human)
        again = await client.get(f"{API}/accounts", headers=bearer)

    assert_problem(refused, 403, "scope_disabled")
    assert mended.json()["disabledScopes"] == sorted(Scope)
    assert_problem(still, 403, "scope_disabled")
    assert again.status_code == 200
