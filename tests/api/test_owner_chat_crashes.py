"""What the gateway may have sent itself is no word of the owner's, whatever a crash or another session makes of it."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.approving import ALWAYS, ask, of_alice, stands
from tests.api.conftest import API, BASE_URL, listening, transport
from tests.api.lining import (
    answered,
    asked,
    notes,
    nothing_new,
    open_line,
    until,
    waiting,
)
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.jwt import JwtRules
from vasya_server.auth.mint import mint
from vasya_server.cli.writer import apart
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

_OWN = "Vasya: this gateway may have sent that itself"
_SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
_RULES = JwtRules(secrets=(_SECRET.encode(),), audience="vasya-server")


async def import_alice(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    body = {"session": dc.mint(scene.alice)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["accountId"])


async def gate(client: httpx.AsyncClient) -> str:
    return str((await client.get(f"{API}/settings")).json()["sendGate"])


@pytest.mark.short_deadlines
async def test_a_send_that_was_in_flight_when_the_server_ended_is_no_command(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
        dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
        lost = await client.post(
            f"{API}/accounts/{account_id}/chats/me/messages",
            json={"text": "vasya lock"},
            headers={"Idempotency-Key": "k"},
        )
        assert_problem(lost, 409, "outcome_unknown")
    dc.faults.clear()
    assert notes(scene)[0] == "vasya lock"
    async with serve() as (gateway, client):
        await listening(gateway)
        await answered(scene, _OWN)
        assert await gate(client) == "on"


async def test_a_send_whose_answer_was_stored_and_whose_update_was_not_is_no_command(
    serve: Serve, dc: DataCentre, scene: Scene, environment: dict[str, str]
) -> None:
    file = f"{environment['VASYA_DATA_DIR']}/vasya.db"
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
    with closing(sqlite3.connect(file)) as db:
        before = db.execute("SELECT account_id, sealed FROM update_states").fetchall()
    async with serve() as (gateway, client):
        await listening(gateway)
        sent = await client.post(
            f"{API}/accounts/{account_id}/chats/me/messages", json={"text": "vasya lock"}
        )
        assert sent.status_code == 201
    with closing(sqlite3.connect(file)) as db, db:
        for account, sealed in before:
            db.execute(
                "UPDATE update_states SET sealed = ? WHERE account_id = ?", (sealed, account)
            )
    async with serve() as (gateway, client):
        await listening(gateway)
        await answered(scene, _OWN)
        assert await gate(client) == "on"


async def test_what_was_asked_is_asked_once_and_its_code_outlives_a_restart(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
        made = await client.post(
            f"{API}/agent-keys",
            json={"name": "agent", "scopes": ["messages:send", "chats:read"], **ALWAYS},
        )
        headers = {"Authorization": f"Bearer {made.json()['secret']}"}
        async with httpx.AsyncClient(
            transport=transport(gateway), base_url=BASE_URL, headers=headers
        ) as agent:
            path = f"{API}/accounts/{account_id}/chats/{scene.bob.id}/messages"
            # Telegram takes the question, and its answer is lost.
            dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
            action = await ask(agent, path)
            await until(lambda: waiting(scene))
    dc.faults.clear()
    async with serve() as (gateway, client):
        await listening(gateway)
        _, code = await asked(dc, scene)
        await nothing_new(scene, notes(scene))
        assert waiting(scene) == []
        assert sum("vasya yes" in each for each in notes(scene)) == 1
        await phone.send_message("me", f"vasya yes {code}")
        await answered(scene, "Vasya: “agent” wants to send a message: that is done.")
        assert await stands(client, action) == "done"
    assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_a_command_that_was_heard_before_a_restart_is_obeyed_once(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        await open_line(client, await import_alice(client, dc, scene))
        await listening(gateway)
    await phone.send_message("me", "vasya lock")
    async with serve() as (gateway, client):
        await answered(scene, "Vasya: locked.")
        assert await gate(client) == "off"
        response = await client.patch(f"{API}/settings", json={"sendGate": "on"})
        assert response.status_code == 200
    async with serve() as (gateway, client):
        await listening(gateway)
        await nothing_new(scene, notes(scene))
        assert await gate(client) == "on"
    assert sum(each.startswith("Vasya: locked.") for each in notes(scene)) == 1


async def test_an_old_command_is_not_obeyed(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        await open_line(client, await import_alice(client, dc, scene))
        await listening(gateway)
    await phone.send_message("me", "vasya lock")
    clock.ahead += timedelta(hours=13)
    async with serve() as (gateway, client):
        await listening(gateway)
        await nothing_new(scene, ["vasya lock"])
        assert await gate(client) == "on"


async def test_another_session_of_this_gateway_is_no_second_device(
    environment: dict[str, str], clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    """Two owners may have the same person's account here: what one sends is told to the other as an update."""
    settings = environment | {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": _SECRET,
        "JWT_AUDIENCE": "vasya-server",
    }
    key = parse_master_key(secrets.token_hex(32))

    def unexpected() -> None:
        raise AssertionError("the writer has ended")

    def bearer(subject: str) -> dict[str, str]:
        made = mint(_RULES, subject, now=clock.now(), ttl=timedelta(hours=1), scope=None)
        return {"Authorization": f"Bearer {made.token}"}

    async with (
        open_gateway(
            load(dict(settings)), clock=clock, key=key, apart=apart(unexpected)
        ) as gateway,
        httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as web,
    ):
        accounts: dict[str, str] = {}
        for subject in ("alice", "other"):
            body = {"session": dc.mint(scene.alice)}
            made: Any = await web.post(
                f"{API}/telegram/login/session", json=body, headers=bearer(subject)
            )
            accounts[subject] = made.json()["accountId"]
        line = {"ownerChat": {"isOn": True, "accountId": accounts["alice"]}}
        await web.patch(f"{API}/settings", json=line, headers=bearer("alice"))
        for account in gateway.guards.line.accounts():
            await account.connect()
            await account.following.is_current.wait()
        sent = await web.post(
            f"{API}/accounts/{accounts['other']}/chats/me/messages",
            json={"text": "vasya lock"},
            headers=bearer("other"),
        )
        assert sent.status_code == 201
        await answered(scene, _OWN)
        told = await web.get(f"{API}/settings", headers=bearer("alice"))
        assert told.json()["sendGate"] == "on"


