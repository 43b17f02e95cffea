"""What happens between the question and the answer: keys end and are narrowed, names move, time passes, disks fill."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.approving import ALWAYS, KEY, TEXT, approve, ask, decide, lines, of_alice, stands
from tests.api.conftest import API, BASE_URL, transport
from tests.api.test_idempotency import lose_answers, repeated
from tests.api.test_risk import NO_ROOM_BYTES
from tests.disk import files_end_at
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.clock import to_ms
from vasya_server.idempotency.asked import Decision
from vasya_server.model.action import ActionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def asking(with_key: WithKey) -> httpx.AsyncClient:
    return await with_key(**ALWAYS)


async def key_of(agent: httpx.AsyncClient) -> str:
    return f"{API}/agent-keys/{(await agent.get(f'{API}/whoami')).json()['keyId']}"


async def test_a_revoked_keys_actions_are_cancelled(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, dc: DataCentre, log: Path
) -> None:
    action = await ask(asking, to_bob)

    await client.delete(await key_of(asking))
    told = (await client.get(f"{API}/actions/{action['actionId']}")).json()

    assert (told["status"], told["decidedBy"]) == ("cancelled", "system")
    assert_problem(await approve(client, action), 409, "action_state")
    assert dc.requests["messages.SendMessage"] == 0
    assert lines(log, action["actionId"])[-1] == ("decided", "action:cancel", "cancelled")


async def test_a_key_that_ends_itself_takes_its_actions_along(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)

    await asking.delete(f"{API}/agent-keys/self")

    assert await stands(client, action) == "cancelled"


async def test_a_lockdown_cancels_every_action(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)

    await client.post(f"{API}/lockdown")

    assert await stands(client, action) == "cancelled"
    assert_problem(await approve(client, action), 409, "action_state")


async def test_an_erased_accounts_actions_are_gone(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, account: str, to_bob: str, log: Path
) -> None:
    action = await ask(asking, to_bob)

    await client.delete(account)

    assert_problem(await approve(client, action), 403, "access_denied")
    assert lines(log, action["actionId"])[-1] == ("decided", "action:cancel", "cancelled")


async def test_a_key_that_is_replaced_at_once_loses_its_actions(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)

    await client.post(f"{await key_of(asking)}/rotate")

    assert await stands(client, action) == "cancelled"


async def test_what_a_key_asked_is_done_for_the_one_it_was_rotated_into(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        rotated = await client.post(f"{await key_of(agent)}/rotate", json={"graceSecs": 60})
        clock.ahead += timedelta(seconds=61)
        heir = client_of(gateway, rotated.json()["secret"])

        approved = await approve(client, action)
        seen = (await heir.get(f"{API}/actions/{action['actionId']}")).json()
        again = await heir.post(to_bob, json=TEXT, headers=KEY)

        assert approved.json()["status"] == "done"
        assert seen["result"] == approved.json()["result"]
        assert again.json() == seen["result"]
        await agent.aclose()
        await heir.aclose()


@pytest.mark.parametrize(
    ("narrower", "status", "code"),
    [
        ({"scopes": ["messages:read"]}, 403, "scope_required"),
        (
            {"chats": {"read": {"except": [777000]}, "write": {"ids": [777000]}}},
            403,
            "chat_not_allowed",
        ),
    ],
)
async def test_a_key_that_may_not_do_it_any_more_does_not_do_it(
    asking: httpx.AsyncClient,
    client: httpx.AsyncClient,
    to_bob: str,
    dc: DataCentre,
    narrower: dict[str, Any],
    status: int,
    code: str,
) -> None:
    action = await ask(asking, to_bob)
    await client.patch(await key_of(asking), json=narrower)

    refused = await approve(client, action)

    assert_problem(refused, status, code)
    assert await stands(client, action) == "awaiting_approval"
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_gate_that_was_closed_holds_and_the_action_waits_on(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    action = await ask(asking, to_bob)
    await client.patch(account, json={"canSend": False})

    refused = await approve(client, action)
    await client.patch(account, json={"canSend": True})

    assert_problem(refused, 403, "sending_disabled")
    assert (await approve(client, action)).json()["status"] == "done"


async def test_a_name_that_moved_to_somebody_else_is_not_written_to(
    asking: httpx.AsyncClient,
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
) -> None:
    action = await ask(asking, f"{account}/chats/@bob_b/messages")
    scene.world.rename(scene.bob, "old_bob")
    scene.world.rename(scene.carol, "bob_b")

    refused = await approve(client, action)

    assert_problem(refused, 409, "action_stale")
    assert dc.requests["messages.SendMessage"] == 0
    assert await stands(client, action) == "awaiting_approval"


async def test_a_chat_that_shows_another_username_is_not_written_to(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    action = await ask(asking, to_bob)
    scene.world.rename(scene.bob, "bob_the_second")

    assert_problem(await approve(client, action), 409, "action_stale")
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_chat_that_was_renamed_is_written_to(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    action = await ask(asking, to_bob)
    scene.bob.first_name = "Robert"

    assert (await approve(client, action)).json()["status"] == "done"


async def test_a_source_that_means_another_chat_now_is_not_forwarded_from(
    with_key: WithKey, client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    agent = await with_key(approval={"messages:forward": "always"})
    theirs = scene.world.ids(scene.alice, scene.carol)[-1]
    body = {"fromChat": "@carol_c", "messageIds": [theirs]}
    action = await ask(agent, f"{account}/chats/me/messages/forward", json=body)
    scene.world.rename(scene.carol, "old_carol")
    scene.world.rename(scene.bob, "carol_c")

    assert_problem(await approve(client, action), 409, "action_stale")
    assert dc.requests["messages.ForwardMessages"] == 0


async def test_what_telegram_refuses_has_failed_and_says_why(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, account: str
) -> None:
    to_channel = f"{account}/chats/@daily_news/messages"
    action = await ask(asking, to_channel)

    failed = (await approve(client, action)).json()
    again = await asking.post(to_channel, json=TEXT, headers=KEY)

    assert failed["status"] == "failed"
    assert failed["problem"]["code"] == "admin_required"
    assert again.json() == failed["problem"]


@pytest.mark.short_deadlines
@pytest.mark.parametrize("has_happened", [False, True])
@pytest.mark.parametrize("finds_out", ["approval", "request"])
async def test_an_unknown_outcome_is_found_out_by_approving_or_asking_again(
    asking: httpx.AsyncClient,
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    dc: DataCentre,
    *,
    has_happened: bool,
    finds_out: str,
) -> None:
    action = await ask(asking, to_bob)
    if has_happened:
        lose_answers(dc, "messages.SendMessage")
    else:
        dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))

    lost = (await approve(client, action)).json()
    dc.faults.clear()
    if finds_out == "approval":
        found = await repeated(lambda: approve(client, action))
    else:
        found = await repeated(lambda: asking.post(to_bob, json=TEXT, headers=KEY))

    assert lost["status"] == "unknown"
    assert found.status_code == (200 if finds_out == "approval" else 201), found.text
    assert of_alice(scene, scene.bob).count("may I?") == 1
    assert await stands(client, action) == "done"
    assert_problem(await approve(client, action), 409, "action_state")


async def imported(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    """Import Alice's account and return the path of her messages to Bob."""
    body = {"session": dc.mint(scene.alice)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    return f"{API}/accounts/{made.json()['accountId']}/chats/{scene.bob.id}/messages"


def client_of(gateway: Gateway, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL, headers=headers)


async def a_key(gateway: Gateway, client: httpx.AsyncClient, **more: Any) -> httpx.AsyncClient:
    body = {"name": "agent", "preset": "assistant", **ALWAYS, **more}
    made = await client.post(f"{API}/agent-keys", json=body)
    assert made.status_code == 201, made.text
    return client_of(gateway, made.json()["secret"])


async def test_nobody_answers_a_question_whose_time_is_over(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client, approvalTtlSecs=60)
        action = await ask(agent, to_bob)
        clock.ahead += timedelta(seconds=61)

        assert await stands(client, action) == "expired"
        assert_problem(await approve(client, action), 409, "action_state")
        assert_problem(await agent.post(to_bob, json=TEXT, headers=KEY), 409, "action_state")
        await agent.aclose()
    async with serve() as (gateway, client):
        told = (await client.get(f"{API}/actions/{action['actionId']}?wait=5")).json()
        assert (told["status"], told["decidedBy"]) == ("expired", "system")
        log = gateway.settings.data_dir / "audit.log"
        async with asyncio.timeout(5):
            while lines(log, action["actionId"])[-1] != ("decided", "action:expire", "expired"):
                await asyncio.sleep(0.02)
    assert dc.requests["messages.SendMessage"] == 0


@pytest.mark.short_deadlines
async def test_what_was_approved_a_day_after_the_question_is_found_out_as_well(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client, approvalTtlSecs=172_800)
        action = await ask(agent, to_bob)
        clock.ahead += timedelta(hours=30)
        dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
        lost = (await approve(client, action)).json()
        dc.faults.clear()
        found = await repeated(lambda: agent.post(to_bob, json=TEXT, headers=KEY))
        await agent.aclose()
        assert (lost["status"], found.status_code) == ("unknown", 201)
        assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_a_question_does_not_outlive_its_key(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client, ttlSecs=60)
        action = await ask(agent, to_bob)
        clock.ahead += timedelta(seconds=61)

        assert await stands(client, action) == "expired"
        await agent.aclose()


async def test_what_waits_still_waits_after_a_restart(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        secret = agent.headers["authorization"].split()[1]
        await agent.aclose()

    async with serve() as (gateway, client):
        told = (await client.get(f"{API}/actions/{action['actionId']}")).json()
        approved = await approve(client, action)
        async with client_of(gateway, secret) as agent:
            again = await agent.post(to_bob, json=TEXT, headers=KEY)

    assert told == action
    assert approved.json()["status"] == "done"
    assert again.json() == approved.json()["result"]
    assert of_alice(scene, scene.bob).count("may I?") == 1


async def test_rejecting_works_with_a_full_disk_and_is_not_forgotten(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        with files_end_at(NO_ROOM_BYTES):
            rejected = await decide(client, action, "reject")
            at_once = await stands(client, action)
        await agent.aclose()
        assert (rejected.status_code, at_once) == (200, "rejected")
        assert_problem(await approve(client, action), 409, "action_state")
    async with serve() as (_, client):
        assert await stands(client, action) == "rejected"
        assert_problem(await approve(client, action), 409, "action_state")
    assert dc.requests["messages.SendMessage"] == 0


def write(gateway: Gateway, statement: str) -> None:
    with closing(sqlite3.connect(gateway.settings.data_dir / "vasya.db")) as db, db:
        assert db.execute(statement).rowcount >= 1


async def test_a_writer_of_the_database_agrees_to_nothing(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        await agent.aclose()
        write(gateway, "UPDATE claims SET status = 'started' WHERE status = 'awaiting_approval'")
        assert await stands(client, action) == "awaiting_approval"
    async with serve() as (_, client):
        assert (await client.get(f"{API}/actions/{action['actionId']}?wait=1")).json()[
            "status"
        ] == ("awaiting_approval")
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_writer_of_the_database_takes_no_agreement_from_elsewhere(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        agreed = await ask(agent, to_bob)
        await approve(client, agreed)
        action = await ask(agent, to_bob, json={"text": "not this"}, headers={})
        await agent.aclose()
        write(
            gateway,
            "UPDATE actions SET decision = (SELECT decision FROM actions ORDER BY id LIMIT 1)",
        )
        write(gateway, "UPDATE claims SET status = 'started' WHERE status = 'awaiting_approval'")
    async with serve() as (_, client):
        assert await stands(client, action) == "awaiting_approval"
    assert of_alice(scene, scene.bob).count("not this") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE claims SET status = 'unknown' WHERE status = 'awaiting_approval'",
        "UPDATE claims SET status = 'dispatched' WHERE status = 'awaiting_approval'",
        "UPDATE claims SET status = 'unknown', sent_at_ms = created_at_ms",
    ],
)
async def test_a_writer_of_the_database_has_nothing_sent_again_that_was_never_sent(
    serve: Serve, dc: DataCentre, scene: Scene, statement: str
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        write(gateway, statement)
        again = await agent.post(to_bob, json=TEXT, headers=KEY)
        await agent.aclose()
        assert_problem(again, 409, "action_state")
        assert_problem(await approve(client, action), 409, "action_state")
    assert dc.requests["messages.SendMessage"] == 0


async def test_an_end_that_comes_too_late_overwrites_no_decision(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, gateway: Gateway, to_bob: str
) -> None:
    """Whoever listed what waits, and comes to it when it has been agreed to and sent."""
    action = await ask(asking, to_bob)
    stale = await gateway.asked.find(action["actionId"])
    assert stale is not None
    assert (await approve(client, action)).status_code == 200
    late = Decision(ActionStatus.EXPIRED, "system", to_ms(gateway.clock.now()))

    ending = gateway.asked.call_off(stale, late)
    assert ending is not None
    await gateway.db.write(*ending)

    told = (await client.get(f"{API}/actions/{action['actionId']}")).json()
    assert told["status"] == "done"
    assert told["decidedBy"] != "system"


async def test_a_writer_who_takes_the_question_away_has_nothing_sent_either(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        await ask(agent, to_bob)
        write(gateway, "DELETE FROM actions")
        write(gateway, "UPDATE claims SET status = 'unknown' WHERE status = 'awaiting_approval'")
        again = await agent.post(to_bob, json=TEXT, headers=KEY)
        await agent.aclose()
        assert_problem(again, 409, "action_state")
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_question_that_was_changed_is_nobodys(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        agent = await a_key(gateway, client)
        action = await ask(agent, to_bob)
        other = await ask(agent, to_bob, json={"text": "another"}, headers={})
        await agent.aclose()
        write(
            gateway,
            "UPDATE actions SET question = (SELECT question FROM actions ORDER BY id DESC LIMIT 1)",
        )
        assert await stands(client, action) == "expired"
        assert_problem(await approve(client, action), 409, "action_state")
        assert (await approve(client, other)).json()["status"] == "done"


async def test_dropping_a_rule_from_a_key_ends_the_key(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        to_bob = await imported(client, dc, scene)
        free = await a_key(gateway, client, approval={})
        asking = await a_key(gateway, client)
        own = (await key_of(asking)).rpartition("/")[2]
        other = (await key_of(free)).rpartition("/")[2]
        clock.ahead += timedelta(seconds=61)
        write(
            gateway,
            f"UPDATE agent_keys SET sealed = (SELECT sealed FROM agent_keys WHERE key_id = '{other}') "  # noqa: S608 — ids of ours
            f"WHERE key_id = '{own}'",
        )

        assert_problem(await asking.post(to_bob, json=TEXT), 401, "invalid_token")
        for each in (free, asking):
            await each.aclose()
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_long_poll_hears_of_every_change(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)
    path = f"{API}/actions/{action['actionId']}"
    waiting = asyncio.create_task(asking.get(path, params={"wait": 30}))
    await asyncio.sleep(0.1)
    assert not waiting.done()

    await decide(client, action, "reject")

    assert (await asyncio.wait_for(waiting, 20)).json()["status"] == "rejected"
    assert (await asking.get(path, params={"wait": 30})).json()["status"] == "rejected"


async def test_every_change_is_an_event_for_people_and_for_the_key(
    asking: httpx.AsyncClient, agent: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    filters = {"type": "action.updated", "direction": "all"}
    start = (await client.get(f"{API}/events/poll", params=filters)).json()["next"]
    action = await ask(asking, to_bob)
    await approve(client, action)
    second = await ask(asking, to_bob, headers={})
    await decide(asking, second, "cancel")

    async def told(who: httpx.AsyncClient) -> list[tuple[str, str, str]]:
        page = (await who.get(f"{API}/events/poll", params={**filters, "cursor": start})).json()
        found = [item["data"] for item in page["items"]]
        return [(data["actionId"], data["kind"], data["actionStatus"]) for data in found]

    expected = [
        (action["actionId"], "message:send", status)
        for status in ("awaiting_approval", "started", "dispatched", "done")
    ] + [
        (second["actionId"], "message:send", status)
        for status in ("awaiting_approval", "cancelled")
    ]
    assert await told(client) == expected
    assert await told(asking) == expected
    assert await told(agent) == []


async def test_actions_are_listed_newest_first_by_status_and_page_by_page(
    asking: httpx.AsyncClient, agent: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    made = [await ask(asking, to_bob, headers={}) for _ in range(5)]
    await decide(client, made[1], "reject")
    await agent.post(to_bob, json={"text": "at once"})

    async def listed(who: httpx.AsyncClient, **query: Any) -> list[str]:
        found, cursor = [], None
        while True:
            more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
            page = (await who.get(f"{API}/actions", params={**query, **more})).json()
            found += [item["actionId"] for item in page["items"]]
            if (cursor := page.get("next")) is None:
                return found

    newest_first = [action["actionId"] for action in reversed(made)]
    waiting = [action_id for action_id in newest_first if action_id != made[1]["actionId"]]
    assert await listed(client) == newest_first
    assert await listed(client, limit=2) == newest_first
    assert await listed(asking, limit=2) == newest_first
    assert await listed(client, limit=1, status="awaiting_approval") == waiting
    assert await listed(client, status="rejected,expired") == [made[1]["actionId"]]
    assert await listed(agent) == []
    assert_problem(
        await client.get(f"{API}/actions", params={"status": "maybe"}), 422, "validation_failed"
    )
    assert_problem(
        await client.get(f"{API}/actions", params={"cursor": "x"}), 422, "validation_failed"
    )


async def test_what_reads_an_action_shows_what_the_key_may_still_see(
    asking: httpx.AsyncClient, client: httpx.AsyncClient, to_bob: str
) -> None:
    action = await ask(asking, to_bob)
    await client.patch(await key_of(asking), json={"chats": {"write": {"ids": [777000]}}})

    told = (await asking.get(f"{API}/actions/{action['actionId']}")).json()
    (listed,) = (await asking.get(f"{API}/actions")).json()["items"]

    assert "preview" not in told
    assert listed == told
    assert told["status"] == "awaiting_approval"
