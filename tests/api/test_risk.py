"""A log or a disk that fails stops changes before they begin, loses none, and never stops what reduces risk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.api.conftest import API
from tests.disk import files_end_at
from tests.problems import assert_problem
from tests.waiting import until_asked
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Scene, Serve
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEY = {"Idempotency-Key": "one-intent"}
# Less than one page of the database: nothing can be stored, and the reserve has its room.
NO_ROOM_BYTES = 3000


def take_away(log: Path) -> None:
    """Put something that cannot be written to in the log's place, which is never empty: a log would be begun anew there."""
    moved, nowhere = log.with_name("moved.log"), log.with_name("nowhere.log")
    moved.hardlink_to(log)
    nowhere.symlink_to(log.parent)
    nowhere.rename(log)


def give_back(log: Path) -> None:
    log.with_name("moved.log").rename(log)


def outcomes(log: Path, act: str) -> list[str]:
    """Return the statuses of every outcome of that act in the log."""
    lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    return [
        line["res"]["status"] for line in lines if line["act"] == act and line["kind"] == "outcome"
    ]


async def until_written(log: Path, act: str, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(found := outcomes(log, act)) < count:
            await asyncio.sleep(0.05)
    return found


def own_texts(scene: Scene) -> list[str]:
    ids = scene.world.ids(scene.bob, scene.alice)
    records = [scene.world.message(scene.bob, scene.alice, each) for each in ids]
    return [r.text for r in records if r is not None and r.author_id == scene.alice.id]


async def test_what_cannot_be_written_down_is_not_begun(
    client: httpx.AsyncClient, to_bob: str, log: Path, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.reset_counters()
    take_away(log)

    refused = await client.post(to_bob, json={"text": "unrecorded"}, headers=KEY)

    assert_problem(refused, 503, "audit_unavailable")
    assert dc.requests["messages.SendMessage"] == 0
    assert (await client.get(to_bob)).status_code == 200


async def test_the_log_recovers_without_a_restart_and_the_key_is_free(
    client: httpx.AsyncClient, to_bob: str, log: Path, scene: Scene
) -> None:
    take_away(log)
    await client.post(to_bob, json={"text": "later"}, headers=KEY)
    give_back(log)

    sent = await client.post(to_bob, json={"text": "later"}, headers=KEY)

    assert sent.status_code == 201
    assert own_texts(scene).count("later") == 1


async def test_an_answer_whose_outcome_cannot_be_written_down_is_repeated_later(
    client: httpx.AsyncClient, to_bob: str, log: Path, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.5))
    sending = asyncio.create_task(client.post(to_bob, json={"text": "hi"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    take_away(log)
    held_back = await sending
    give_back(log)

    again = await client.post(to_bob, json={"text": "hi"}, headers=KEY)

    assert_problem(held_back, 503, "audit_unavailable")
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert own_texts(scene).count("hi") == 1
    assert outcomes(log, "message:send") == ["done"]


async def test_a_full_disk_stops_changes_and_not_reading(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.reset_counters()
    with files_end_at(NO_ROOM_BYTES):
        refused = await client.post(to_bob, json={"text": "no room"}, headers=KEY)
        read = await client.get(to_bob)

    sent = await client.post(to_bob, json={"text": "no room"}, headers=KEY)

    assert_problem(refused, 503, "storage_failed")
    assert read.status_code == 200
    assert sent.status_code == 201
    assert own_texts(scene).count("no room") == 1


async def test_a_message_that_was_sent_to_a_full_disk_is_found_by_its_key(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.5))
    sending = asyncio.create_task(client.post(to_bob, json={"text": "hi"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    with files_end_at(NO_ROOM_BYTES):
        lost = await sending

    found = await client.post(to_bob, json={"text": "hi"}, headers=KEY)

    assert_problem(lost, 409, "outcome_unknown")
    assert found.status_code == 201
    assert own_texts(scene).count("hi") == 1


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_closing_an_account_never_fails(
    client: httpx.AsyncClient, account: str, to_bob: str, log: Path, failure: str
) -> None:
    await client.get(to_bob)
    if failure == "log":
        take_away(log)
        closed = await client.patch(account, json={"canSend": False})
        refused = await client.post(to_bob, json={"text": "x"})
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            closed = await client.patch(account, json={"canSend": False})
            refused = await client.post(to_bob, json={"text": "x"})

    assert closed.status_code == 200
    assert "canSend" not in closed.json()
    assert_problem(refused, 403, "sending_disabled")
    await client.patch(account, json={"alias": "recovered"})
    assert await until_written(log, "account:update", 2) == ["done", "done"]


async def test_a_restart_does_not_open_what_was_closed_on_a_full_disk(
    serve: Serve, scene: Scene, dc: DataCentre
) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        adopted = (await client.post(f"{API}/telegram/login/session", json=body)).json()
        account = f"{API}/accounts/{adopted['accountId']}"
        with files_end_at(NO_ROOM_BYTES):
            await client.patch(account, json={"canSend": False})
            await gateway.audit.close()
    async with serve() as (gateway, client):
        found = (await client.get(account)).json()
        log = gateway.settings.data_dir / "audit.log"

        assert "canSend" not in found
        assert outcomes(log, "account:update") == ["done"]


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_logging_out_never_fails(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    log: Path,
    gateway: Gateway,
    failure: str,
) -> None:
    await client.post(f"{account}/connect")
    if failure == "log":
        take_away(log)
        gone = await client.delete(account)
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            gone = await client.delete(account)

    assert gone.status_code == 200, gone.text
    assert dc.authorizations_of(scene.alice) == []
    assert_problem(await client.get(account), 403, "access_denied")
    await client.put(f"{API}/telegram/credentials", json={"apiId": 1, "apiHash": "0" * 32})
    assert await until_written(log, "account:delete", 1) == ["done"]
    assert await gateway.vault.accounts() == []


@pytest.mark.parametrize("failure", ["log", "disk"])
async def test_cancelling_a_login_never_fails(
    client: httpx.AsyncClient, log: Path, failure: str
) -> None:
    begun = (await client.post(f"{API}/telegram/login/qr")).json()
    path = f"{API}/telegram/login/{begun['accountId']}"
    if failure == "log":
        take_away(log)
        cancelled = await client.delete(path)
        give_back(log)
    else:
        with files_end_at(NO_ROOM_BYTES):
            cancelled = await client.delete(path)

    assert cancelled.status_code == 204, cancelled.text
    assert_problem(await client.get(path), 404, "login_not_found")
    await client.put(f"{API}/telegram/credentials", json={"apiId": 1, "apiHash": "0" * 32})
    assert await until_written(log, "login:cancel", 1) == ["done"]
