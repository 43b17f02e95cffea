"""The emergency brake: one call, at once, whatever does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.api.test_risk import NO_ROOM_BYTES, give_back, outcomes, take_away, until_written
from tests.disk import files_end_at
from tests.problems import assert_problem

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Serve
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

LOCKDOWN = f"{API}/lockdown"
SETTINGS = f"{API}/settings"
LOCKED_DOWN = {"isLockedDown": True, "sendGate": "off", "keysRevoked": 0}


async def test_a_lockdown_stops_sending_and_reading_goes_on(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, log: Path
) -> None:
    await client.get(to_bob)
    dc.reset_counters()

    done = await client.post(LOCKDOWN)
    refused = await client.post(to_bob, json={"text": "x"})

    assert done.status_code == 200
    assert done.json() == LOCKED_DOWN
    assert done.headers["action-id"].startswith("act_")
    problem = assert_problem(refused, 403, "sending_disabled")
    assert 'PATCH /api/v1/settings {"sendGate": "on"}' in problem["remedy"]
    assert dc.requests["messages.SendMessage"] == 0
    assert (await client.get(to_bob)).status_code == 200
    assert (await client.get(SETTINGS)).json()["sendGate"] == "off"
    assert outcomes(log, "lockdown:begin") == ["done"]


KEYS = f"{API}/agent-keys"


async def make_key(client: httpx.AsyncClient, **more: object) -> str:
    body = {"name": "agent", "scopes": ["messages:read"], **more}
    made = await client.post(KEYS, json=body)
    assert made.status_code == 201, made.text
    key_id: str = made.json()["id"]
    return key_id


async def revoked(client: httpx.AsyncClient) -> dict[str, bool]:
    listed = (await client.get(KEYS)).json()["items"]
    return {key["id"]: key.get("isRevoked", False) for key in listed}


async def test_a_lockdown_revokes_every_key_and_counts_those_that_were_alive(
    client: httpx.AsyncClient,
) -> None:
    ended, *alive = [await make_key(client) for _ in range(3)]
    await client.delete(f"{KEYS}/{ended}")

    first = (await client.post(LOCKDOWN)).json()
    second = (await client.post(LOCKDOWN)).json()
    later = await make_key(client)

    assert (first["keysRevoked"], second["keysRevoked"]) == (2, 0)
    assert await revoked(client) == {ended: True, **dict.fromkeys(alive, True), later: False}


async def test_keys_that_were_revoked_on_a_full_disk_stay_revoked_after_a_restart(
    serve: Serve,
) -> None:
    async with serve() as (gateway, client):
        keys = [await make_key(client) for _ in range(3)]
        with files_end_at(NO_ROOM_BYTES):
            done = await client.post(LOCKDOWN)
            at_once = await revoked(client)
            await gateway.audit.close()
    async with serve() as (_, client):
        after = await revoked(client)
        settings = (await client.get(SETTINGS)).json()

    assert done.json() == {"isLockedDown": True, "sendGate": "off", "keysRevoked": 3}
    assert at_once == after == dict.fromkeys(keys, True)
    assert settings["sendGate"] == "off"


async def test_a_lockdown_may_be_repeated(client: httpx.AsyncClient) -> None:
    first, second = await client.post(LOCKDOWN), await client.post(LOCKDOWN)

    assert first.json() == second.json() == LOCKED_DOWN


async def test_a_human_ends_a_lockdown_by_opening_the_gate(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    await client.post(LOCKDOWN)
    await client.patch(SETTINGS, json={"sendGate": "on"})

    assert (await client.post(to_bob, json={"text": "back"})).status_code == 201


async def test_a_lockdown_needs_no_telegram(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    await dc.stop()

    assert (await client.post(LOCKDOWN)).json() == LOCKED_DOWN


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_a_lockdown_never_fails(
    client: httpx.AsyncClient, to_bob: str, log: Path, failure: str
) -> None:
    await client.get(to_bob)
    if failure == "log":
        take_away(log)
        done = await client.post(LOCKDOWN)
        refused = await client.post(to_bob, json={"text": "x"})
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            done = await client.post(LOCKDOWN)
            refused = await client.post(to_bob, json={"text": "x"})

    assert done.json() == LOCKED_DOWN
    assert_problem(refused, 403, "sending_disabled")
    await client.patch(SETTINGS, json={"timeZone": "Asia/Tokyo"})
    assert await until_written(log, "lockdown:begin", 1) == ["done"]


async def test_a_restart_does_not_undo_a_lockdown_on_a_full_disk(serve: Serve) -> None:
    async with serve() as (gateway, client):
        with files_end_at(NO_ROOM_BYTES):
            done = await client.post(LOCKDOWN)
            await gateway.audit.close()
    async with serve() as (gateway, client):
        settings = (await client.get(SETTINGS)).json()
        log = gateway.settings.data_dir / "audit.log"

        assert done.json() == LOCKED_DOWN
        assert settings["sendGate"] == "off"
        assert outcomes(log, "lockdown:begin") == ["done"]
        assert (await client.get(f"{API}/audit/verify")).json()["isOk"] is True


async def test_a_lockdown_leaves_other_owners_alone(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    other = await gateway.vault.owner("somebody-else")

    await client.post(LOCKDOWN)

    assert (await gateway.owner_settings.of(other)).can_send is True
