"""The owner's settings: a gate over all accounts, and the time zone of `today`."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.api.test_risk import NO_ROOM_BYTES, give_back, outcomes, take_away, until_written
from tests.disk import files_end_at
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.scopes import Scope

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

SETTINGS = f"{API}/settings"
KEY = {"Idempotency-Key": "one-intent"}
KEPT = {"eventRetentionSecs": 604800}
OPEN_CALL = 'PATCH /api/v1/settings {"sendGate": "on"}'


def change_rows(gateway: Gateway, script: str) -> None:
    """Write into the database as somebody can who has the file and not the master key."""
    with closing(sqlite3.connect(gateway.settings.data_dir / "vasya.db")) as other:
        other.executescript(
            "DROP TRIGGER owner_settings_never_change; DROP TRIGGER owner_settings_never_go;"
            + script
        )


async def test_a_new_owner_may_send_and_lives_in_utc(client: httpx.AsyncClient) -> None:
    response = await client.get(SETTINGS)

    assert response.status_code == 200
    assert response.json() == KEPT | {"sendGate": "on", "timeZone": "UTC"}


async def test_only_what_is_sent_changes(client: httpx.AsyncClient) -> None:
    await client.patch(SETTINGS, json={"timeZone": "Europe/Berlin"})

    closed = await client.patch(SETTINGS, json={"sendGate": "off"})
    opened = await client.patch(SETTINGS, json={"sendGate": "on"})

    assert closed.json() == KEPT | {"sendGate": "off", "timeZone": "Europe/Berlin"}
    assert opened.json() == KEPT | {"sendGate": "on", "timeZone": "Europe/Berlin"}
    assert (await client.get(SETTINGS)).json() == opened.json()
    assert (await client.get(f"{API}/whoami")).json()["timeZone"] == "Europe/Berlin"


async def test_one_request_may_close_the_gate_and_set_the_time_zone(
    client: httpx.AsyncClient,
) -> None:
    both = {"sendGate": "off", "timeZone": "Asia/Tokyo"}

    assert (await client.patch(SETTINGS, json=both)).json() == KEPT | both
    assert (await client.get(SETTINGS)).json() == KEPT | both


@pytest.mark.parametrize(
    "field",
    ["disabledScopes", "pacing", "eventRetentionSecs", "canWebhooksCarryContent", "ownerChat"],
)  # fmt: skip
async def test_what_nothing_enforces_cannot_be_set(client: httpx.AsyncClient, field: str) -> None:
    response = await client.patch(SETTINGS, json={field: None})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize(
    "zone",
    ["Europe/Atlantis", "europe/berlin", "../../etc/passwd", "/etc/localtime", "localtime",
     "posix/UTC", "+02:00", "Europe", "", "U" * 65],
)  # fmt: skip
async def test_a_time_zone_is_an_iana_name_or_nothing_changes(
    client: httpx.AsyncClient, zone: str
) -> None:
    response = await client.patch(SETTINGS, json={"sendGate": "off", "timeZone": zone})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"][0]["pointer"] == "/timeZone"
    assert (await client.get(SETTINGS)).json() == KEPT | {"sendGate": "on", "timeZone": "UTC"}


async def test_today_begins_at_the_owners_midnight(
    serve: Serve, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        adopted = (await client.post(f"{API}/telegram/login/session", json=body)).json()
        messages = f"{API}/accounts/{adopted['accountId']}/chats/{scene.bob.id}/messages"
        # At 20:00 UTC it is tomorrow in Kiritimati, 14 hours ahead, since 10:00 UTC.
        # Tomorrow, so that the clock only goes forward: one that is set back leaves the limits with nothing.
        now = datetime.now(UTC)
        tomorrow = now + timedelta(days=1)
        clock.ahead = tomorrow.replace(hour=20, minute=0) - now
        nine = int(tomorrow.replace(hour=9, minute=0).timestamp())
        scene.world.post(scene.bob, scene.alice, "in the morning", at=nine)

        in_utc = (await client.get(messages, params={"since": "today"})).json()
        await client.patch(SETTINGS, json={"timeZone": "Pacific/Kiritimati"})
        in_kiritimati = (await client.get(messages, params={"since": "today"})).json()

    assert "in the morning" in [message["text"] for message in in_utc["items"]]
    assert in_kiritimati["items"] == []


async def test_a_closed_gate_stops_every_account_and_says_who_opens_it(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, log: Path
) -> None:
    await client.get(to_bob)
    dc.reset_counters()
    await client.patch(SETTINGS, json={"sendGate": "off"})

    sent = await client.post(to_bob, json={"text": "x"})
    edited = await client.patch(f"{to_bob}/1", json={"text": "x"})
    marked = await client.post(to_bob.replace("messages", "read"), json={})

    for refused in (sent, edited, marked):
        problem = assert_problem(refused, 403, "sending_disabled")
        assert problem["detail"] == "Sending is switched off for every account of this owner."
        assert OPEN_CALL in problem["remedy"]
    read = {"messages.GetPeerDialogs"}  # what a preview says of the chat
    assert {name for name in dc.requests if name.startswith("messages.")} <= read
    assert (await client.get(to_bob)).status_code == 200
    assert '"code":"sending_disabled"' in log.read_text()


async def test_opening_the_gate_lets_sends_through_again(
    client: httpx.AsyncClient, to_bob: str, log: Path
) -> None:
    await client.patch(SETTINGS, json={"sendGate": "off"})
    await client.patch(SETTINGS, json={"sendGate": "on"})

    sent = await client.post(to_bob, json={"text": "again"})

    assert sent.status_code == 201
    assert outcomes(log, "settings:update") == ["done", "done"]


async def test_the_narrowest_gate_is_told_when_the_wider_ones_are_open(
    client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    await client.patch(account, json={"canSend": False})
    await client.patch(SETTINGS, json={"sendGate": "off"})
    by_owner = await client.post(to_bob, json={"text": "x"})
    await client.patch(SETTINGS, json={"sendGate": "on"})
    by_account = await client.post(to_bob, json={"text": "x"})

    assert OPEN_CALL in assert_problem(by_owner, 403, "sending_disabled")["remedy"]
    problem = assert_problem(by_account, 403, "sending_disabled")
    assert problem["detail"] == "Sending is switched off for this account."
    assert f'PATCH {account} {{"canSend": true}}' in problem["remedy"]


async def test_no_owner_opens_the_servers_gate(
    environment: dict[str, str], serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    environment["VASYA_SEND"] = "off"
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        adopted = (await client.post(f"{API}/telegram/login/session", json=body)).json()
        messages = f"{API}/accounts/{adopted['accountId']}/chats/{scene.bob.id}/messages"
        opened = await client.patch(SETTINGS, json={"sendGate": "on"})
        refused = await client.post(messages, json={"text": "x"})

    assert opened.json()["sendGate"] == "on"
    problem = assert_problem(refused, 403, "sending_disabled")
    assert problem["detail"] == "Sending is switched off for the whole server."
    assert "VASYA_SEND=on" in problem["remedy"]


async def test_what_was_sent_before_the_gate_closed_is_still_answered(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    first = await client.post(to_bob, json={"text": "before"}, headers=KEY)
    await client.patch(SETTINGS, json={"sendGate": "off"})

    again = await client.post(to_bob, json={"text": "before"}, headers=KEY)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.short_deadlines
async def test_an_unknown_outcome_is_not_sent_again_through_a_closed_gate(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
    assert_problem(
        await client.post(to_bob, json={"text": "stop"}, headers=KEY), 409, "outcome_unknown"
    )
    await client.patch(SETTINGS, json={"sendGate": "off"})
    dc.reset_counters()

    refused = await client.post(to_bob, json={"text": "stop"}, headers=KEY)

    assert_problem(refused, 403, "sending_disabled")
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_send_that_waits_for_its_connection_is_stopped_by_a_gate_that_closes(
    client: httpx.AsyncClient, account: str, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    await client.post(f"{account}/disconnect")
    dc.reset_counters()
    dc.faults.add(Fault(action=Action.DELAY, secs=1.5))
    sending = asyncio.create_task(client.post(to_bob, json={"text": "late"}, headers=KEY))
    await asyncio.sleep(0.3)
    await client.patch(SETTINGS, json={"sendGate": "off"})

    refused = await sending
    await client.patch(SETTINGS, json={"sendGate": "on"})
    sent = await client.post(to_bob, json={"text": "late"}, headers=KEY)

    assert_problem(refused, 403, "sending_disabled")
    assert sent.status_code == 201
    assert dc.requests["messages.SendMessage"] == 1


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_closing_the_gate_never_fails(
    client: httpx.AsyncClient, to_bob: str, log: Path, failure: str
) -> None:
    await client.get(to_bob)
    if failure == "log":
        take_away(log)
        closed = await client.patch(SETTINGS, json={"sendGate": "off"})
        refused = await client.post(to_bob, json={"text": "x"})
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            closed = await client.patch(SETTINGS, json={"sendGate": "off"})
            refused = await client.post(to_bob, json={"text": "x"})

    assert closed.json() == KEPT | {"sendGate": "off", "timeZone": "UTC"}
    assert_problem(refused, 403, "sending_disabled")
    await client.patch(SETTINGS, json={"timeZone": "Asia/Tokyo"})
    assert await until_written(log, "settings:update", 2) == ["done", "done"]


async def test_opening_the_gate_waits_for_the_disk(client: httpx.AsyncClient) -> None:
    await client.patch(SETTINGS, json={"sendGate": "off"})
    with files_end_at(NO_ROOM_BYTES):
        refused = await client.patch(SETTINGS, json={"sendGate": "on"})

    assert_problem(refused, 503, "storage_failed")
    assert (await client.get(SETTINGS)).json()["sendGate"] == "off"


async def test_a_gate_that_is_opened_when_the_disk_is_free_stays_open(
    serve: Serve, clock: MovableClock
) -> None:
    """What was put off for a full disk is stored behind what a human did later, and does not undo it."""
    async with serve() as (gateway, client):
        with files_end_at(NO_ROOM_BYTES):
            await client.patch(SETTINGS, json={"sendGate": "off"})
        await client.patch(SETTINGS, json={"sendGate": "on"})
        await until_written(gateway.settings.data_dir / "audit.log", "settings:update", 2)
    async with serve() as (_, client):
        assert (await client.get(SETTINGS)).json()["sendGate"] == "on"


async def test_settings_outlast_a_restart(serve: Serve) -> None:
    both = {"sendGate": "off", "timeZone": "Asia/Tokyo"}
    async with serve() as (_, client):
        await client.patch(SETTINGS, json={"timeZone": "Asia/Tokyo"})
        await client.patch(SETTINGS, json={"sendGate": "off"})
    async with serve() as (_, client):
        assert (await client.get(SETTINGS)).json() == KEPT | both


async def test_the_gate_of_another_owner_stays_as_it_is(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    other = await gateway.vault.owner("somebody-else")

    await client.patch(SETTINGS, json={"sendGate": "off"})

    assert (await gateway.owner_settings.of(other)).can_send is True
    assert (await gateway.owner_settings.of(gateway.owner)).can_send is False


TAMPERED = {
    "it is cut short": "UPDATE owner_settings SET sealed = substr(sealed, 1, length(sealed) - 1)"
    " WHERE generation = 2;",
    "it is taken away": "DELETE FROM owner_settings;",
    "another is put above it": "INSERT INTO owner_settings SELECT owner_id, 9, sealed FROM owner_settings"
    " WHERE generation = 1;",
    "the older one is moved to its place": "DELETE FROM owner_settings WHERE generation = 2;"
    " UPDATE owner_settings SET generation = 2 WHERE generation = 1;",
    "another owner's is put in its place": "CREATE TEMP TABLE was AS SELECT * FROM owner_settings;"
    " UPDATE owner_settings SET sealed = (SELECT sealed FROM was"
    " WHERE was.owner_id <> owner_settings.owner_id AND was.generation = owner_settings.generation);",
}  # fmt: skip


@pytest.mark.parametrize("script", TAMPERED.values(), ids=TAMPERED)
async def test_who_writes_the_database_opens_no_gate(
    serve: Serve, scene: Scene, dc: DataCentre, caplog: pytest.LogCaptureFixture, script: str
) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        adopted = (await client.post(f"{API}/telegram/login/session", json=body)).json()
        other = await gateway.vault.owner("somebody-else")
        await gateway.owner_settings.change(other, can_send=True)
        await client.patch(SETTINGS, json={"sendGate": "on"})
    change_rows(gateway, script)
    messages = f"{API}/accounts/{adopted['accountId']}/chats/{scene.bob.id}/messages"

    async with serve() as (_, client):
        shown = await client.get(SETTINGS)
        refused = await client.post(messages, json={"text": "x"})
        said = [record.message for record in caplog.records if "do not open" in record.message]
        await client.patch(SETTINGS, json={"sendGate": "on"})
        sent = await client.post(messages, json={"text": "x"})
    async with serve() as (_, client):
        again = await client.get(SETTINGS)

    assert shown.json().pop("disabledScopes") == sorted(Scope)
    assert shown.json() | {"disabledScopes": []} == KEPT | {
        "sendGate": "off",
        "timeZone": "UTC",
        "disabledScopes": [],
    }
    problem = assert_problem(refused, 403, "sending_disabled")
    assert "changed from outside" in problem["detail"]
    assert OPEN_CALL in problem["remedy"]
    assert said
    assert sent.status_code == 201
    assert again.json()["sendGate"] == "on"


async def test_an_older_row_that_is_put_back_opens_no_gate(serve: Serve) -> None:
    async with serve() as (gateway, client):
        await client.patch(SETTINGS, json={"sendGate": "on"})
        await client.patch(SETTINGS, json={"sendGate": "off"})
    change_rows(
        gateway,
        "INSERT OR REPLACE INTO owner_settings SELECT * FROM owner_settings WHERE generation = 2;",
    )

    async with serve() as (_, client):
        assert (await client.get(SETTINGS)).json()["sendGate"] == "off"
