"""What ends a key takes effect at once, whatever the disk says and whoever comes at the same time."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.api.test_keys import KEYS, READER, make, presented
from tests.api.test_risk import NO_ROOM_BYTES, give_back, outcomes, take_away, until_written
from tests.disk import files_end_at
from vasya_server.ids import KeyId

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Serve
    from tests.clocks import MovableClock
    from vasya_server.gateway import Gateway


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_revoking_never_fails(
    client: httpx.AsyncClient, gateway: Gateway, failure: str
) -> None:
    made = await make(client)
    log = gateway.settings.data_dir / "audit.log"
    assert await presented(gateway, made["secret"]) == "ok"
    if failure == "log":
        take_away(log)
        revoked = await client.delete(f"{KEYS}/{made['id']}")
        code = await presented(gateway, made["secret"])
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            revoked = await client.delete(f"{KEYS}/{made['id']}")
            code = await presented(gateway, made["secret"])

    assert revoked.status_code == 204, revoked.text
    assert code == "key_revoked"
    await make(client)
    assert await until_written(log, "key:revoke", 1) == ["done"]
    assert (await client.get(f"{KEYS}/{made['id']}")).json()["isRevoked"] is True


async def test_a_restart_does_not_bring_back_what_was_revoked_on_a_full_disk(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        with files_end_at(NO_ROOM_BYTES):
            await client.delete(f"{KEYS}/{made['id']}")
            await gateway.audit.close()
    async with serve() as (gateway, client):
        assert await presented(gateway, made["secret"]) == "key_revoked"
        assert outcomes(gateway.settings.data_dir / "audit.log", "key:revoke") == ["done"]


async def test_a_narrowing_and_a_revocation_that_come_together_leave_a_revoked_key(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    for _ in range(5):
        made = await make(client)
        path = f"{KEYS}/{made['id']}"
        await presented(gateway, made["secret"])
        acts = [
            client.patch(path, json={"name": "x"}),
            client.delete(path),
            client.patch(path, json={"scopes": ["chats:read"]}),
        ]

        _, revoked, _ = await asyncio.gather(*acts)

        assert revoked.status_code == 204
        assert await presented(gateway, made["secret"]) == "key_revoked"
        assert (await client.get(path)).json()["isRevoked"] is True


async def test_changes_that_come_together_are_made_one_after_the_other(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client)
    path = f"{KEYS}/{made['id']}"

    answers = await asyncio.gather(
        client.patch(path, json={"name": "one"}),
        client.patch(path, json={"scopes": ["chats:read"]}),
        client.patch(path, json={"chats": {"read": {"ids": [5]}}}),
        client.patch(path, json={"ttlSecs": 600}),
    )

    assert [each.status_code for each in answers] == [200] * 4
    told = (await client.get(path)).json()
    assert (told["name"], told["scopes"]) == ("one", ["chats:read"])
    assert told["chats"]["write"] == {"ids": [5]}
    assert "expiresAt" in told


async def test_of_two_that_take_the_last_place_one_gets_it(
    environment: dict[str, str], serve: Serve
) -> None:
    environment["AGENT_KEY_MAX_LIVE"] = "3"
    async with serve() as (_, client):
        answers = await asyncio.gather(*(client.post(KEYS, json=READER) for _ in range(6)))

        assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 3


async def test_of_rotations_that_come_together_one_succeeds(client: httpx.AsyncClient) -> None:
    made = await make(client)
    path = f"{KEYS}/{made['id']}/rotate"

    answers = await asyncio.gather(*(client.post(path) for _ in range(3)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409]


async def test_all_keys_of_an_owner_end_in_one_call_and_new_ones_live(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    known, unknown = await make(client), await make(client)
    assert await presented(gateway, known["secret"]) == "ok"
    stranger = await gateway.vault.owner("stranger")
    record = await gateway.keys.find(gateway.owner, known["id"])
    theirs = await gateway.keys.create(KeyId("ak" + "b" * 16), stranger, record.grant, None)

    await gateway.keys.revoke_all(gateway.owner)
    new = await make(client)

    assert await presented(gateway, known["secret"]) == "key_revoked"
    assert await presented(gateway, unknown["secret"]) == "key_revoked"
    assert await presented(gateway, theirs.token) == "ok"
    assert await presented(gateway, new["secret"]) == "ok"
    assert gateway.keys.unstored(gateway.owner) == ()
    listed = (await client.get(KEYS)).json()["items"]
    assert [each.get("isRevoked", False) for each in listed] == [False, True, True]


async def test_all_keys_end_with_a_full_disk_too(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = [await make(client) for _ in range(3)]
        await presented(gateway, made[0]["secret"])
        with files_end_at(NO_ROOM_BYTES):
            await gateway.keys.revoke_all(gateway.owner)
            codes = {await presented(gateway, each["secret"]) for each in made}
        left = gateway.keys.unstored(gateway.owner)
        assert codes == {"key_revoked"}
        assert len(left) == 1
        await gateway.db.write(*left)
    async with serve() as (gateway, client):
        codes = {await presented(gateway, each["secret"]) for each in made}
        assert codes == {"key_revoked"}
        listed = (await client.get(KEYS)).json()["items"]
        assert [k["isRevoked"] for k in listed] == [True] * 3
        assert await presented(gateway, (await make(client))["secret"]) == "ok"


@pytest.mark.parametrize("end", ["revoke", "narrow", "rotate", "all"])
async def test_what_is_open_for_a_key_ends_with_it(
    client: httpx.AsyncClient, gateway: Gateway, end: str
) -> None:
    made = await make(client, preset="assistant")
    path = f"{KEYS}/{made['id']}"
    await presented(gateway, made["secret"])
    watch = gateway.keys.watch(KeyId(made["id"]))
    waiting = asyncio.create_task(watch.over())
    await asyncio.sleep(0)
    assert not watch.is_over

    match end:
        case "revoke":
            await client.delete(path)
        case "narrow":
            await client.patch(path, json={"scopes": ["chats:read"]})
        case "rotate":
            await client.post(f"{path}/rotate")
        case _:
            await gateway.keys.revoke_all(gateway.owner)

    assert watch.is_over
    async with asyncio.timeout(10):
        await waiting


async def test_what_is_open_goes_on_where_only_the_name_changes(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    made = await make(client)
    await presented(gateway, made["secret"])
    watch = gateway.keys.watch(KeyId(made["id"]))

    await client.patch(f"{KEYS}/{made['id']}", json={"name": "renamed", "ttlSecs": 600})

    assert not watch.is_over
    principal = gateway.keys.cached(made["secret"].encode())
    assert principal is not None
    assert principal.key_name == "renamed"


async def test_what_is_open_outlives_the_minute_after_which_the_row_is_read_again(
    serve: Serve, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        await presented(gateway, made["secret"])
        watch = gateway.keys.watch(KeyId(made["id"]))
        clock.ahead = timedelta(seconds=61)
        assert gateway.keys.cached(made["secret"].encode()) is None
        assert await presented(gateway, made["secret"]) == "ok"
        assert gateway.keys.cached(made["secret"].encode()) is not None
        assert not watch.is_over


async def test_what_is_open_ends_when_the_key_expires(serve: Serve, clock: MovableClock) -> None:
    async with serve() as (gateway, client):
        made = await make(client, ttlSecs=600)
        await presented(gateway, made["secret"])
        watch = gateway.keys.watch(KeyId(made["id"]))
        waiting = asyncio.create_task(watch.over())
        clock.ahead = timedelta(seconds=601)

        async with asyncio.timeout(10):
            await waiting
        assert gateway.keys.cached(made["secret"].encode()) is None


async def test_nothing_is_open_for_a_key_that_nobody_presented(gateway: Gateway) -> None:
    watch = gateway.keys.watch(KeyId("ak" + "0" * 16))

    assert watch.is_over
    await watch.over()


async def test_a_clock_that_goes_back_makes_no_key_known_for_longer(
    serve: Serve, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        token = made["secret"].encode()
        await gateway.keys.authenticate(token)
        assert gateway.keys.cached(token) is not None
        clock.ahead = timedelta(hours=-1)
        assert gateway.keys.cached(token) is None


async def test_a_rotation_whose_answer_was_lost_makes_one_successor(serve: Serve) -> None:
    headers = {"Idempotency-Key": "lost"}
    async with serve() as (gateway, client):
        made = await make(client)
        path = f"{KEYS}/{made['id']}/rotate"
        lost = (await client.post(path, headers=headers)).json()
        file = gateway.settings.data_dir / "vasya.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE claims SET status = 'unknown', answer = NULL, finished_at_ms = NULL "
            "WHERE kind = 'key:rotate'"
        )
    async with serve() as (gateway, client):
        again = await client.post(path, headers=headers)

        assert again.status_code == 201, again.text
        assert again.json()["id"] == lost["id"]
        assert await presented(gateway, again.json()["secret"]) == "ok"
        assert await presented(gateway, lost["secret"]) == "invalid_token"
        assert len((await client.get(KEYS)).json()["items"]) == 2


async def test_a_creation_whose_answer_was_lost_makes_one_key(serve: Serve) -> None:
    headers = {"Idempotency-Key": "lost"}
    async with serve() as (gateway, client):
        made = (await client.post(KEYS, json=READER, headers=headers)).json()
        path = gateway.settings.data_dir / "vasya.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE claims SET status = 'dispatched', answer = NULL, finished_at_ms = NULL"
        )
    async with serve() as (gateway, client):
        again = await client.post(KEYS, json=READER, headers=headers)
        replayed = await client.post(KEYS, json=READER, headers=headers)

        assert again.json()["id"] == made["id"]
        assert await presented(gateway, again.json()["secret"]) == "ok"
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert replayed.json()["secretShown"] is True
        assert len((await client.get(KEYS)).json()["items"]) == 1


async def test_a_creation_that_was_lost_before_the_key_was_stored_makes_it(serve: Serve) -> None:
    headers = {"Idempotency-Key": "lost"}
    async with serve() as (gateway, client):
        await client.post(KEYS, json=READER, headers=headers)
        path = gateway.settings.data_dir / "vasya.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE claims SET status = 'dispatched', answer = NULL, finished_at_ms = NULL"
        )
        connection.execute("DELETE FROM agent_keys")
    async with serve() as (gateway, client):
        again = await client.post(KEYS, json=READER, headers=headers)

        assert await presented(gateway, again.json()["secret"]) == "ok"
        assert (await client.get(f"{API}/agent-keys")).json()["items"][0]["id"] == again.json()[
            "id"
        ]
