"""A whole history over HTTP, line by line: complete, resumable, and over when the key or the client is."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.streaming import SOON_SECS, Stream, streaming
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

LINES = {"Accept": "application/x-ndjson"}
COUNT = 250


@pytest.fixture
def url(account: str, scene: Scene) -> str:
    """Return the list of a chat with many messages."""
    for n in range(COUNT):
        scene.world.post(scene.bob, scene.alice, f"m{n}", at=scene.world.now - 1000 + n)
    return f"{account}/chats/@bob_b/messages"


def parsed(raw: bytes) -> list[dict[str, Any]]:
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


async def read(client: httpx.AsyncClient, url: str, **query: Any) -> list[dict[str, Any]]:
    response = await client.get(url, params=query, headers=LINES)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return parsed(response.content)


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in lines if "line" not in line]


async def test_all_of_it_comes_a_message_on_each_line(client: httpx.AsyncClient, url: str) -> None:
    lines = await read(client, url, q="m")

    assert lines[0] == {"line": "begin", "trust": "untrusted"}
    assert texts(lines)[0] == "m249"
    assert [text for text in texts(lines) if text != "good morning"] == [
        f"m{n}" for n in range(COUNT - 1, -1, -1)
    ]
    assert [line["line"] for line in lines if "line" in line] == [
        "begin",
        "cursor",
        "cursor",
        "end",
    ]
    assert lines[-1] == {"line": "end"}


async def test_it_goes_on_from_any_cursor_and_its_cursors_are_those_of_the_list(
    client: httpx.AsyncClient, url: str
) -> None:
    lines = await read(client, url, order="asc", after=1)
    at = next(n for n, line in enumerate(lines) if line.get("line") == "cursor")

    rest = await read(client, url, order="asc", cursor=lines[at]["next"])
    page = (
        await client.get(url, params={"order": "asc", "cursor": lines[at]["next"], "limit": 3})
    ).json()

    assert len(texts(lines[:at])) == 100
    assert texts(rest) == texts(lines[at:])
    assert [message["text"] for message in page["items"]] == texts(rest)[:3]


async def test_filters_and_bounds_hold_to_the_end(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    ids = scene.world.ids(scene.alice, scene.bob)

    below = await read(client, url, before=ids[-10], type="text")
    named = await read(client, url, ids=f"{ids[-1]},{ids[-2]}")

    assert len(texts(below)) == len(ids) - 10
    assert texts(named) == ["m249", "m248"]
    assert named[-1] == {"line": "end"}


async def test_a_flood_wait_ends_it_with_where_and_when_to_go_on(
    client: httpx.AsyncClient, url: str, dc: DataCentre
) -> None:
    first = (await client.get(url, params={"limit": 1})).json()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.GetHistory", secs=0.0))
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.GetHistory", secs=30))

    lines = await read(client, url)

    assert len(texts(lines)) == 100
    stopped = lines[-1]
    assert stopped["line"] == "stopped"
    assert stopped["code"] == "telegram_flood_wait"
    assert stopped["retryAfterSecs"] == 30
    assert stopped["next"] == lines[-2]["next"]
    assert first["items"][0]["text"] == texts(lines)[0]


async def test_what_is_wrong_from_the_beginning_is_a_problem(
    client: httpx.AsyncClient, account: str, url: str, dc: DataCentre
) -> None:
    await client.get(url)
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.GetHistory", secs=30))

    flooded = await client.get(url, headers=LINES)
    unknown = await client.get(f"{account}/chats/@nobody_x/messages", headers=LINES)

    assert_problem(flooded, 429, "telegram_flood_wait")
    assert_problem(unknown, 404, "chat_not_found")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 5}, "?limit"),
        ({"around": 5}, "?around"),
        ({"view": "compact"}, "?view"),
        ({"cursor": "AAAA"}, "?cursor"),
    ],
)
async def test_how_much_and_in_which_shape_is_not_asked_of_all_of_it(
    client: httpx.AsyncClient, url: str, query: dict[str, Any], pointer: str
) -> None:
    response = await client.get(url, params=query, headers=LINES)

    problem = assert_problem(response, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/csv, application/json"])
async def test_who_does_not_ask_for_lines_gets_a_page(
    client: httpx.AsyncClient, url: str, accept: str
) -> None:
    response = await client.get(url, params={"limit": 1}, headers={"Accept": accept})

    assert response.headers["content-type"] == "application/json"
    assert len(response.json()["items"]) == 1


async def test_lines_are_the_list_s_alone(client: httpx.AsyncClient, account: str) -> None:
    assert_problem(await client.get(f"{account}/chats", headers=LINES), 406, "not_acceptable")


async def until(stream: Stream, text: bytes) -> None:
    async with asyncio.timeout(SOON_SECS):
        while text not in stream.raw:
            await asyncio.sleep(0.01)


@pytest.fixture
def slow(dc: DataCentre, url: str) -> str:
    """Return the list of a chat whose second page takes longer than anything waits for."""
    dc.faults.add(Fault(action=Action.DELAY, request="messages.GetHistory", secs=0.0))
    dc.faults.add(Fault(action=Action.DELAY, request="messages.GetHistory", secs=1.8, times=5))
    return url


async def test_it_ends_with_the_key_and_says_where_it_would_go_on(
    gateway: Gateway, client: httpx.AsyncClient, with_key: Any, slow: str
) -> None:
    key = await with_key(scopes=["messages:read"])
    keys = (await client.get("/api/v1/agent-keys")).json()["items"]

    async with streaming(gateway, key, slow, headers=LINES) as stream:
        await until(stream, b'"line":"cursor"')
        await client.delete(f"/api/v1/agent-keys/{keys[0]['id']}")
        await stream.ended()

    lines = parsed(stream.raw)
    assert len(texts(lines)) == 100
    assert lines[-1] == {"line": "stopped", "next": lines[-2]["next"], "code": "key_revoked"}


async def test_a_client_that_leaves_ends_it(
    gateway: Gateway, client: httpx.AsyncClient, slow: str, dc: DataCentre
) -> None:
    async with streaming(gateway, client, slow, headers=LINES) as stream:
        await until(stream, b'"line":"cursor"')
        asked = dc.requests["messages.GetHistory"]

    assert stream.has_server_left
    assert gateway.streams.count == 0
    await asyncio.sleep(0.1)
    assert dc.requests["messages.GetHistory"] <= asked + 1


async def test_a_key_may_have_so_many_open_at_once(
    gateway: Gateway, with_key: Any, url: str
) -> None:
    key = await with_key(scopes=["messages:read"])
    who = await gateway.keys.authenticate(key.headers["authorization"].split()[1].encode())
    with contextlib.ExitStack() as stack:
        for _ in range(gateway.settings.streams_per_key):
            stack.enter_context(gateway.streams.opened(who))

        assert_problem(await key.get(url, headers=LINES), 429, "too_many_streams")

    assert (await read(key, url))[-1] == {"line": "end"}


async def test_it_is_written_down_that_a_history_left(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, url: str
) -> None:
    await read(agent, url)

    entries = (await client.get("/api/v1/audit", params={"action": "message:export"})).json()

    assert len(entries["items"]) == 1
    entry = entries["items"][0]
    assert entry["actor"]["type"] == "agent_key"
    assert entry["result"]["status"] == "done"
    assert entry["target"]
    assert "bob" not in str(entry).lower()


async def test_a_key_with_a_chat_list_reads_its_own_chats_alone(
    url: str, account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))

    outside = await key.get(f"{account}/chats/{scene.group.peer_id}/messages", headers=LINES)

    assert_problem(outside, 403, "chat_not_allowed")
    assert (await read(key, url))[-1] == {"line": "end"}


async def test_an_agent_is_not_told_what_telegram_wrote(
    agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.post(scene.world.service, scene.alice, "Login code: 12345")

    lines = await read(agent, f"{account}/chats/777000/messages")

    assert lines[1]["redacted"] == "service_notification"
    assert "12345" not in str(lines)
