"""`scheduleAt`: Telegram sends it later, everything that guards a send guards it too, and nothing of it happens twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.test_undo import action_of, come_due, texts, waiting
from tests.problems import assert_problem
from vasya_sandbox import scheduling
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.outbox import Waiting

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre


def ahead(**how_far: float) -> str:
    return (datetime.now(UTC) + timedelta(**how_far)).isoformat()


async def test_a_scheduled_message_waits_at_telegram_and_the_answer_is_an_action(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    at = datetime.now(UTC).replace(microsecond=700_000) + timedelta(days=200)

    response = await client.post(
        to_bob,
        json={"text": "**later**", "scheduleAt": at.astimezone().isoformat(), "isSilent": True},
    )

    assert response.status_code == 202, response.text
    action = response.json()
    assert (action["status"], action["kind"], action["scheduledId"]) == (
        "scheduled",
        "message:send",
        1,
    )
    assert datetime.fromisoformat(action["sendsAt"]) == at.replace(microsecond=0)
    assert action["preview"]["request"] == {"scheduleAt": f"{at:%Y-%m-%dT%H:%M:%S}.700000Z"}
    (one,) = waiting(scene)
    assert (one.draft.text, one.draft.at, one.draft.is_silent) == (
        "later",
        int(at.timestamp()),
        True,
    )
    assert "later" not in texts(scene)


async def test_its_end_is_told_by_the_action_and_the_event_names_the_scheduled_id(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    said = {"text": "later", "scheduleAt": ahead(hours=1)}
    action = (await client.post(to_bob, json=said)).json()
    start = (await client.get(f"{API}/events/poll")).json()["next"]

    (sent_id,) = come_due(dc, scene).values()

    done = await action_of(client, action["actionId"])
    assert (done["status"], done["result"]["id"]) == ("done", sent_id)
    params: dict[str, Any] = {
        "cursor": start,
        "direction": "all",
        "type": "message.new",
        "wait": 5,
    }
    (event,) = (await client.get(f"{API}/events/poll", params=params)).json()["items"]
    assert (event["data"]["scheduledId"], event["data"]["message"]["id"]) == (1, sent_id)


async def test_cancelling_the_action_takes_it_back_and_afterwards_it_is_too_late(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    said = {"text": "never", "scheduleAt": ahead(hours=1)}
    action = (await client.post(to_bob, json=said)).json()
    told = await client.post(f"{API}/actions/{action['actionId']}/cancel")
    assert (told.status_code, told.json()["status"], waiting(scene)) == (200, "cancelled", [])

    late = (await client.post(to_bob, json=said)).json()
    come_due(dc, scene)
    assert_problem(
        await client.post(f"{API}/actions/{late['actionId']}/cancel"), 409, "undo_expired"
    )


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (lambda: ahead(seconds=30), "too_soon"),
        (lambda: ahead(hours=-1), "too_soon"),
        (lambda: ahead(days=366), "too_late"),
        (lambda: "2031-01-01T10:00:00", "wrong_form"),
        (lambda: "tomorrow", "wrong_form"),
    ],
)
async def test_a_moment_that_cannot_be_is_refused(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, at: Any, code: str
) -> None:
    refused = await client.post(to_bob, json={"text": "x", "scheduleAt": at()})

    problem = assert_problem(refused, 422, "validation_failed")
    (error,) = problem["errors"]
    assert error["pointer"] == "/scheduleAt"
    if code != "wrong_form":
        assert error["code"] == code
    assert waiting(scene) == []


async def test_a_year_and_a_minute_are_both_in_reach(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    for at in (ahead(seconds=60), ahead(days=364, hours=23)):
        answered = await client.post(to_bob, json={"text": "x", "scheduleAt": at})
        assert answered.status_code == 202, answered.text
    assert len(waiting(scene)) == 2


async def test_of_schedule_and_undo_window_the_later_holds(
    with_key: Any, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(undoSecs=3600)

    soon = await agent.post(to_bob, json={"text": "soon", "scheduleAt": ahead(minutes=5)})
    late = await agent.post(to_bob, json={"text": "late", "scheduleAt": ahead(hours=5)})

    assert (soon.status_code, late.status_code) == (202, 202)
    now = datetime.now(UTC)
    hours = [
        round((datetime.fromisoformat(each.json()["sendsAt"]) - now).total_seconds() / 3600)
        for each in (soon, late)
    ]
    assert hours == [1, 5]


async def test_forwards_are_scheduled_and_answered_as_a_list(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    post = scene.world.post(scene.carol, scene.alice, "pass it on").message.copies[scene.alice.id]
    said = {"fromChat": "@carol_c", "messageIds": [post], "scheduleAt": ahead(hours=1)}

    action = await client.post(f"{to_bob}/forward", json=said)

    assert (action.status_code, "pass it on" in texts(scene)) == (202, False)
    come_due(dc, scene)
    done = await action_of(client, action.json()["actionId"])
    assert [each["text"] for each in done["result"]["items"]] == ["pass it on"]
    assert texts(scene)[-1] == "pass it on"
    too_soon = await client.post(f"{to_bob}/forward", json={**said, "scheduleAt": ahead()})
    assert_problem(too_soon, 422, "validation_failed")


async def test_it_is_counted_when_it_is_asked_for(with_key: Any, to_bob: str, scene: Scene) -> None:
    agent = await with_key(budgets={"sendsPerDay": 1})

    first = await agent.post(to_bob, json={"text": "one", "scheduleAt": ahead(hours=30)})
    second = await agent.post(to_bob, json={"text": "two", "scheduleAt": ahead(hours=30)})

    assert first.status_code == 202
    assert_problem(second, 429, "budget_exhausted")
    assert [each.draft.text for each in waiting(scene)] == ["one"]


async def test_a_human_is_asked_first_and_then_it_waits(
    with_key: Any, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(approval={"messages:send": "always"})
    asked = await agent.post(to_bob, json={"text": "may I", "scheduleAt": ahead(hours=3)})
    assert (asked.status_code, asked.json()["status"]) == (202, "awaiting_approval")
    assert "scheduleAt" in asked.json()["preview"]["request"]
    assert waiting(scene) == []

    action, digest = asked.json()["actionId"], asked.json()["digest"]
    approved = await client.post(f"{API}/actions/{action}/approve", json={"digest": digest})

    assert (approved.status_code, approved.json()["status"]) == (200, "scheduled")
    assert [each.draft.text for each in waiting(scene)] == ["may I"]
    assert (await agent.post(f"{API}/actions/{action}/cancel")).json()["status"] == "cancelled"
    assert waiting(scene) == []


async def test_what_is_agreed_to_after_its_time_is_not_sent(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    async with serve() as (_, client):
        imported = await client.post(
            f"{API}/telegram/login/session", json={"session": dc.mint(scene.alice)}
        )
        account = f"{API}/accounts/{imported.json()['accountId']}"
        key = {
            "name": "a",
            "scopes": ["messages:send"],
            "approval": {"messages:send": "always"},
        }
        secret = (await client.post(f"{API}/agent-keys", json=key)).json()["secret"]
        said = {"text": "happy new year", "scheduleAt": ahead(minutes=5)}
        asked = await client.post(
            f"{account}/chats/@bob_b/messages",
            json=said,
            headers={"Authorization": f"Bearer {secret}"},
        )
        clock.ahead = timedelta(minutes=10)

        approved = await client.post(
            f"{API}/actions/{asked.json()['actionId']}/approve",
            json={"digest": asked.json()["digest"]},
        )

        told = (await client.get(f"{API}/actions/{asked.json()['actionId']}")).json()
    assert (approved.status_code, told["status"]) == (200, "aborted")
    assert told["problem"]["errors"][0]["code"] == "too_soon"
    assert "happy new year" not in texts(scene)


async def test_the_same_request_makes_one_message_and_learns_its_end(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"text": "once", "scheduleAt": ahead(hours=1)}
    first = await client.post(to_bob, json=body, headers=headers)
    again = await client.post(to_bob, json=body, headers=headers)
    assert (first.status_code, again.json(), len(waiting(scene))) == (202, first.json(), 1)

    (sent_id,) = come_due(dc, scene).values()
    await action_of(client, first.json()["actionId"])

    final = await client.post(to_bob, json=body, headers=headers)
    assert (final.status_code, final.json()["id"]) == (201, sent_id)
    assert texts(scene).count("once") == 1


@pytest.mark.short_deadlines
async def test_what_got_no_answer_is_found_waiting_and_is_not_sent_twice(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"text": "once", "scheduleAt": ahead(hours=1)}
    lost = Fault(action=Action.SILENCE, request="messages.SendMessage", times=1)
    dc.faults.add(lost)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=1))
    await client.post(to_bob, json=body, headers=headers)

    async with asyncio.timeout(10):
        while (again := await client.post(to_bob, json=body, headers=headers)).status_code != 202:
            await asyncio.sleep(0.1)

    assert again.json()["status"] == "scheduled"
    assert len(waiting(scene)) == 1


async def test_more_than_telegram_lets_wait_in_a_chat_is_a_conflict(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    box = scheduling.outbox(scene.world, scene.alice)
    first = await client.post(to_bob, json={"text": "x", "scheduleAt": ahead(hours=1)})
    assert first.status_code == 202
    (one,) = box.waiting.values()
    for number in range(100, 100 + scheduling.MAX_WAITING - 1):
        box.waiting[number] = Waiting(number, number, one.draft)

    refused = await client.post(to_bob, json={"text": "y", "scheduleAt": ahead(hours=1)})

    assert_problem(refused, 409, "too_many_scheduled")


async def test_a_dry_run_schedules_nothing(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    told = await client.post(
        f"{to_bob}?dryRun=true", json={"text": "x", "scheduleAt": ahead(hours=1)}
    )

    assert (told.status_code, told.json()["wouldExecute"]) == (200, True)
    assert waiting(scene) == []
