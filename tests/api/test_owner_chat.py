"""The owner decides from the phone, in the account's own Saved Messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.api.approving import ALWAYS, TEXT, approve, ask, lines, of_alice, stands
from tests.api.conftest import API, listening
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

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
async def asking(with_key: Acting) -> httpx.AsyncClient:
    """Return a client of a key with every scope that is asked about every send."""
    return await with_key(**ALWAYS)


async def test_it_is_off_by_default(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    phone: SandboxClient,
) -> None:
    settings = (await client.get(f"{API}/settings")).json()
    assert "ownerChat" not in settings
    action = await ask(asking, to_bob)
    await phone.send_message("me", "vasya lock")
    await nothing_new(scene, ["vasya lock"])
    assert waiting(scene) == []
    assert (await client.get(f"{API}/settings")).json()["sendGate"] == "on"
    assert await stands(client, action) == "awaiting_approval"


async def test_a_request_rings_and_a_yes_from_the_phone_sends_it(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    action = await ask(asking, to_bob)
    text, code = await asked(dc, scene)
    said = text.splitlines()
    assert said[0] == "Vasya: “agent” wants to send a message."
    assert said[1] == "Chat: Bob (@bob_b)"
    assert "│ may I?" in said
    assert said[-2:] == [f"vasya yes {code}", f"vasya no {code}"]
    await phone.send_message("me", f"Vasya  YES {code.upper()}")
    assert await answered(scene, "Vasya: “agent” wants to send a message: that is done.")
    assert of_alice(scene, scene.bob)[-1] == "may I?"
    told = (await client.get(f"{API}/actions/{action['actionId']}")).json()
    assert (told["status"], told["decidedBy"]) == ("done", "owner_chat")
    log = gateway.settings.data_dir / "audit.log"
    assert ("decided", "action:approve", "started") in lines(log, action["actionId"])
    entries = (await client.get(f"{API}/audit", params={"limit": 50})).json()["items"]
    assert {e["actor"]["type"] for e in entries if e["action"] == "action:approve"} == {
        "owner_chat"
    }
    # It was worth one answer.
    await phone.send_message("me", f"vasya yes {code}")
    assert await answered(scene, "Vasya: nothing waits under that code.")
    assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_a_no_refuses_it(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    action = await ask(asking, to_bob)
    _, code = await asked(dc, scene)
    await phone.send_message("me", f"vasya no {code}")
    await answered(scene, "Vasya: “agent” wants to send a message: that is refused")
    assert await stands(client, action) == "rejected"
    assert "may I?" not in of_alice(scene, scene.bob)


async def test_what_was_decided_elsewhere_is_said_and_its_code_dies(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    action = await ask(asking, to_bob)
    _, code = await asked(dc, scene)
    assert (await approve(client, action)).status_code == 200
    await answered(scene, "Vasya: “agent” wants to send a message: that is done.")
    await phone.send_message("me", f"vasya yes {code}")
    await answered(scene, "Vasya: nothing waits under that code.")
    assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_lock_shuts_everything(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    phone: SandboxClient,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    await phone.send_message("me", "vasya lock")
    await answered(scene, "Vasya: locked.")
    assert (await client.get(f"{API}/settings")).json()["sendGate"] == "off"
    assert_problem(await agent.post(to_bob, json=TEXT), 401, "key_revoked")
    entries = (await client.get(f"{API}/audit", params={"limit": 50})).json()["items"]
    told = [e for e in entries if e["action"] == "lockdown:begin"]
    assert [e["actor"]["type"] for e in told] == ["owner_chat", "owner_chat"]


async def test_keys_are_listed_and_ended_by_name(
    gateway: Gateway,
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    with_key: Acting,
    account_id: str,
    to_bob: str,
    scene: Scene,
    phone: SandboxClient,
) -> None:
    other = await with_key(name="Night shift")
    await open_line(client, account_id)
    await listening(gateway)
    await phone.send_message("me", "vasya keys")
    listed = await answered(scene, "Vasya: these keys are in use.")
    assert "• agent (ak" in listed
    assert "• Night shift (ak" in listed
    await phone.send_message("me", "vasya revoke night SHIFT")
    assert await answered(scene, "Vasya: revoked.") == "Vasya: revoked. Keys ended: 1."
    assert_problem(await other.post(to_bob, json=TEXT), 401, "key_revoked")
    assert (await agent.post(to_bob, json=TEXT)).status_code == 201
    await phone.send_message("me", "vasya status")
    status = await answered(scene, "Vasya: the send gate")
    assert status == "Vasya: the send gate is open, keys in use: 1, waiting for you: 0."


async def test_ten_wrong_codes_close_the_line_until_a_human_opens_it(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    action = await ask(asking, to_bob)
    _, code = await asked(dc, scene)
    for n in range(10):
        await phone.send_message("me", f"vasya yes aaaaaaa{'abcdefghij'[n]}")
    await answered(scene, "Vasya: 10 wrong codes in a day.")
    assert (await client.get(f"{API}/settings")).json()["ownerChat"].get("isOn") is None
    before = notes(scene)
    await phone.send_message("me", f"vasya yes {code}")
    await nothing_new(scene, [*before, f"vasya yes {code}"])
    assert await stands(client, action) == "awaiting_approval"
    # Opened again, it asks anew, and the earlier code is worth nothing.
    await open_line(client, account_id)
    _, renewed = await asked(dc, scene)
    assert renewed != code
    await phone.send_message("me", f"vasya yes {code}")
    await answered(scene, "Vasya: nothing waits under that code.")
    await phone.send_message("me", f"vasya yes {renewed}")
    await answered(scene, "Vasya: “agent” wants to send a message: that is done.")


@pytest.mark.parametrize(
    "body",
    [
        {"isOn": True},
        {"isOn": True, "accountId": "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"digestAt": "24:00"},
        {"digestAt": "9:00"},
    ],
)
async def test_a_line_is_somebodys_account(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    response = await client.patch(f"{API}/settings", json={"ownerChat": body})
    assert_problem(response, 422, "validation_failed")


async def test_only_a_human_switches_it(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account_id: str
) -> None:
    body = {"ownerChat": {"isOn": True, "accountId": account_id}}
    assert_problem(await agent.patch(f"{API}/settings", json=body), 403, "human_required")


async def test_what_is_set_is_told(client: httpx.AsyncClient, account_id: str) -> None:
    await open_line(client, account_id, digestAt="09:30")
    told = (await client.get(f"{API}/settings")).json()["ownerChat"]
    assert told == {"isOn": True, "accountId": account_id, "digestAt": "09:30"}
    off = {"ownerChat": {"isOn": False, "digestAt": None}}
    told = (await client.patch(f"{API}/settings", json=off)).json()["ownerChat"]
    assert told == {"accountId": account_id}


async def test_the_account_stays_connected_for_it(
    gateway: Gateway, client: httpx.AsyncClient, account_id: str
) -> None:
    (account,) = gateway.accounts.list(gateway.owner)
    assert account.is_guarded() is False
    await open_line(client, account_id)
    assert account.is_guarded() is True
    await asyncio.sleep(0)
    await until(lambda: account.is_connected)


async def test_a_long_request_is_cut_and_says_so(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    await ask(asking, to_bob, json={"text": "🐈\n" * 1300, "format": "plain"})
    text, code = await asked(dc, scene)
    assert len(text.encode("utf-16-le")) // 2 <= 4096
    assert text.splitlines()[-4] == "… and more, which does not fit here: look at it by the API."
    assert text.splitlines()[-1] == f"vasya no {code}"


async def test_what_is_shown_cannot_pass_for_what_the_gateway_says(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
) -> None:
    await open_line(client, account_id)
    await listening(gateway)
    await ask(asking, to_bob, json={"text": "hi\nvasya yes aaaaaaaa\u2028bye", "format": "plain"})
    text, code = await asked(dc, scene)
    assert "│ vasya yes aaaaaaaa" in text.splitlines()
    bare = [line for line in text.splitlines() if line.startswith("vasya")]
    assert bare == [f"vasya yes {code}", f"vasya no {code}"]
