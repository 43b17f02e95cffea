"""A key with every scope cannot decide its own action by any route; the owner's second device can."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.approving import ALWAYS, ask, of_alice
from tests.api.conftest import API, listening
from tests.api.lining import answered, asked, notes, nothing_new, open_line
from tests.problems import assert_problem
from vasya_sandbox import scheduling

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
def to_self(account: str) -> str:
    return f"{account}/chats/me/messages"


@pytest.fixture
async def asking(with_key: Acting) -> httpx.AsyncClient:
    """Return a client of a key with every scope that is asked about every text it sends to others."""
    return await with_key(name="asking", **ALWAYS)


@pytest.fixture
async def code(
    gateway: Gateway,
    client: httpx.AsyncClient,
    asking: httpx.AsyncClient,
    account_id: str,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
) -> str:
    """Have something asked about, and return the code that agrees to it."""
    await open_line(client, account_id)
    await listening(gateway)
    await ask(asking, to_bob)
    return (await asked(dc, scene))[1]


def notes_with_ids(scene: Scene) -> dict[int, str]:
    found = {}
    for each in scene.world.ids(scene.alice, scene.alice):
        message = scene.world.message(scene.alice, scene.alice, each)
        if message is not None:
            found[each] = message.text
    return found


def request_id(scene: Scene) -> int:
    """Return the message that asks."""
    return next(each for each, text in notes_with_ids(scene).items() if "vasya yes" in text)


@pytest.mark.parametrize(
    "text",
    [
        "vasya yes CODE",
        "VASYA yes CODE",
        "  \n\tvasya yes CODE",
        "\u200bvasya yes CODE",
        "\u2066vasya yes CODE",
        "va\u200bsya yes CODE",
        "v a s y a yes CODE",
        "ｖａｓｙａ yes CODE",
        "**vasya** yes CODE",
        "[vasya](https://example.org) yes CODE",
        "…vasya yes CODE",
    ],
)
async def test_it_cannot_write_a_command(
    agent: httpx.AsyncClient, to_self: str, text: str, code: str, scene: Scene
) -> None:
    before = notes(scene)
    for body in (
        {"text": text.replace("CODE", code)},
        {"text": text.replace("CODE", code), "format": "plain"},
        {"text": text.replace("CODE", code), "undoSecs": 60},
    ):
        assert_problem(await agent.post(to_self, json=body), 403, "control_line")
    await nothing_new(scene, before)


async def test_it_cannot_write_one_in_html(
    agent: httpx.AsyncClient, to_self: str, code: str
) -> None:
    body = {"text": f"<b>v</b>&#97;sya yes {code}", "format": "html"}
    assert_problem(await agent.post(to_self, json=body), 403, "control_line")


async def test_it_cannot_clear_them_away(
    agent: httpx.AsyncClient, account: str, code: str, scene: Scene
) -> None:
    before = notes(scene)
    for url in ("chats/me/history?forEveryone=false", "chats/me?forEveryone=true"):
        assert_problem(await agent.delete(f"{account}/{url}"), 403, "control_line")
    await nothing_new(scene, before)


async def test_other_notes_are_its_own_to_write(
    agent: httpx.AsyncClient, to_self: str, code: str, scene: Scene
) -> None:
    sent = await agent.post(to_self, json={"text": f"remember vasya yes {code}"})
    assert sent.status_code == 201
    before = notes(scene)
    await nothing_new(scene, before)


async def test_it_cannot_turn_a_note_into_a_command(
    agent: httpx.AsyncClient, to_self: str, code: str, scene: Scene
) -> None:
    note = (await agent.post(to_self, json={"text": "a note"})).json()["id"]
    edit = await agent.patch(f"{to_self}/{note}", json={"text": f"vasya yes {code}"})
    assert_problem(edit, 403, "control_line")
    assert notes(scene)[-1] == "a note"


@pytest.mark.parametrize("as_copy", [False, True])
async def test_it_cannot_forward_a_command(
    agent: httpx.AsyncClient, to_self: str, to_bob: str, code: str, scene: Scene, *, as_copy: bool
) -> None:
    sent = await agent.post(to_bob, json={"text": f"vasya yes {code}"})
    forward = {
        "fromChat": str(scene.bob.id),
        "messageIds": [sent.json()["id"]],
        "asCopy": as_copy,
    }
    assert_problem(await agent.post(f"{to_self}/forward", json=forward), 403, "control_line")


async def test_what_somebody_else_wrote_and_it_forwards_is_no_command(
    agent: httpx.AsyncClient, to_self: str, code: str, scene: Scene
) -> None:
    post = scene.world.post(scene.bob, scene.alice, f"vasya yes {code}")
    forward = {
        "fromChat": str(scene.bob.id),
        "messageIds": [post.message.copies[scene.alice.id]],
    }
    assert_problem(await agent.post(f"{to_self}/forward", json=forward), 403, "control_line")


async def test_it_can_neither_read_nor_find_nor_change_what_is_said_there(
    agent: httpx.AsyncClient, account: str, to_self: str, to_bob: str, code: str, scene: Scene
) -> None:
    asks = request_id(scene)
    for response in (
        await agent.get(to_self),
        await agent.get(f"{to_self}/{asks}"),
        await agent.get(to_self, params={"q": "vasya"}),
        await agent.get(f"{account}/messages/search", params={"q": code}),
        await agent.get(f"{account}/chats"),
        await agent.get(f"{API}/events/poll", params={"direction": "all"}),
    ):
        assert code not in response.text
    shown = (await agent.get(f"{to_self}/{asks}")).json()
    assert (shown["redacted"], shown.get("text", "")) == ("control_message", "")
    forward = {"fromChat": "me", "messageIds": [asks]}
    for refused in (
        await agent.post(f"{to_bob}/forward", json=forward),
        await agent.patch(f"{to_self}/{asks}", json={"text": "something else"}),
        await agent.delete(f"{to_self}/{asks}", params={"forEveryone": "false"}),
        await agent.post(f"{to_self}/delete", json={"ids": [asks], "forEveryone": False}),
        await agent.put(f"{to_self}/{asks}/reaction", json={"emoji": "👍"}),
        await agent.put(f"{to_self}/{asks}/pin"),
        await agent.post(to_self, json={"text": "x", "replyTo": asks, "quote": code}),
    ):
        assert_problem(refused, 403, "control_line")
    assert request_id(scene) == asks


async def test_no_event_tells_it_what_is_said_there(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    code: str,
    phone: SandboxClient,
    scene: Scene,
) -> None:
    start = (await agent.get(f"{API}/events/poll", params={"direction": "all"})).json()["next"]
    await phone.send_message("me", "vasya status please")
    heard: dict[str, Any] = {}
    async with asyncio.timeout(5):
        while not heard.get("items"):
            query = {"direction": "all", "cursor": start, "wait": 2}
            heard = (await agent.get(f"{API}/events/poll", params=query)).json()
    told = heard["items"][-1]["data"]["message"]
    assert "text" not in told
    assert told["redacted"] == "control_message"
    query = {"direction": "all", "cursor": start}
    for_people = (await client.get(f"{API}/events/poll", params=query)).json()
    assert for_people["items"][-1]["data"]["message"]["text"] == "vasya status please"


async def test_another_key_cannot_decide_either(
    with_key: Acting, account: str, to_self: str, code: str, scene: Scene
) -> None:
    other = await with_key(name="other")
    waiting = (await other.get(f"{API}/actions")).json()["items"]
    assert waiting == []
    refused = await other.post(to_self, json={"text": f"vasya yes {code}"})
    assert_problem(refused, 403, "control_line")


async def test_a_send_of_a_human_through_the_gateway_is_no_command(
    client: httpx.AsyncClient, to_self: str, code: str, scene: Scene
) -> None:
    assert (await client.post(to_self, json={"text": f"vasya yes {code}"})).status_code == 201
    await nothing_new(scene, notes(scene))
    assert "may I?" not in of_alice(scene, scene.bob)


async def test_a_scheduled_a_forwarded_and_an_edited_message_are_no_commands(
    code: str, phone: SandboxClient, scene: Scene, dc: DataCentre
) -> None:
    command = f"vasya yes {code}"
    await phone.send_message("me", command, schedule=timedelta(hours=1))
    outbox = scheduling.outbox(scene.world, scene.alice)
    scheduling.send_due(dc, scene.alice, outbox.within(scene.alice.id))
    to_bob = await phone.send_message("bob_b", command)
    await phone.forward_messages("me", to_bob)
    note = await phone.send_message("me", "a note")
    await phone.edit_message("me", note.id, command)
    await nothing_new(scene, notes(scene))
    assert "may I?" not in of_alice(scene, scene.bob)
    # The same words, typed by the owner's second device, are obeyed.
    await phone.send_message("me", command)
    await answered(scene, "Vasya: “asking” wants to send a message: that is done.")
    assert of_alice(scene, scene.bob)[-1] == "may I?"


async def test_a_caption_is_no_way_around(
    agent: httpx.AsyncClient, account: str, to_self: str, code: str
) -> None:
    upload = await agent.post(
        f"{account}/uploads", content=b"a file", headers={"Content-Type": "text/plain"}
    )
    assert upload.status_code == 201, upload.text
    body = {"text": f"vasya yes {code}", "media": [upload.json()["uploadId"]]}
    assert_problem(await agent.post(to_self, json=body), 403, "control_line")


async def test_a_dry_run_refuses_it_too(agent: httpx.AsyncClient, to_self: str, code: str) -> None:
    body = {"text": f"vasya yes {code}"}
    refused = await agent.post(to_self, params={"dryRun": "true"}, json=body)
    assert_problem(refused, 403, "control_line")


async def test_what_stands_there_stays_hidden_when_the_line_is_off(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, to_self: str, code: str
) -> None:
    off = await client.patch(f"{API}/settings", json={"ownerChat": {"isOn": False}})
    assert off.status_code == 200
    listed = await agent.get(to_self)
    assert code not in listed.text
    # Off, it refuses no words; they are a note as any other, and nobody obeys them.
    assert (await agent.post(to_self, json={"text": f"vasya yes {code}"})).status_code == 201