async def an_edit_is_asked(
    gateway: Gateway, client: httpx.AsyncClient, account_id: str, scene: Scene
) -> dict[str, Any]:
    """Have a key ask to edit what Alice wrote last, so that nothing but the line itself sends messages."""
    made = await client.post(
        f"{API}/agent-keys",
        json={"name": "agent", "scopes": ["messages:send", "chats:read"], **ALWAYS},
    )
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    mine = scene.world.ids(scene.alice, scene.bob)[-1]
    path = f"{API}/accounts/{account_id}/chats/{scene.bob.id}/messages/{mine}"
    async with httpx.AsyncClient(
        transport=transport(gateway), base_url=BASE_URL, headers=headers
    ) as agent:
        response = await agent.patch(path, json={"text": "better words"})
    assert response.status_code == 202, response.text
    action: dict[str, Any] = response.json()
    return action


async def test_a_yes_that_was_carried_out_and_not_answered_is_answered_after_a_restart(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
        action = await an_edit_is_asked(gateway, client, account_id, scene)
        _, code = await asked(dc, scene)
        dc.faults.add(Fault(action=Action.DELAY, request="messages.EditMessage", secs=0.7))
        await phone.send_message("me", f"vasya yes {code}")
        answers = Fault(
            action=Action.RPC_ERROR, request="messages.SendMessage", code=500, text="NO", times=50
        )
        dc.faults.add(answers)
        async with asyncio.timeout(8):
            while await stands(client, action) != "done":
                await asyncio.sleep(0.05)
    dc.faults.clear()
    before = notes(scene)
    async with serve() as (gateway, client):
        said = await until(lambda: [each for each in notes(scene) if each not in before])
        assert await stands(client, action) == "done"
    assert len(said) == 1
    assert said[0].endswith("that is done.")


async def test_a_line_that_is_closed_meanwhile_leaves_no_yes_half_done(
    serve: Serve, dc: DataCentre, scene: Scene, phone: SandboxClient
) -> None:
    async with serve() as (gateway, client):
        account_id = await import_alice(client, dc, scene)
        await open_line(client, account_id)
        await listening(gateway)
        action = await an_edit_is_asked(gateway, client, account_id, scene)
        _, code = await asked(dc, scene)
        dc.faults.add(Fault(action=Action.DELAY, request="messages.EditMessage", secs=1.5))
        await phone.send_message("me", f"vasya yes {code}")
        async with asyncio.timeout(8):
            while await stands(client, action) != "dispatched":
                await asyncio.sleep(0.02)

        closed = await client.patch(f"{API}/settings", json={"ownerChat": {"isOn": False}})
        assert closed.status_code == 200, closed.text
        stood = []
        async with asyncio.timeout(8):
            while "done" not in stood:
                stood.append(await stands(client, action))
                await asyncio.sleep(0.02)

    # Never `unknown`, as if nobody did it any more: its key could have it sent beside the first.
    assert set(stood) == {"dispatched", "done"}
    assert of_alice(scene, scene.bob)[-1] == "better words"
    assert dc.requests["messages.EditMessage"] == 1
