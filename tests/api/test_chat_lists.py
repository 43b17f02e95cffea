"""Keys with chat lists over HTTP: one 403 for what is outside and what is not there, on every route that names a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.changes import all_changes
from tests.api.conftest import followed
from tests.api.walking import NAMED, UNLIMITED, bodies, queries
from tests.problems import assert_problem
from vasya_server.api.routes import OPERATIONS, Kind, Operation
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World

NOWHERE = -1_004_242_424_242
SEND = {"text": "hello"}
NAMING_A_CHAT = [operation for operation in OPERATIONS if "{chat}" in operation.path]


def only(*chat_ids: int) -> ChatRule:
    return ChatRule(ids=frozenset(chat_ids))


async def call(
    client: httpx.AsyncClient, operation: Operation, account: str, chat: object
) -> httpx.Response:
    base, _, account_id = account.rpartition("/accounts/")
    path = operation.path.format(**NAMED | {"account": account_id, "chat": chat})
    query = queries(operation, "words")[0]
    return await client.request(
        operation.method,
        f"{base}{path}?{query}" if query else base + path,
        json=bodies(operation, "@bob_b", 1)[0] if operation.body else None,
    )


def sent_by_changes(scene: Scene) -> set[str]:
    """Return the methods that change something at Telegram."""
    return {sent for change in all_changes(scene).values() for sent in change.sends}


def said(response: httpx.Response) -> dict[str, Any]:
    """Return the problem without what is never the same twice."""
    problem = assert_problem(response, 403, "chat_not_allowed")
    ids = ("requestId", "instance", "actionId")
    return {name: value for name, value in problem.items() if name not in ids}


@pytest.mark.parametrize("operation", NAMING_A_CHAT, ids=lambda operation: operation.name)
async def test_a_chat_outside_and_one_that_is_not_there_are_the_same_refusal(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    acting: Acting,
    dc: DataCentre,
    operation: Operation,
) -> None:
    await client.get(f"{account}/chats")
    await followed(dc)
    dc.reset_counters()
    key = await acting(only(scene.bob.id))

    refusals = [
        said(await call(key, operation, account, chat))
        for chat in (scene.group.peer_id, scene.supergroup.peer_id, NOWHERE, "me", 424242)
    ]
    assert dc.requests == {}
    refusals += [
        said(await call(key, operation, account, chat))
        for chat in ("@garden_club", "@nobody_at_all", "+99966210003", "+99966219999")
    ]

    assert all(refusal == refusals[0] for refusal in refusals)
    assert refusals[0]["detail"] == "This credential does not reach that chat for this."
    assert not {*dc.requests} & sent_by_changes(scene)


@pytest.mark.parametrize(
    "operation",
    [operation for operation in NAMING_A_CHAT if operation.kind is Kind.TELEGRAM],
    ids=lambda operation: operation.name,
)
async def test_whatever_changes_something_needs_the_chat_among_those_to_write_to(
    account: str, scene: Scene, acting: Acting, dc: DataCentre, operation: Operation
) -> None:
    key = await acting(only(scene.bob.id, scene.group.peer_id), only(scene.group.peer_id))

    said(await call(key, operation, account, "@bob_b"))

    assert not {*dc.requests} & sent_by_changes(scene)


async def test_a_title_is_not_found_and_its_candidates_are_chats_within_reach(
    account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(only(scene.group.peer_id))

    inside = await key.get(f"{account}/chats/lunch")
    outside = await key.get(f"{account}/chats/garden")

    [candidate] = assert_problem(inside, 404, "chat_not_found")["candidates"]
    assert candidate["id"] == scene.group.peer_id
    assert "candidates" not in assert_problem(outside, 404, "chat_not_found")


async def test_the_list_and_the_search_hold_what_is_within_reach(
    account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(only(scene.bob.id, scene.supergroup.peer_id))

    first = (await key.get(f"{account}/chats", params={"limit": 1})).json()
    second = (
        await key.get(f"{account}/chats", params={"limit": 1, "cursor": first["next"]})
    ).json()
    found = (await key.get(f"{account}/resolve", params={"q": "garden", "public": "true"})).json()

    assert {first["items"][0]["id"], second["items"][0]["id"]} == {
        scene.bob.id,
        scene.supergroup.peer_id,
    }
    assert "next" not in second
    assert [each["id"] for each in found["candidates"]] == [scene.supergroup.peer_id]
    said(await key.get(f"{account}/resolve", params={"q": "https://t.me/daily_news"}))


async def test_a_replay_after_narrowing_is_refused_and_after_widening_it_is_the_answer(
    account: str, scene: Scene, acting: Acting
) -> None:
    wide, narrow = await acting(only(scene.bob.id)), await acting(only(scene.carol.id))
    headers = {"Idempotency-Key": "once"}
    path = f"{account}/chats/{scene.bob.id}/messages"

    first = await wide.post(path, json=SEND, headers=headers)
    said(await narrow.post(path, json=SEND, headers=headers))
    again = await wide.post(path, json=SEND, headers=headers)

    assert first.status_code == again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.fixture
def post(scene: Scene, world: World) -> int:
    """Return the id of a message in the supergroup."""
    return world.post(scene.bob, scene.supergroup, "roses").message.copies[scene.supergroup.peer_id]


@pytest.fixture
def world(scene: Scene) -> World:
    return scene.world


def forwarding(scene: Scene, post: int) -> dict[str, Any]:
    return {"fromChat": "@garden_club", "messageIds": [post]}


async def test_forwarding_reads_at_the_source_and_writes_at_the_destination(
    account: str, scene: Scene, acting: Acting, post: int
) -> None:
    source, destination = scene.supergroup.peer_id, scene.bob.id
    path, body = f"{account}/chats/{destination}/messages/forward", forwarding(scene, post)

    for read, write in (
        (only(destination), only(destination)),
        (only(source), only(source)),
        (only(destination), only(source)),
    ):
        said(await (await acting(read, write)).post(path, json=body))
    made = await (await acting(only(source), only(destination))).post(path, json=body)

    assert made.status_code == 201, made.text
    assert made.json()["items"][0]["text"] == "roses"


async def test_a_forward_is_not_replayed_once_its_source_is_out_of_reach(
    account: str, scene: Scene, acting: Acting, post: int, client: httpx.AsyncClient
) -> None:
    source, destination = scene.supergroup.peer_id, scene.bob.id
    path, body = f"{account}/chats/{destination}/messages/forward", forwarding(scene, post)
    headers = {"Idempotency-Key": "once"}
    key = await acting(only(source), only(destination))
    made = await key.post(path, json=body, headers=headers)
    assert made.status_code == 201
    key_id = key.headers["Authorization"].split("_")[1]

    chats = {"read": {"ids": [destination]}}
    narrowed = await client.patch(f"/api/v1/agent-keys/{key_id}", json={"chats": chats})

    assert narrowed.status_code == 200
    said(await key.post(path, json=body, headers=headers))


async def test_a_source_that_is_not_there_is_the_same_refusal(
    account: str, scene: Scene, acting: Acting, post: int
) -> None:
    key = await acting(only(scene.bob.id))
    path = f"{account}/chats/{scene.bob.id}/messages/forward"

    refusals = [
        said(await key.post(path, json={"fromChat": chat, "messageIds": [post]}))
        for chat in ("@garden_club", "@nobody_at_all", str(NOWHERE), "me")
    ]

    assert all(refusal == refusals[0] for refusal in refusals)
