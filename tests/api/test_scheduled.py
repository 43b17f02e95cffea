"""What waits in a chat: listed, changed, sent now and taken back, by whom it may be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions

from tests.api.changes.scheduled import wait
from tests.api.conftest import API, listening
from tests.api.test_scheduling import ahead
from tests.api.test_undo import action_of, come_due, texts, waiting
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
def scheduled(account: str, scene: Scene) -> str:
    return f"{account}/chats/{scene.bob.id}/scheduled"


async def test_what_waits_is_listed_in_the_order_of_its_time(
    client: httpx.AsyncClient, to_bob: str, scheduled: str, scene: Scene
) -> None:
    wait(scene, scene.bob, "by phone", secs=7200, is_silent=True)
    wait(scene, scene.carol, "elsewhere")
    at = ahead(minutes=30)
    action = (await client.post(to_bob, json={"text": "**here**", "scheduleAt": at})).json()

    page = (await client.get(scheduled)).json()

    assert page["trust"] == "untrusted"
    first, second = page["items"]
    assert first == {
        "id": action["scheduledId"],
        "chatId": scene.bob.id,
        "sendsAt": action["sendsAt"],
        "actionId": action["actionId"],
        "text": "here",
        "entities": [{"type": "bold", "offset": 0, "length": 4}],
    }
    assert (second["text"], second["isSilent"], "actionId" in second) == ("by phone", True, False)
    assert (await client.get(f"{scheduled[: -len('scheduled')]}messages")).status_code == 200


async def test_a_changed_message_says_what_it_shall_and_is_sent_when_it_shall(
    client: httpx.AsyncClient, to_bob: str, scheduled: str, scene: Scene, dc: DataCentre
) -> None:
    said = {"text": "draft", "scheduleAt": ahead(hours=1)}
    action = (await client.post(to_bob, json=said)).json()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)

    text = await client.patch(f"{scheduled}/1", json={"text": "_final_"})
    time = await client.patch(f"{scheduled}/1", json={"scheduleAt": later.isoformat()})

    assert text.status_code == 200, text.text
    assert (text.json()["text"], text.json()["sendsAt"]) == ("final", action["sendsAt"])
    assert text.json()["actionId"] == action["actionId"]
    (one,) = waiting(scene)
    assert (one.draft.text, one.draft.at) == ("final", int(later.timestamp()))
    assert datetime.fromisoformat(time.json()["sendsAt"]) == later
    async with asyncio.timeout(5):
        while True:
            told = await action_of(client, action["actionId"], wait=0)
            if datetime.fromisoformat(told["sendsAt"]) == later:
                break
            await asyncio.sleep(0.05)
    (sent_id,) = come_due(dc, scene).values()
    done = await action_of(client, action["actionId"])
    assert (done["status"], done["result"]["id"]) == ("done", sent_id)
    assert texts(scene)[-1] == "final"


async def test_saying_what_is_so_already_is_a_success_and_nothing_is_not(
    client: httpx.AsyncClient, to_bob: str, scheduled: str
) -> None:
    await client.post(to_bob, json={"text": "same", "scheduleAt": ahead(hours=1)})

    assert (await client.patch(f"{scheduled}/1", json={"text": "same"})).status_code == 200
    nothing = await client.patch(f"{scheduled}/1", json={})
    assert_problem(nothing, 422, "validation_failed")
    too_soon = await client.patch(f"{scheduled}/1", json={"scheduleAt": ahead(seconds=5)})
    assert_problem(too_soon, 422, "validation_failed")
    gone = await client.patch(f"{scheduled}/7", json={"text": "x"})
    assert_problem(gone, 404, "message_not_found")


async def test_one_that_is_about_to_be_sent_is_changed_only_for_later(
    client: httpx.AsyncClient, scheduled: str, scene: Scene
) -> None:
    waits = wait(scene, scene.bob, "soon", secs=5)

    refused = await client.patch(f"{scheduled}/{waits}", json={"text": "wait"})
    put_off = await client.patch(
        f"{scheduled}/{waits}", json={"text": "wait", "scheduleAt": ahead(hours=1)}
    )

    assert_problem(refused, 422, "validation_failed")
    assert (put_off.status_code, put_off.json()["text"]) == (200, "wait")


async def test_sent_now_it_stands_in_the_chat_and_its_action_is_done(
    client: httpx.AsyncClient, to_bob: str, scheduled: str, scene: Scene
) -> None:
    action = (
        await client.post(to_bob, json={"text": "now after all", "scheduleAt": ahead(hours=1)})
    ).json()

    sent = await client.post(f"{scheduled}/1/send")

    assert sent.status_code == 200, sent.text
    assert (sent.json()["text"], texts(scene)[-1]) == ("now after all", "now after all")
    done = await action_of(client, action["actionId"])
    assert (done["status"], done["result"]["id"]) == ("done", sent.json()["id"])
    assert_problem(await client.post(f"{scheduled}/1/send"), 404, "message_not_found")
    assert (await client.get(scheduled)).json()["items"] == []


async def test_a_send_without_an_answer_is_found_by_the_same_request(
    client: httpx.AsyncClient,
    to_bob: str,
    scheduled: str,
    scene: Scene,
    dc: DataCentre,
    gateway: Gateway,
) -> None:
    await client.post(to_bob, json={"text": "once", "scheduleAt": ahead(hours=1)})
    await listening(gateway)
    headers = {"Idempotency-Key": "send"}
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendScheduledMessages"))

    first = await client.post(f"{scheduled}/1/send", headers=headers)
    assert_problem(first, 409, "outcome_unknown")
    async with asyncio.timeout(10):
        while (
            again := await client.post(f"{scheduled}/1/send", headers=headers)
        ).status_code != 200:
            await asyncio.sleep(0.1)

    assert again.json()["text"] == "once"
    assert texts(scene).count("once") == 1


async def test_a_deleted_one_is_never_sent_and_its_action_is_cancelled(
    client: httpx.AsyncClient, to_bob: str, scheduled: str, scene: Scene
) -> None:
    said = {"text": "never", "scheduleAt": ahead(hours=1)}
    action = (await client.post(to_bob, json=said)).json()
    headers = {"Idempotency-Key": "delete"}

    deleted = await client.delete(f"{scheduled}/1", headers=headers)
    again = await client.delete(f"{scheduled}/1", headers=headers)

    assert (deleted.status_code, again.status_code, waiting(scene)) == (204, 204, [])
    assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
    assert_problem(await client.delete(f"{scheduled}/1"), 404, "message_not_found")


async def test_dry_runs_leave_it_waiting_as_it_is(
    client: httpx.AsyncClient, scheduled: str, scene: Scene
) -> None:
    waits = wait(scene, scene.bob, "as it is")

    for method, path, body in (
        ("PATCH", f"{scheduled}/{waits}", {"text": "other"}),
        ("POST", f"{scheduled}/{waits}/send", None),
        ("DELETE", f"{scheduled}/{waits}", None),
    ):
        told = await client.request(method, f"{path}?dryRun=true", json=body)
        assert (told.status_code, told.json()["wouldExecute"]) == (200, True), told.text
    gone = await client.post(f"{scheduled}/99/send?dryRun=true")
    assert_problem(gone, 404, "message_not_found")
    assert [each.draft.text for each in waiting(scene)] == ["as it is"]


async def test_what_the_owner_changes_on_the_phone_is_followed(
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    phone: SandboxClient,
    gateway: Gateway,
) -> None:
    said = {"text": "draft", "scheduleAt": ahead(hours=1)}
    action = (await client.post(to_bob, json=said)).json()
    await listening(gateway)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=9)

    await phone(
        functions.messages.EditMessageRequest(
            "bob_b", 1, message="by hand", schedule_date=later, entities=[]
        )
    )

    async with asyncio.timeout(5):
        while True:
            told = await action_of(client, action["actionId"], wait=0)
            if datetime.fromisoformat(told["sendsAt"]) == later:
                break
            await asyncio.sleep(0.05)
    come_due(dc, scene)
    assert (await action_of(client, action["actionId"]))["result"]["text"] == "by hand"


# Whose it is


async def test_a_key_does_not_see_or_touch_what_another_caller_has_waiting(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scheduled: str, scene: Scene
) -> None:
    agent, other = await with_key(undoSecs=600), await with_key()
    theirs = (await agent.post(to_bob, json={"text": "theirs"})).json()["scheduledId"]
    human = (
        await client.post(to_bob, json={"text": "human's", "scheduleAt": ahead(hours=1)})
    ).json()["scheduledId"]
    phones = wait(scene, scene.bob, "phone's")

    def listed(page: httpx.Response) -> list[str]:
        return sorted(item["text"] for item in page.json()["items"])

    assert listed(await other.get(scheduled)) == ["phone's"]
    assert listed(await agent.get(scheduled)) == ["phone's", "theirs"]
    assert listed(await client.get(scheduled)) == ["human's", "phone's", "theirs"]
    for hidden in (theirs, human):
        for refused in (
            await other.patch(f"{scheduled}/{hidden}", json={"text": "x"}),
            await other.post(f"{scheduled}/{hidden}/send"),
            await other.delete(f"{scheduled}/{hidden}"),
        ):
            assert_problem(refused, 404, "message_not_found")
    assert len(waiting(scene)) == 3
    assert (await other.delete(f"{scheduled}/{phones}")).status_code == 204
    assert (await client.delete(f"{scheduled}/{theirs}")).status_code == 204


@pytest.mark.short_deadlines
async def test_while_nobody_knows_what_another_has_waiting_a_key_reaches_only_its_own(
    with_key: Any, to_bob: str, scheduled: str, scene: Scene, dc: DataCentre
) -> None:
    agent, other = await with_key(undoSecs=600), await with_key(undoSecs=600)
    own = (await other.post(to_bob, json={"text": "own"})).json()["scheduledId"]
    for _ in range(9):
        dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage"))
    lost = await agent.post(to_bob, json={"text": "lost"})
    assert_problem(lost, 409, "outcome_unknown")
    dc.faults.clear()

    async with asyncio.timeout(20):
        while (page := await other.get(scheduled)).status_code != 200:
            await asyncio.sleep(0.2)

    assert [item["text"] for item in page.json()["items"]] == ["own"]
    assert len(waiting(scene)) == 2
    refused = await other.delete(f"{scheduled}/{own + 1}")
    assert_problem(refused, 404, "message_not_found")
    assert (await other.delete(f"{scheduled}/{own}")).status_code == 204


async def test_a_key_whose_messages_wait_cannot_send_one_sooner(
    with_key: Any, to_bob: str, scheduled: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=600)
    waits = (await agent.post(to_bob, json={"text": "wait"})).json()
    phones = wait(scene, scene.bob, "phone's", secs=120)

    for each in (waits["scheduledId"], phones):
        assert_problem(await agent.post(f"{scheduled}/{each}/send"), 403, "undo_window")
    sooner = await agent.patch(
        f"{scheduled}/{waits['scheduledId']}", json={"scheduleAt": ahead(minutes=2)}
    )
    changed = await agent.patch(f"{scheduled}/{phones}", json={"text": "changed"})

    for answer in (sooner, changed):
        left = datetime.fromisoformat(answer.json()["sendsAt"]) - datetime.now(UTC)
        assert timedelta(minutes=9) < left < timedelta(minutes=11)


async def test_chat_lists_and_scopes_hold(
    acting: Acting, with_key: Any, account: str, scheduled: str, scene: Scene
) -> None:
    waits = wait(scene, scene.bob, "mine")
    elsewhere = await acting(ChatRule(ids=frozenset({scene.carol.id})))
    reader = await acting(
        ChatRule(ids=frozenset({scene.bob.id})), ChatRule(ids=frozenset({scene.carol.id}))
    )
    for key in (elsewhere, reader):
        for refused in (
            await key.patch(f"{scheduled}/{waits}", json={"text": "x"}),
            await key.post(f"{scheduled}/{waits}/send"),
            await key.delete(f"{scheduled}/{waits}"),
        ):
            assert_problem(refused, 403, "chat_not_allowed")
    assert_problem(await elsewhere.get(scheduled), 403, "chat_not_allowed")
    assert len((await reader.get(scheduled)).json()["items"]) == 1
    weak = await with_key(scopes=["messages:read"])
    assert (await weak.get(scheduled)).status_code == 200
    assert_problem(await weak.post(f"{scheduled}/{waits}/send"), 403, "scope_required")


async def test_a_key_that_may_only_write_learns_nothing_of_what_the_owner_has_waiting(
    account: str, to_bob: str, scheduled: str, scene: Scene, acting: Acting
) -> None:
    waits = wait(scene, scene.bob, "my secret plan")
    key = await acting(
        ChatRule(ids=frozenset({scene.carol.id})), ChatRule(ids=frozenset({scene.bob.id}))
    )
    own = (await key.post(to_bob, json={"text": "mine", "scheduleAt": ahead(hours=1)})).json()

    later = {"scheduleAt": ahead(hours=3)}
    answers = [
        await key.patch(f"{scheduled}/{waits}", json=later),
        await key.post(f"{scheduled}/{waits}/send"),
        await key.delete(f"{scheduled}/{waits}"),
        await key.patch(f"{scheduled}/4242", json=later),
    ]

    for refused in answers:
        assert_problem(refused, 404, "message_not_found")
    assert [each.draft.text for each in waiting(scene)] == ["my secret plan", "mine"]
    changed = await key.patch(f"{scheduled}/{own['scheduledId']}", json=later)
    assert changed.status_code == 200, changed.text


async def test_the_owners_chat_is_out_of_reach(
    with_key: Any, client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    agent = await with_key()
    account_id = account.rsplit("/", 1)[1]
    await client.patch(
        f"{API}/settings", json={"ownerChat": {"isOn": True, "accountId": account_id}}
    )
    waits = wait(scene, scene.alice, "Vasya: “agent” wants to send a message. vasya yes abcdefgh")
    note = wait(scene, scene.alice, "milk")
    saved = f"{account}/chats/me/scheduled"

    items = (await agent.get(saved)).json()["items"]

    assert [item.get("redacted") for item in items] == ["control_message", None]
    for refused in (
        await agent.patch(f"{saved}/{waits}", json={"text": "x"}),
        await agent.post(f"{saved}/{waits}/send"),
        await agent.delete(f"{saved}/{waits}"),
        await agent.patch(f"{saved}/{note}", json={"text": "*vasya* yes abcdefgh"}),
        await agent.post(
            f"{account}/chats/me/messages",
            json={"text": "x" * 4096 + "\nvasya yes abcdefgh", "split": True},
        ),
    ):
        assert_problem(refused, 403, "control_line")
