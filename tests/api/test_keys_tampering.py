"""Whoever writes the database can make no agent key open more than a human gave it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.api.conftest import API
from tests.api.test_keys import KEYS, make, presented
from tests.problems import assert_problem
from vasya_server.audit.tampered_keys import TamperedKeys
from vasya_server.auth.agent_keys import make_key
from vasya_server.ids import KeyId

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Serve
    from tests.clocks import MovableClock
    from vasya_server.gateway import Gateway

Row = dict[str, Any]
A_MINUTE = timedelta(seconds=61)


def database(gateway: Gateway) -> Path:
    return gateway.settings.data_dir / "vasya.db"


def rows_of(path: Path, table: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 — a table of ours


def put(path: Path, table: str, row: Row) -> None:
    names = ", ".join(row)
    places = ", ".join(f":{name}" for name in row)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})", row)  # noqa: S608 — columns of ours


def key_row(path: Path, key_id: str) -> Row:
    return next(row for row in rows_of(path, "agent_keys") if row["key_id"] == key_id)


def tamperings(data_dir: Path) -> list[str]:
    """Return which keys' rows the audit log calls tampered with."""
    lines = [
        msgspec.json.decode(line) for line in (data_dir / "audit.log").read_bytes().splitlines()
    ]
    return [line["tgt"] for line in lines if line["act"] == "key:row_tampered"]


def swap_grant(row: Row, other: Row) -> None:
    """Take the box of a key that may do more: scopes, accounts and chats are in it."""
    row["sealed"] = other["sealed"]


def swap_grant_and_generation(row: Row, other: Row) -> None:
    row["sealed"], row["generation"] = other["sealed"], other["generation"]


def take_the_wider_keys_place(row: Row, other: Row) -> None:
    """Put the secret that is known into the row of a key that may do more."""
    digest = row["digest"]
    row |= {**other, "key_id": row["key_id"], "digest": digest}


def flip_a_bit(row: Row, _other: Row) -> None:
    row["sealed"] = row["sealed"][:-1] + bytes([row["sealed"][-1] ^ 1])


def move_expiry(row: Row, _other: Row) -> None:
    row["expires_at_ms"] += 1


def take_expiry_away(row: Row, _other: Row) -> None:
    row["expires_at_ms"] = None


def change_lineage(row: Row, _other: Row) -> None:
    row["lineage"] = "ak" + "0" * 16


def change_parent(row: Row, _other: Row) -> None:
    row["parent_id"] = ""


def change_creation(row: Row, _other: Row) -> None:
    row["created_at_ms"] += 1


def revoke_without_asking(row: Row, _other: Row) -> None:
    row["revoked_at_ms"] = row["created_at_ms"]


def change_generation(row: Row, _other: Row) -> None:
    row["generation"] += 1


def use_no_generation(row: Row, _other: Row) -> None:
    row["generation"] = -1


def empty_the_box(row: Row, _other: Row) -> None:
    row["sealed"] = b""


