from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox import scheduling
from vasya_sandbox.client import open_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.outbox import Waiting

WithKey = "Callable[..., Awaitable[httpx.AsyncClient]]"


def waiting(scene: Scene) -> list[Waiting]:
    return list(scheduling.outbox(scene.world, scene.alice).waiting.values())


def texts(scene: Scene) -> list[str]:
    world = scene.world
    found = [
        world.message(scene.bob, scene.alice, each) for each in world.ids(scene.bob, scene.alice)
    ]
    return [message.text for message in found if message]


def come_due(dc: DataCentre, scene: Scene) -> dict[int, int]:
    return scheduling.send_due(dc, scene.alice, waiting(scene))


async def action_of(client: httpx.AsyncClient, action_id: str, wait: int = 5) -> Any:
    response = await client.get(f"{API}/actions/{action_id}", params={"wait": wait})
    assert response.status_code == 200, response.text
    return response.json()


async def undoable(client: httpx.AsyncClient, to_bob: str, text: str = "wait", **more: Any) -> Any:
    response = await client.post(to_bob, json={"text": text, "undoSecs": 120, **more})
    assert response.status_code == 202, response.text
    return response.json()


@pytest.fixture
async def phone(dc: DataCentre, scene: Scene) -> AsyncIterator[SandboxClient]:
    """Return Alice's own phone."""
    client = open_client(dc.address, dc.mint(scene.alice))
    await client.connect()
    yield client
    await client.disconnect()


async def test_an_undo_window_on_a_send_makes_it_wait_at_telegram_and_nobody_sees_it(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    before = datetime.now(UTC)
    response = await client.post(to_bob, json={"text": "**wait**", "undoSecs": 120})
    assert response.status_code == 202
    action = response.json()
    assert response.headers["action-id"] == action["actionId"]
    sends_at = datetime.fromisoformat(action["sendsAt"])
    assert timedelta(seconds=120) <= sends_at - before <= timedelta(seconds=123)
    assert (action["status"], action["kind"], action["scheduledId"]) == (
        "scheduled",
        "message:send",
        1,
    )
    assert action["preview"]["text"] == "**wait**"
    assert action["preview"]["chat"]["title"] == "Bob"
    assert action["preview"]["undoSecs"] == 120
    (one,) = waiting(scene)
    assert (one.draft.text, one.draft.at) == ("wait", int(sends_at.timestamp()))
    assert "wait" not in texts(scene)
    assert await action_of(client, action["actionId"], wait=0) == action


async def test_when_its_time_has_come_the_action_is_done_with_the_message_as_it_stands_there(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    action = await undoable(client, to_bob, "**wait**")
    waits = asyncio.create_task(action_of(client, action["actionId"]))
    await asyncio.sleep(0.1)
    (sent_id,) = come_due(dc, scene).values()
    done = await waits
    assert (done["status"], done["result"]["id"], done["result"]["text"]) == (
        "done",
        sent_id,
        "wait",
    )
    assert done["result"]["entities"] == [{"type": "bold", "offset": 0, "length": 4}]
    assert texts(scene)[-1] == "wait"


async def test_cancelling_within_the_window_leaves_no_message(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    sent_before = texts(scene)
    action = await undoable(client, to_bob)
    response = await client.post(f"{API}/actions/{action['actionId']}/cancel")
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert (waiting(scene), texts(scene)) == ([], sent_before)
    again = await client.post(f"{API}/actions/{action['actionId']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    told = await action_of(client, action["actionId"], wait=0)
    assert (told["status"], "result" in told, "problem" in told) == ("cancelled", False, False)


async def test_after_the_window_it_is_too_late(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    action = await undoable(client, to_bob)
    come_due(dc, scene)
    cancel = f"{API}/actions/{action['actionId']}/cancel"
    assert_problem(await client.post(cancel), 409, "undo_expired")
    assert (await action_of(client, action["actionId"]))["status"] == "done"
    assert_problem(await client.post(cancel), 409, "undo_expired")
    assert texts(scene)[-1] == "wait"


async def test_a_send_that_never_waited_has_nothing_to_take_back(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    sent = await client.post(to_bob, json={"text": "now"})
    cancel = f"{API}/actions/{sent.headers['action-id']}/cancel"
    assert_problem(await client.post(cancel), 409, "action_state")


async def test_both_ends_are_in_the_log(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    undone = await undoable(client, to_bob, "one")
    await client.post(f"{API}/actions/{undone['actionId']}/cancel")
    late = await undoable(client, to_bob, "two")
    come_due(dc, scene)
    await client.post(f"{API}/actions/{late['actionId']}/cancel")
    lines = (await client.get(f"{API}/audit", params={"limit": 50})).json()["items"]
    told = [
        (line["action"], line["kind"], line["result"]["status"], line["result"].get("code"))
        for line in reversed(lines)
        if line["action"] in ("message:send", "action:cancel") and line["kind"] == "outcome"
    ]
    assert told == [
        ("message:send", "outcome", "scheduled", None),
        ("message:send", "outcome", "cancelled", "undone"),
        ("action:cancel", "outcome", "done", None),
        ("message:send", "outcome", "scheduled", None),
        ("message:send", "outcome", "done", None),
        ("action:cancel", "outcome", "failed", "undo_expired"),
    ]


async def test_the_owner_takes_it_back_on_the_phone(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, phone: SandboxClient
) -> None:
    action = await undoable(client, to_bob)
    waits = asyncio.create_task(action_of(client, action["actionId"]))
    await asyncio.sleep(0.1)
    await phone(functions.messages.DeleteScheduledMessagesRequest("bob_b", [1]))
    assert (await waits)["status"] == "cancelled"
    assert_problem(await client.get(f"{API}/actions/act_{'a' * 26}"), 403, "access_denied")


async def test_the_owner_sends_it_at_once_on_the_phone(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, phone: SandboxClient
) -> None:
    action = await undoable(client, to_bob)
    await phone(functions.messages.SendScheduledMessagesRequest("bob_b", [1]))
    done = await action_of(client, action["actionId"])
    assert (done["status"], done["result"]["text"]) == ("done", "wait")


async def test_telegram_gives_it_up_when_the_account_may_not_write_any_more(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    action = await undoable(client, to_bob)
    scene.bob.blocked.add(scene.alice.id)
    assert come_due(dc, scene) == {}
    # It was not due yet, and Telegram does not say why it is gone: it was taken away.
    assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
