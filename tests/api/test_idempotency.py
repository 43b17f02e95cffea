"""One key, one intent: what a repeated request is answered, in every state of the first."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from tests.waiting import until_asked
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def texts(scene: Scene) -> list[str]:
    """Return what Bob's box holds from Alice, oldest first."""
    ids = scene.world.ids(scene.bob, scene.alice)
    records = [scene.world.message(scene.bob, scene.alice, each) for each in ids]
    return [r.text for r in records if r is not None and r.author_id == scene.alice.id]


def lose_answers(dc: DataCentre, request: str) -> None:
    """Have the data centre do what it is asked, lose the connection before it can answer, and let nobody in again."""
    dc.faults.add(Fault(action=Action.DROP_AFTER, request=request))
    dc.faults.add(Fault(action=Action.SILENCE, request="users.GetUsers", times=50))


async def repeated(request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Repeat the request while its refusal says that this may help, as a client does."""
    async with asyncio.timeout(20):
        while (answer := await request()).status_code >= 400 and answer.json()["isRetryable"]:
            await asyncio.sleep(0.2)
    return answer


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    async with serve() as served:
        yield served


@pytest.fixture
async def gateway(served: tuple[Gateway, httpx.AsyncClient]) -> Gateway:
    return served[0]


@pytest.fixture
async def client(served: tuple[Gateway, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]


@pytest.fixture
def to_bob(account: str) -> str:
    return f"{account}/chats/@bob_b/messages"


async def test_a_repeated_request_gets_the_stored_answer(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    first = await client.post(to_bob, json={"text": "once"}, headers=KEY)
    dc.reset_counters()
    again = await client.post(to_bob, json={"text": "once"}, headers=KEY)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["idempotency-key"] == KEY["Idempotency-Key"]
    assert (
        again.headers["location"] == first.headers["location"] == f"{to_bob}/{first.json()['id']}"
    )
    assert again.headers["action-id"] == first.headers["action-id"]
    assert "idempotency-replayed" not in first.headers
    assert dc.requests["messages.SendMessage"] == 0
    assert texts(scene).count("once") == 1


async def test_what_says_the_same_in_another_order_is_the_same_request(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    await client.post(to_bob, json={"text": "hi", "isSilent": True}, headers=KEY)
    again = await client.post(to_bob, json={"isSilent": True, "text": "hi"}, headers=KEY)

    assert again.headers["idempotency-replayed"] == "true"


async def test_every_name_of_an_account_and_a_chat_is_the_same_request(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await client.patch(account, json={"alias": "work"})
    paths = [
        f"{account}/chats/@bob_b/messages",
        f"{account}/chats/{scene.bob.id}/messages",
        f"{API}/accounts/me/chats/@BOB_B/messages",
        f"{API}/accounts/work/chats/{scene.bob.id}/messages",
    ]

    answers = [await client.post(path, json={"text": "hi"}, headers=KEY) for path in paths]

    assert len({answer.content for answer in answers}) == 1
    assert [a.headers.get("idempotency-replayed") for a in answers] == [None, *["true"] * 3]
    assert texts(scene).count("hi") == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "{account}/chats/@bob_b/messages", {"text": "second"}),
        ("POST", "{account}/chats/@carol_c/messages", {"text": "first"}),
        ("PATCH", "{account}/chats/@bob_b/messages/1", {"text": "first"}),
        ("POST", "{account}/disconnect", None),
    ],
    ids=["another text", "another chat", "another method", "another route"],
)
async def test_a_key_that_stands_for_another_request_is_refused(
    client: httpx.AsyncClient,
    account: str,
    to_bob: str,
    scene: Scene,
    method: str,
    path: str,
    body: object,
) -> None:
    first = await client.post(to_bob, json={"text": "first"}, headers=KEY)

    reused = await client.request(method, path.format(account=account), json=body, headers=KEY)

    problem = assert_problem(reused, 422, "idempotency_key_reused")
    assert problem["actionId"] == first.headers["action-id"]
    assert problem["isRetryable"] is False
    assert texts(scene)[-1] == "first"


async def test_a_parameter_of_the_query_is_part_of_what_a_request_says(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    sent = (await client.post(to_bob, json={"text": "gone"})).json()
    path = f"{to_bob}/{sent['id']}"
    await client.delete(path, params={"forEveryone": "false"}, headers=KEY)

    reused = await client.delete(path, params={"forEveryone": "true"}, headers=KEY)

    assert_problem(reused, 422, "idempotency_key_reused")


async def test_of_twenty_parallel_requests_with_one_key_one_goes_on(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.3))
    answers = await asyncio.gather(
        *(client.post(to_bob, json={"text": "one"}, headers=KEY) for _ in range(20))
    )
    first = [answer for answer in answers if answer.status_code == 201]
    others = [answer for answer in answers if answer.status_code != 201]

    assert len({answer.json()["id"] for answer in first}) == 1
    assert len([answer for answer in first if "idempotency-replayed" not in answer.headers]) == 1
    for answer in others:
        problem = assert_problem(answer, 409, "idempotency_in_progress")
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["action-id"] == problem["actionId"] == first[0].headers["action-id"]
        assert problem["isRetryable"] is True
    assert len(others) >= 1
    assert dc.requests["messages.SendMessage"] == 1
    assert texts(scene).count("one") == 1


async def test_another_request_with_the_key_of_one_under_way_is_refused(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=1.5))
    await client.get(to_bob)
    slow = asyncio.create_task(client.post(to_bob, json={"text": "slow"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")

    reused = await client.post(to_bob, json={"text": "other"}, headers=KEY)

    assert_problem(reused, 422, "idempotency_key_reused")
    assert (await slow).status_code == 201


async def test_a_refusal_by_telegram_is_stored(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    path = f"{account}/chats/@daily_news/messages"
    refused = await client.post(path, json={"text": "x"}, headers=KEY)
    dc.reset_counters()
    again = await client.post(path, json={"text": "x"}, headers=KEY)

    assert refused.status_code == 403
    assert (again.status_code, again.content) == (403, refused.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotency-replayed"] == "true"
    assert dc.requests["messages.SendMessage"] == 0


async def test_a_flood_wait_leaves_the_key_free(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, scene: Scene
) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.SendMessage", secs=1))

    refused = await client.post(to_bob, json={"text": "later"}, headers=KEY)
    await asyncio.sleep(1.1)
    again = await client.post(to_bob, json={"text": "later"}, headers=KEY)

    assert_problem(refused, 429, "telegram_flood_wait")
    assert again.status_code == 201
    assert again.headers["action-id"] != refused.headers["action-id"]
    assert texts(scene).count("later") == 1


async def test_what_was_never_sent_leaves_the_key_free(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    refused = await client.post(to_bob, json={"text": "x" * 4097, "format": "plain"}, headers=KEY)
    again = await client.post(to_bob, json={"text": "shorter"}, headers=KEY)

    assert_problem(refused, 422, "validation_failed")
    assert again.status_code == 201
    assert texts(scene)[-1] == "shorter"


@pytest.mark.long
async def test_an_unreachable_data_centre_leaves_the_key_free(
    client: httpx.AsyncClient, to_bob: str, account: str, scene: Scene, dc: DataCentre
) -> None:
    port = dc.address[1]
    chat = f"{account}/chats/me/messages"
    await client.get(chat)
    await dc.stop()
    refused = await client.post(chat, json={"text": "up?"}, headers=KEY)
    await dc.start(port=port)
    again = await repeated(lambda: client.post(chat, json={"text": "down?"}, headers=KEY))

    assert refused.status_code in {503, 504}
    assert again.status_code == 201


async def test_access_is_decided_before_an_answer_is_repeated(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    await client.post(to_bob, json={"text": "secret"}, headers=KEY)

    stranger = await client.post(
        to_bob, json={"text": "secret"}, headers={**KEY, "Authorization": "Bearer nobody"}
    )

    assert_problem(stranger, 401, "invalid_token")


async def test_an_answer_is_repeated_through_a_closed_gate(
    client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    first = await client.post(to_bob, json={"text": "before"}, headers=KEY)
    await client.patch(account, json={"canSend": False})

    again = await client.post(to_bob, json={"text": "before"}, headers=KEY)

    assert again.content == first.content
    assert_problem(await client.post(to_bob, json={"text": "after"}), 403, "sending_disabled")


async def test_answers_outlast_a_restart(serve: Serve, scene: Scene, dc: DataCentre) -> None:
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=body)).json()
        path = f"{API}/accounts/{account['accountId']}/chats/@bob_b/messages"
        first = await client.post(path, json={"text": "kept"}, headers=KEY)
    async with serve() as (_, client):
        again = await client.post(path, json={"text": "kept"}, headers=KEY)

    assert (again.status_code, again.content) == (201, first.content)
    assert texts(scene).count("kept") == 1


async def test_a_key_is_stale_when_its_answer_is_gone(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, clock: MovableClock
) -> None:
    first = await client.post(to_bob, json={"text": "yesterday"}, headers=KEY)
    clock.ahead = timedelta(hours=24, seconds=1)

    for _ in range(2):
        late = await client.post(to_bob, json={"text": "yesterday"}, headers=KEY)
        problem = assert_problem(late, 409, "idempotency_key_stale")
        assert problem["messageId"] == first.json()["id"]
        assert problem["isRetryable"] is False
    assert texts(scene).count("yesterday") == 1


async def test_a_key_is_stale_even_where_its_message_was_deleted(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, clock: MovableClock
) -> None:
    first = (await client.post(to_bob, json={"text": "fleeting"}, headers=KEY)).json()
    await client.delete(f"{to_bob}/{first['id']}", params={"forEveryone": "true"})
    clock.ahead = timedelta(hours=24, seconds=1)

    late = await client.post(to_bob, json={"text": "fleeting"}, headers=KEY)

    assert assert_problem(late, 409, "idempotency_key_stale")["messageId"] == first["id"]
    assert "fleeting" not in texts(scene)


async def test_an_answer_is_kept_for_a_day(
    client: httpx.AsyncClient, to_bob: str, clock: MovableClock
) -> None:
    await client.post(to_bob, json={"text": "today"}, headers=KEY)
    clock.ahead = timedelta(hours=23, minutes=59)

    again = await client.post(to_bob, json={"text": "today"}, headers=KEY)

    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.short_deadlines
async def test_an_unknown_outcome_is_found_out_by_the_same_request(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))

    lost = await client.post(to_bob, json={"text": "hello?"}, headers=KEY)
    found = await client.post(to_bob, json={"text": "hello?"}, headers=KEY)

    problem = assert_problem(lost, 409, "outcome_unknown")
    assert (problem["isRetryable"], lost.headers["retry-after"]) == (True, "5")
    assert found.status_code == 201
    assert found.headers["action-id"] == lost.headers["action-id"]
    assert texts(scene).count("hello?") == 1


@pytest.mark.long
async def test_a_message_that_arrived_without_an_answer_is_not_sent_again(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path = f"{account}/chats/{scene.bob.id}/messages"
    await client.get(path)
    lose_answers(dc, "messages.SendMessage")
    lost = await client.post(path, json={"text": "there"}, headers=KEY)
    assert texts(scene).count("there") == 1
    dc.faults.clear()

    found = await repeated(lambda: client.post(path, json={"text": "there"}, headers=KEY))

    assert_problem(lost, 409, "outcome_unknown")
    assert found.status_code == 201
    assert texts(scene).count("there") == 1


@pytest.mark.long
async def test_a_message_that_was_deleted_before_its_outcome_was_found_out_is_stale(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path = f"{account}/chats/{scene.bob.id}/messages"
    await client.get(path)
    lose_answers(dc, "messages.SendMessage")
    lost = await client.post(path, json={"text": "gone"}, headers=KEY)
    dc.faults.clear()
    page = await repeated(lambda: client.get(path, params={"limit": 1}))
    message_id = page.json()["items"][0]["id"]
    await repeated(lambda: client.delete(f"{path}/{message_id}", params={"forEveryone": "true"}))

    found = [
        await repeated(lambda: client.post(path, json={"text": "gone"}, headers=KEY))
        for _ in range(2)
    ]

    assert_problem(lost, 409, "outcome_unknown")
    for answer in found:
        assert answer.status_code == 409
        assert answer.json()["code"] == "idempotency_key_stale"
        assert answer.json()["messageId"] == message_id
    action = (await client.get(f"{API}/actions/{lost.headers['action-id']}")).json()
    assert action["status"] == "done"


@pytest.mark.short_deadlines
async def test_a_change_has_one_deadline_from_its_beginning(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="users.GetUsers", secs=1.5))
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage"))
    started = time.monotonic()

    lost = await client.post(to_bob, json={"text": "slow"}, headers=KEY)

    assert_problem(lost, 409, "outcome_unknown")
    assert time.monotonic() - started < 4.4


@pytest.mark.short_deadlines
async def test_without_a_key_an_unknown_outcome_is_not_to_be_repeated(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))

    lost = await client.post(to_bob, json={"text": "no key"})

    problem = assert_problem(lost, 409, "outcome_unknown")
    assert problem["isRetryable"] is False
    assert "Look at the chat" in problem["remedy"]
    assert "retry-after" not in lost.headers


@pytest.mark.short_deadlines
async def test_beyond_a_day_an_unknown_outcome_stays_unknown(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
    await client.post(to_bob, json={"text": "long ago"}, headers=KEY)
    clock.ahead = timedelta(hours=25)

    late = await client.post(to_bob, json={"text": "long ago"}, headers=KEY)

    problem = assert_problem(late, 409, "outcome_unknown")
    assert problem["isRetryable"] is False
    assert "Look at the chat" in problem["remedy"]
    assert "long ago" not in texts(scene)


@pytest.mark.short_deadlines
async def test_a_gate_that_was_closed_meanwhile_holds_for_an_unknown_outcome(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=2))
    await client.post(to_bob, json={"text": "stop"}, headers=KEY)
    await client.patch(account, json={"canSend": False})

    refused = await client.post(to_bob, json={"text": "stop"}, headers=KEY)
    await client.patch(account, json={"canSend": True})
    found = await client.post(to_bob, json={"text": "stop"}, headers=KEY)

    assert_problem(refused, 403, "sending_disabled")
    assert found.status_code == 201
    assert texts(scene).count("stop") == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "request_name"),
    [("PATCH", "messages.EditMessage"), ("DELETE", "messages.DeleteMessages")],
)
async def test_a_change_without_a_random_id_is_found_done(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    method: str,
    request_name: str,
) -> None:
    chat = f"{account}/chats/{scene.bob.id}/messages"
    sent = (await client.post(chat, json={"text": "old"})).json()
    path = f"{chat}/{sent['id']}"
    lose_answers(dc, request_name)
    body = {"text": "new"} if method == "PATCH" else None
    query = {"forEveryone": "true"} if method == "DELETE" else None

    lost = await client.request(method, path, json=body, params=query, headers=KEY)
    dc.faults.clear()
    found = await repeated(
        lambda: client.request(method, path, json=body, params=query, headers=KEY)
    )

    assert_problem(lost, 409, "outcome_unknown")
    assert found.status_code == (200 if method == "PATCH" else 204)


async def test_a_client_that_goes_away_does_not_stop_what_has_begun(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    await client.get(to_bob)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.3))
    leaving = asyncio.create_task(client.post(to_bob, json={"text": "bye"}, headers=KEY))
    await until_asked(dc, "messages.SendMessage")
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    dc.reset_counters()

    again = await repeated(lambda: client.post(to_bob, json={"text": "bye"}, headers=KEY))

    assert again.headers["idempotency-replayed"] == "true"
    assert dc.requests["messages.SendMessage"] == 0
    assert texts(scene).count("bye") == 1


async def test_a_local_change_is_answered_once_too(client: httpx.AsyncClient, account: str) -> None:
    first = await client.patch(account, json={"alias": "work"}, headers=KEY)
    await client.patch(account, json={"alias": "home"})

    again = await client.patch(account, json={"alias": "work"}, headers=KEY)

    assert again.content == first.content
    assert (await client.get(account)).json()["alias"] == "home"


async def test_nothing_that_was_said_is_stored_in_clear(
    client: httpx.AsyncClient, to_bob: str, gateway: Gateway
) -> None:
    await client.post(to_bob, json={"text": "unmistakable words"}, headers=KEY)
    files = [p for p in gateway.settings.data_dir.iterdir() if p.is_file()]
    stored = b"".join(path.read_bytes() for path in files)

    assert b"act_" in stored
    for clear in (b"unmistakable", b"bob_b", KEY["Idempotency-Key"].encode()):
        assert clear not in stored
