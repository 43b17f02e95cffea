from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions

from tests.api.conftest import API, TOKEN
from tests.api.test_risk import NO_ROOM_BYTES
from tests.disk import files_end_at
from tests.problems import assert_problem
from tests.telegram.hearing import Heard
from vasya_sandbox import scheduling
from vasya_sandbox.faults import Action, Fault
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.outbox import Waiting
    from vasya_server.gateway import Gateway


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


async def test_a_key_with_an_undo_window_cannot_be_talked_out_of_it(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene, account: str
) -> None:
    agent = await with_key(undoSecs=600)
    told = (await agent.get(f"{API}/whoami")).json()
    assert told["undoSecs"] == 600
    plain = await agent.post(to_bob, json={"text": "plain"})
    shorter = await agent.post(to_bob, json={"text": "shorter", "undoSecs": 60})
    longer = await agent.post(to_bob, json={"text": "longer", "undoSecs": 1200})
    post = scene.world.post(scene.carol, scene.alice, "pass it on").message.copies[scene.alice.id]
    body = {"fromChat": str(scene.carol.id), "messageIds": [post]}
    forwarded = await agent.post(f"{to_bob}/forward", json=body)
    assert [each.status_code for each in (plain, shorter, longer, forwarded)] == [202] * 4
    now = datetime.now(UTC)
    lasts = [
        round((datetime.fromisoformat(each.json()["sendsAt"]) - now).total_seconds() / 10) * 10
        for each in (plain, shorter, longer, forwarded)
    ]
    assert lasts == [600, 600, 1200, 600]
    assert [each.draft.text for each in waiting(scene)] == [
        "plain",
        "shorter",
        "longer",
        "pass it on",
    ]
    assert_problem(
        await agent.post(to_bob, json={"text": "x", "undoSecs": 59}), 422, "validation_failed"
    )


async def test_only_a_human_changes_the_undo_window_of_a_key(
    client: httpx.AsyncClient, to_bob: str, with_key: Any
) -> None:
    agent = await with_key(undoSecs=600)
    key = f"{API}/agent-keys/{(await agent.get(f'{API}/whoami')).json()['keyId']}"
    assert (await client.get(key)).json()["undoSecs"] == 600
    assert_problem(await agent.patch(key, json={"undoSecs": None}), 403, "human_required")
    assert_problem(await client.patch(key, json={"undoSecs": 59}), 422, "validation_failed")
    assert (await client.patch(key, json={"name": "still"})).json()["undoSecs"] == 600
    assert "undoSecs" not in (await client.patch(key, json={"undoSecs": None})).json()
    assert (await agent.post(to_bob, json={"text": "now"})).status_code == 201