CHANGES = [
    swap_grant,
    swap_grant_and_generation,
    take_the_wider_keys_place,
    flip_a_bit,
    move_expiry,
    take_expiry_away,
    change_lineage,
    change_parent,
    change_creation,
    revoke_without_asking,
    change_generation,
    use_no_generation,
    empty_the_box,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_row_that_somebody_changed_is_no_key_after_a_restart(
    serve: Serve, change: Callable[[Row, Row], None]
) -> None:
    async with serve() as (gateway, client):
        made = await make(client, ttlSecs=3600)
        wider = await make(client, preset="assistant", scopes=["messages:delete"])
        path = database(gateway)
    row = key_row(path, made["id"])
    change(row, key_row(path, wider["id"]))
    put(path, "agent_keys", row)

    async with serve() as (gateway, client):
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert_problem(await client.get(f"{KEYS}/{made['id']}"), 403, "access_denied")
        assert [k["id"] for k in (await client.get(KEYS)).json()["items"]] == [wider["id"]]
        assert tamperings(gateway.settings.data_dir) == [made["id"]]
        assert await presented(gateway, wider["secret"]) == "ok"


async def test_a_key_that_somebody_gave_to_another_owner_is_none(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        stranger = await gateway.vault.owner("stranger")
        path = database(gateway)
    put(path, "agent_keys", key_row(path, made["id"]) | {"owner_id": stranger})

    async with serve() as (gateway, client):
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert (await client.get(KEYS)).json() == {"items": []}
        assert await gateway.keys.keys_of(stranger) == []
        assert tamperings(gateway.settings.data_dir) == [made["id"]]


@pytest.mark.parametrize("change", [swap_grant, take_expiry_away], ids=lambda c: c.__name__)
async def test_a_row_that_is_changed_under_a_running_server_is_noticed_within_a_minute(
    serve: Serve, clock: MovableClock, change: Callable[[Row, Row], None]
) -> None:
    async with serve() as (gateway, client):
        made = await make(client, ttlSecs=3600)
        wider = await make(client, preset="assistant")
        assert await presented(gateway, made["secret"]) == "ok"
        watch = gateway.keys.watch(KeyId(made["id"]))
        row = key_row(database(gateway), made["id"])
        change(row, key_row(database(gateway), wider["id"]))
        put(database(gateway), "agent_keys", row)

        clock.ahead = A_MINUTE
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert watch.is_over
        assert tamperings(gateway.settings.data_dir) == [made["id"]]
        clock.ahead += A_MINUTE
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert tamperings(gateway.settings.data_dir) == [made["id"]] * 2


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "after a restart"])
async def test_an_older_row_of_a_revoked_key_brings_nothing_back(
    serve: Serve,
    clock: MovableClock,
    is_running: bool,  # noqa: FBT001 — a row of the table
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        assert await presented(gateway, made["secret"]) == "ok"
        older = key_row(database(gateway), made["id"])
        await client.delete(f"{KEYS}/{made['id']}")
        if is_running:
            put(database(gateway), "agent_keys", older)
            clock.ahead = A_MINUTE
            assert await presented(gateway, made["secret"]) == "invalid_token"
            assert tamperings(gateway.settings.data_dir) == [made["id"]]
            return
        path = database(gateway)
    put(path, "agent_keys", older)
    async with serve() as (gateway, _):
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert tamperings(gateway.settings.data_dir) == [made["id"]]


@pytest.mark.parametrize("act", ["narrow", "shorten", "rotate"])
async def test_an_older_row_of_a_key_that_was_given_less_gives_nothing_back(
    serve: Serve, act: str
) -> None:
    async with serve() as (gateway, client):
        made = await make(client, preset="assistant")
        path, older = f"{KEYS}/{made['id']}", key_row(database(gateway), made["id"])
        if act == "rotate":
            await client.post(f"{path}/rotate", json={"graceSecs": 600})
        else:
            patch: Row = {"scopes": ["chats:read"]} if act == "narrow" else {"ttlSecs": 600}
            assert (await client.patch(path, json=patch)).status_code == 200
        assert await presented(gateway, made["secret"]) == "ok"
        file = database(gateway)
    put(file, "agent_keys", older)

    async with serve() as (gateway, _):
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert tamperings(gateway.settings.data_dir) == [made["id"]]


async def test_a_floor_that_somebody_lowered_lets_nothing_through(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        older = key_row(database(gateway), made["id"])
        await client.delete(f"{KEYS}/{made['id']}")
        path = database(gateway)
    floor = rows_of(path, "agent_key_floors")[0]
    put(path, "agent_keys", older)
    put(path, "agent_key_floors", floor | {"floor": 1})

    async with serve() as (gateway, _):
        assert await presented(gateway, made["secret"]) == "invalid_token"
        assert tamperings(gateway.settings.data_dir) == [made["id"]]


async def test_a_key_that_somebody_planted_is_none(serve: Serve) -> None:
    planted = make_key(KeyId("ak0123456789abcdef"))
    async with serve() as (gateway, client):
        made = await make(client, preset="assistant")
        row = key_row(database(gateway), made["id"])
        row |= {"key_id": planted.id, "lineage": planted.id, "digest": planted.digest}
        put(database(gateway), "agent_keys", row)

        assert await presented(gateway, planted.token) == "invalid_token"
        assert tamperings(gateway.settings.data_dir) == [planted.id]
        assert [k["id"] for k in (await client.get(KEYS)).json()["items"]] == [made["id"]]
        audited = (await client.get(f"{API}/audit?action=key:row_tampered")).json()["items"]
        assert [entry["target"] for entry in audited] == [planted.id]


async def test_what_no_form_fits_is_reported_without_being_written_down(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        row = key_row(database(gateway), made["id"])
        put(database(gateway), "agent_keys", row | {"key_id": "call +491511234567"})

        assert [k["id"] for k in (await client.get(KEYS)).json()["items"]] == [made["id"]]
        log = gateway.settings.data_dir / "audit.log"
        assert b"key:row_tampered" in log.read_bytes()
        assert b"1511234567" not in log.read_bytes()


async def test_a_key_whose_row_was_changed_can_be_revoked_and_stays_so_when_it_is_put_right(
    serve: Serve,
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        right = key_row(database(gateway), made["id"])
        put(database(gateway), "agent_keys", right | {"sealed": b"x"})

        assert (await client.delete(f"{KEYS}/{made['id']}")).status_code == 204
        put(database(gateway), "agent_keys", right)
        assert await presented(gateway, made["secret"]) == "invalid_token"
    async with serve() as (gateway, _):
        assert await presented(gateway, made["secret"]) == "invalid_token"


async def test_the_column_that_no_box_covers_can_only_be_wrong_about_the_last_use(
    serve: Serve,
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        path = database(gateway)
    for nonsense in (-1, 2**62, None):
        put(path, "agent_keys", key_row(path, made["id"]) | {"last_used_at_ms": nonsense})
        async with serve() as (gateway, client):
            assert "lastUsedAt" not in (await client.get(f"{KEYS}/{made['id']}")).json()
            assert tamperings(gateway.settings.data_dir) == []


async def test_however_many_rows_somebody_makes_little_is_remembered_of_them(
    serve: Serve,
) -> None:
    async with serve() as (gateway, _):
        tampered = TamperedKeys(gateway.audit, gateway.clock)
        ids = [KeyId(f"ak{n:016x}") for n in range(1001)]
        await asyncio.gather(*(tampered.report(id_, gateway.owner) for id_ in ids))
        await asyncio.gather(*(tampered.report(id_, gateway.owner) for id_ in ids[-1:]))
        assert tamperings(gateway.settings.data_dir) == ids


async def test_the_report_does_not_need_the_log(serve: Serve) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        row = key_row(database(gateway), made["id"])
        put(database(gateway), "agent_keys", row | {"sealed": b"x"})
        log = gateway.settings.data_dir / "audit.log"
        log.rename(log.with_name("moved.log"))
        log.mkdir()

        assert await presented(gateway, made["secret"]) == "invalid_token"