async def test_an_album_waits_as_a_whole_and_is_answered_as_one(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    uploads = []
    for name in ("a.txt", "b.txt"):
        made = await client.post(
            f"{account}/uploads",
            content=b"x",
            headers={"Content-Type": "text/plain", "Content-Disposition": f'filename="{name}"'},
        )
        uploads.append(made.json()["uploadId"])
    action = await undoable(client, to_bob, "both", media=uploads)
    assert (action["scheduledId"], action["scheduledIds"]) == (1, [1, 2])
    sent = come_due(dc, scene)
    done = await action_of(client, action["actionId"])
    assert (done["result"]["text"], done["result"]["albumIds"]) == ("both", list(sent.values()))


async def test_a_forward_that_waited_is_answered_with_all_its_messages(
    with_key: Any, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    agent = await with_key(undoSecs=60)
    posts = [
        scene.world.post(scene.carol, scene.alice, text).message.copies[scene.alice.id]
        for text in ("first", "second")
    ]
    body = {"fromChat": str(scene.carol.id), "messageIds": posts}
    action = (await agent.post(f"{to_bob}/forward", json=body)).json()
    come_due(dc, scene)
    done = await action_of(agent, action["actionId"])
    assert [item["text"] for item in done["result"]["items"]] == ["first", "second"]


async def test_the_same_request_never_makes_a_second_one_and_learns_the_end(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"text": "once", "undoSecs": 60}

    async def ask() -> httpx.Response:
        return await client.post(to_bob, json=body, headers=headers)

    first, again = await ask(), await ask()
    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert len(waiting(scene)) == 1
    (sent_id,) = come_due(dc, scene).values()
    await action_of(client, first.json()["actionId"])
    final = await ask()
    assert (final.status_code, final.json()["id"], final.json()["text"]) == (201, sent_id, "once")
    assert final.headers["location"].endswith(f"/messages/{sent_id}")
    assert texts(scene).count("once") == 1


async def test_the_same_request_is_not_sent_after_it_was_taken_back(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"text": "never", "undoSecs": 60}
    first = await client.post(to_bob, json=body, headers=headers)
    await client.post(f"{API}/actions/{first.json()['actionId']}/cancel")
    again = await client.post(to_bob, json=body, headers=headers)
    problem = assert_problem(again, 409, "action_state")
    assert problem["actionId"] == first.json()["actionId"]
    assert (waiting(scene), "never" in texts(scene)) == ([], False)


async def test_one_agent_cannot_take_back_what_another_sends_and_its_human_can(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    one, other = await with_key(undoSecs=60), await with_key()
    action = (await one.post(to_bob, json={"text": "mine"})).json()
    cancel = f"{API}/actions/{action['actionId']}/cancel"
    assert_problem(await other.post(cancel), 403, "access_denied")
    assert len(waiting(scene)) == 1
    assert (await client.post(cancel)).json()["status"] == "cancelled"
    assert waiting(scene) == []


async def gone(scene: Scene) -> None:
    async with asyncio.timeout(5):
        while waiting(scene):
            await asyncio.sleep(0.02)


async def test_revoking_a_key_takes_back_what_it_has_waiting(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    one, other = await with_key(undoSecs=60), await with_key(undoSecs=60)
    action = (await one.post(to_bob, json={"text": "never"})).json()
    kept = (await other.post(to_bob, json={"text": "kept"})).json()
    key_id = (await one.get(f"{API}/whoami")).json()["keyId"]
    assert (await client.delete(f"{API}/agent-keys/{key_id}")).status_code == 204
    assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
    assert [each.draft.text for each in waiting(scene)] == ["kept"]
    assert (await action_of(client, kept["actionId"], wait=0))["status"] == "scheduled"


async def test_revoking_a_keys_successor_takes_back_what_the_old_one_had_waiting(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=60)
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    await agent.post(to_bob, json={"text": "never"})
    rotated = await client.post(f"{API}/agent-keys/{key_id}/rotate", json={"graceSecs": 0})
    await asyncio.sleep(1.5)
    assert len(waiting(scene)) == 1
    await client.delete(f"{API}/agent-keys/{rotated.json()['id']}")
    await gone(scene)


async def test_a_lockdown_takes_back_what_keys_have_waiting_and_leaves_what_humans_have(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=60)
    action = (await agent.post(to_bob, json={"text": "the agent's"})).json()
    await undoable(client, to_bob, "the human's")
    assert (await client.post(f"{API}/lockdown")).status_code == 200
    assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
    assert [each.draft.text for each in waiting(scene)] == ["the human's"]


async def test_a_dry_run_says_how_long_it_would_wait_and_leaves_nothing_waiting(
    with_key: Any, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=90)
    told = await agent.post(to_bob, params={"dryRun": "true"}, json={"text": "what if"})
    assert (told.json()["wouldExecute"], told.json()["preview"]["undoSecs"]) == (True, 90)
    assert waiting(scene) == []


# With a connection that breaks


async def test_a_lost_answer_makes_no_second_one(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=1))
    action = await undoable(client, to_bob)
    assert (action["scheduledId"], len(waiting(scene))) == (1, 1)


ONE = {"Idempotency-Key": "one"}
LOST = {"text": "lost", "undoSecs": 60}


async def test_what_could_not_be_stored_as_waiting_is_taken_back_all_the_same(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.0))
    sending = asyncio.create_task(client.post(to_bob, json=LOST, headers=ONE))
    async with asyncio.timeout(5):
        while dc.requests["messages.SendMessage"] == 0:
            await asyncio.sleep(0.02)
    with files_end_at(NO_ROOM_BYTES):
        lost = await sending
    assert_problem(lost, 409, "outcome_unknown")
    assert len(waiting(scene)) == 1
    cancelled = await client.post(f"{API}/actions/{lost.json()['actionId']}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    assert (cancelled.json()["status"], waiting(scene)) == ("cancelled", [])


@pytest.mark.short_deadlines
async def test_a_retry_after_an_unknown_outcome_finds_what_waits(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
    assert_problem(await client.post(to_bob, json=LOST, headers=ONE), 409, "outcome_unknown")
    dc.faults.clear()
    assert len(waiting(scene)) == 1
    async with asyncio.timeout(20):
        while (again := await client.post(to_bob, json=LOST, headers=ONE)).status_code != 202:
            await asyncio.sleep(0.5)
    assert (again.json()["status"], len(waiting(scene))) == ("scheduled", 1)
    await client.post(f"{API}/actions/{again.json()['actionId']}/cancel")
    assert waiting(scene) == []


@pytest.mark.short_deadlines
async def test_a_retry_after_an_unknown_outcome_finds_what_was_sent_meanwhile(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
    assert_problem(await client.post(to_bob, json=LOST, headers=ONE), 409, "outcome_unknown")
    dc.faults.clear()
    (sent_id,) = come_due(dc, scene).values()
    async with asyncio.timeout(20):
        while (again := await client.post(to_bob, json=LOST, headers=ONE)).status_code != 201:
            await asyncio.sleep(0.5)
    assert (again.json()["id"], texts(scene).count("lost")) == (sent_id, 1)


@pytest.mark.short_deadlines
async def test_a_retry_after_an_unknown_outcome_does_not_send_what_the_owner_took_back(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage", times=50))
    assert_problem(await client.post(to_bob, json=LOST, headers=ONE), 409, "outcome_unknown")
    dc.faults.clear()
    scheduling.remove(dc, scene.alice, scene.bob, [1])
    async with asyncio.timeout(20):
        while (again := await client.post(to_bob, json=LOST, headers=ONE)).json()[
            "code"
        ] != "idempotency_key_stale":
            await asyncio.sleep(0.5)
    assert again.status_code == 409
    assert (waiting(scene), "lost" in texts(scene)) == ([], False)


# Over restarts


async def imported(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    body = {"session": dc.mint(scene.alice)}
    response = await client.post(f"{API}/telegram/login/session", json=body)
    return f"{API}/accounts/{response.json()['accountId']}/chats/{scene.bob.id}/messages"


async def test_the_final_id_arrives_although_it_was_sent_while_the_server_was_down(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        to_bob = await imported(client, dc, scene)
        action = await undoable(client, to_bob)
        other = await undoable(client, to_bob, "waits on")
    (one, _two) = waiting(scene)
    (sent_id,) = scheduling.send_due(dc, scene.alice, [one]).values()
    async with serve() as (_, client):
        done = await action_of(client, action["actionId"])
        assert (done["status"], done["result"]["id"]) == ("done", sent_id)
        assert (await action_of(client, other["actionId"], wait=0))["status"] == "scheduled"
        assert (await client.post(f"{API}/actions/{other['actionId']}/cancel")).status_code == 200
    assert texts(scene)[-1] == "wait"


async def test_the_event_of_a_message_that_waited_tells_the_id_it_had_even_after_a_restart(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        action = await undoable(client, to_bob)
        async with asyncio.timeout(10):
            (account,) = gateway.accounts.list(gateway.owner)
            await account.following.is_current.wait()
    (sent_id,) = come_due(dc, scene).values()
    async with serve() as (gateway, client):
        assert (await action_of(client, action["actionId"]))["status"] == "done"
        (account,) = gateway.accounts.list(gateway.owner)
        new = await Heard(gateway.events, account).of(EventType.MESSAGE_NEW, count=1)
    told = [(each.data.scheduled_id, each.data.message) for each in new]
    assert (action["scheduledId"], sent_id) in [(was, now.id) for was, now in told if now]


async def test_two_that_say_the_same_are_not_taken_for_one_another(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        to_bob = await imported(client, dc, scene)
        actions = [await undoable(client, to_bob, "ok") for _ in range(2)]
    sent = come_due(dc, scene)
    async with serve() as (_, client):
        ended = [await action_of(client, each["actionId"]) for each in actions]
    assert sorted(each["result"]["id"] for each in ended) == sorted(sent.values())


async def test_one_that_the_owner_took_back_while_the_server_was_down_is_cancelled(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        to_bob = await imported(client, dc, scene)
        action = await undoable(client, to_bob)
    scheduling.remove(dc, scene.alice, scene.bob, [1])
    async with serve() as (_, client):
        assert (await action_of(client, action["actionId"]))["status"] == "cancelled"


async def test_one_that_is_gone_after_its_time_and_nowhere_is_said_to_be_unknown(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"text": "wait", "undoSecs": 120}
    async with serve() as (_, client):
        to_bob = await imported(client, dc, scene)
        action = (await client.post(to_bob, json=body, headers=headers)).json()
    scheduling.remove(dc, scene.alice, scene.bob, [1])
    clock.ahead += timedelta(minutes=5)
    async with serve() as (_, client):
        ended = await action_of(client, action["actionId"])
        assert (ended["status"], ended["problem"]["isRetryable"]) == ("unknown", False)
        # To send it again might be to send it twice.
        again = await client.post(to_bob, json=body, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "outcome_unknown")
    assert (waiting(scene), "wait" in texts(scene)) == ([], False)


async def test_a_key_that_was_revoked_before_a_restart_has_nothing_sent_after_it(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        made = await client.post(
            f"{API}/agent-keys", json={"name": "a", "scopes": ["messages:send"], "undoSecs": 60}
        )
        client.headers["Authorization"] = f"Bearer {made.json()['secret']}"
        action = (await client.post(to_bob, json={"text": "never"})).json()
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        # Telegram cannot be reached in this moment.
        await dc.stop()
        await client.delete(f"{API}/agent-keys/{made.json()['id']}")
        await gateway.guards.undo.close()
    await dc.start(port=dc.address[1])
    async with serve() as (_, client):
        assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
    assert waiting(scene) == []


async def test_a_changed_row_is_no_promise_of_ours(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        action = await undoable(client, to_bob)
        folder = gateway.settings.data_dir
    with closing(sqlite3.connect(folder / "vasya.db")) as db, db:
        assert b"wait" not in db.execute("SELECT sealed FROM scheduled_sends").fetchone()[0]
        db.execute("UPDATE scheduled_sends SET sealed = zeroblob(200)")
    async with serve() as (_, client):
        assert (await action_of(client, action["actionId"], wait=0))["status"] == "scheduled"
        cancel = await client.post(f"{API}/actions/{action['actionId']}/cancel")
        assert_problem(cancel, 409, "action_state")


async def test_what_waits_is_listed_for_people_and_for_the_key_that_sent_it(
    with_key: Any, client: httpx.AsyncClient, to_bob: str
) -> None:
    one, other = await with_key(undoSecs=60), await with_key(undoSecs=60)
    mine = (await one.post(to_bob, json={"text": "mine"})).json()
    theirs = (await other.post(to_bob, json={"text": "theirs"})).json()

    async def listed(asker: httpx.AsyncClient) -> list[Any]:
        answer = await asker.get(f"{API}/actions", params={"status": "scheduled"})
        return list(answer.json()["items"])

    assert await listed(one) == [mine]
    assert await listed(other) == [theirs]
    assert await listed(client) == [theirs, mine]
    await client.post(f"{API}/actions/{mine['actionId']}/cancel")
    assert await listed(client) == [theirs]


async def test_what_a_human_approves_for_a_key_with_an_undo_window_waits_for_its_time_then(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    agent = await with_key(undoSecs=60, approval={"messages:send": "always"})
    asked = (await agent.post(to_bob, json={"text": "may I?"})).json()
    assert (asked["status"], asked["preview"]["undoSecs"]) == ("awaiting_approval", 60)
    action = f"{API}/actions/{asked['actionId']}"
    approved = await client.post(f"{action}/approve", json={"digest": asked["digest"]})
    told = approved.json()
    assert (approved.status_code, told["status"], told["scheduledId"]) == (200, "scheduled", 1)
    assert told["digest"] == asked["digest"]
    assert [each.draft.text for each in waiting(scene)] == ["may I?"]
    (sent_id,) = come_due(dc, scene).values()
    done = await action_of(agent, asked["actionId"])
    assert (done["status"], done["result"]["id"]) == ("done", sent_id)


async def test_what_was_approved_can_be_taken_back_within_the_window(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=60, approval={"messages:send": "always"})
    asked = (await agent.post(to_bob, json={"text": "may I?"})).json()
    action = f"{API}/actions/{asked['actionId']}"
    await client.post(f"{action}/approve", json={"digest": asked["digest"]})
    cancelled = await agent.post(f"{action}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (waiting(scene), "may I?" in texts(scene)) == ([], False)


async def test_the_key_and_its_human_are_told_of_the_end(
    gateway: Gateway, with_key: Any, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    agent = await with_key(undoSecs=60)
    sent = (await agent.post(to_bob, json={"text": "sent"})).json()
    come_due(dc, scene)
    await action_of(agent, sent["actionId"])
    undone = (await agent.post(to_bob, json={"text": "undone"})).json()
    await agent.post(f"{API}/actions/{undone['actionId']}/cancel")
    (account,) = gateway.accounts.list(gateway.owner)
    told = await Heard(gateway.events, account).of(EventType.ACTION_UPDATED, count=2)
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    assert [(each.data.action_id, each.data.action_status, each.key_id) for each in told] == [
        (sent["actionId"], "done", key_id),
        (undone["actionId"], "cancelled", key_id),
    ]


async def test_what_is_taken_back_on_the_phone_is_noticed_however_often_the_connection_broke(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, phone: SandboxClient
) -> None:
    action = await undoable(client, to_bob)
    for _ in range(3):
        dc.drop_connections()
        await asyncio.sleep(1.2)
    await phone.connect()
    await phone(functions.messages.DeleteScheduledMessagesRequest("bob_b", [1]))
    assert (await action_of(client, action["actionId"]))["status"] == "cancelled"
