"""GET /events/poll: page by page, at once or when something comes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.streaming import POLL, append, happening, message, streaming, texts_of
from tests.problems import assert_problem
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from vasya_server.gateway import Gateway


async def page_of(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    response = await client.get(POLL, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def start_of(gateway: Gateway) -> str:
    return gateway.events.cursor(gateway.owner, 0)


async def waiting(client: httpx.AsyncClient, **query: Any) -> asyncio.Task[dict[str, Any]]:
    """Return a poll that has begun to wait."""
    poll = asyncio.create_task(page_of(client, **query))
    await asyncio.sleep(0.2)
    assert not poll.done()
    return poll


@pytest.mark.parametrize("query", [{}, {"cursor": "latest"}])
async def test_without_a_cursor_it_begins_now_and_next_goes_on(
    gateway: Gateway, client: httpx.AsyncClient, account: str, query: dict[str, str]
) -> None:
    await append(gateway, account, message("before"))

    first = await page_of(client, **query)
    await append(gateway, account, message("after"))
    second = await page_of(client, cursor=first["next"])
    third = await page_of(client, cursor=second["next"])

    assert (first["items"], texts_of(second), third["items"]) == ([], ["after"], [])


async def test_pages_are_as_long_as_asked_for_and_miss_nothing(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(gateway, account, *[message(str(n), is_outgoing=n % 3 == 0) for n in range(300)])
    cursor, found = start_of(gateway), []
    while True:
        page = await page_of(client, cursor=cursor, limit=70)
        found += texts_of(page)
        assert len(page["items"]) <= 70
        if not page["items"]:
            break
        cursor = page["next"]

    assert found == [str(n) for n in range(300) if n % 3]


async def test_an_item_is_what_the_stream_tells(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        await append(gateway, account, message("hello"))
        event = await stream.event()
    body = (await client.get(POLL, params={"cursor": start_of(gateway)})).content

    data = stream.raw.partition(b"\ndata: ")[2].partition(b"\n")[0]
    assert body.startswith(b'{"items":[' + data + b'],"next":"')
    assert texts_of(await page_of(client, cursor=event["id"])) == []


async def test_it_waits_for_the_first_event_and_no_longer(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poll = await waiting(client, wait=30, type="message.new")
    await append(gateway, account, message("mine", is_outgoing=True))
    await asyncio.sleep(0.1)
    assert not poll.done()
    await append(gateway, account, message("hello"))

    assert texts_of(await asyncio.wait_for(poll, 20)) == ["hello"]


async def test_where_nothing_comes_it_answers_in_time_with_where_to_go_on(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poll = await waiting(client, wait=1, type="gap")
    await append(gateway, account, message("unwanted"))
    reached = gateway.events.now
    page = await asyncio.wait_for(poll, 20)

    assert page["items"] == []
    assert gateway.events.position(gateway.owner, page["next"]) >= reached


async def test_a_burst_is_answered_when_its_chat_is_quiet(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poll = await waiting(client, wait=30, debounceSecs=2, type="message.new")
    await append(gateway, account, message("one"))
    await asyncio.sleep(1.1)
    await append(gateway, account, message("two"))
    await asyncio.sleep(1.1)
    await append(gateway, account, message("elsewhere", 8))
    assert not poll.done()

    assert texts_of(await asyncio.wait_for(poll, 1.8)) == ["one", "two", "elsewhere"]


async def test_a_burst_that_does_not_end_is_answered_when_the_wait_is_over(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    begun = time.monotonic()
    poll = await waiting(client, wait=1, debounceSecs=60, type="message.new")
    await append(gateway, account, message("one"))
    page = await asyncio.wait_for(poll, 20)

    assert texts_of(page) == ["one"]
    assert 0.9 < time.monotonic() - begun < 20


async def test_a_full_page_is_answered_at_once(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poll = await waiting(client, wait=30, debounceSecs=60, limit=2, type="message.new")
    await append(gateway, account, message("one"), message("two"), message("three"))
    page = await asyncio.wait_for(poll, 20)

    assert texts_of(page) == ["one", "two"]
    assert texts_of(await page_of(client, cursor=page["next"])) == ["three"]


async def test_a_cursor_from_before_what_is_kept_is_gone_and_the_oldest_is_named(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(gateway, account, message("old"))
    await gateway.events.forget(gateway.owner, 2**62)
    await append(gateway, account, message("new"))

    refused = await client.get(POLL, params={"cursor": start_of(gateway)})

    oldest = assert_problem(refused, 410, "cursor_expired")["oldestCursor"]
    assert texts_of(await page_of(client, cursor=oldest)) == ["new"]


async def test_a_cursor_that_is_none_or_another_owners_is_refused(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    other: Any = "own_" + "z" * 26
    chats = gateway.cursors.write(gateway.owner, "", "list_chats", 0)
    for cursor in (gateway.events.cursor(other, 0), chats, "nonsense"):
        refused = await client.get(POLL, params={"cursor": cursor})
        [fault] = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == ("?cursor", "invalid")


@pytest.mark.parametrize(
    ("name", "value"),
    [("wait", 301), ("wait", -1), ("limit", 0), ("limit", 201), ("debounceSecs", 61)],
)
async def test_what_is_out_of_range_is_refused(
    client: httpx.AsyncClient, name: str, value: int
) -> None:
    refused = await client.get(POLL, params={name: value})
    [fault] = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == (f"?{name}", "out_of_range")


async def test_a_poll_ends_with_its_key_and_answers_what_it_has(
    gateway: Gateway, client: httpx.AsyncClient, account: str, with_key: Callable[..., Any]
) -> None:
    key = await with_key()
    poll = await waiting(key, wait=60, debounceSecs=60, type="message.new")
    await append(gateway, account, message("one"))
    await client.delete(f"/api/v1/agent-keys/{key.headers['Authorization'].split('_')[1]}")

    assert texts_of(await asyncio.wait_for(poll, 20)) == ["one"]
    assert_problem(await key.get(POLL), 401, "key_revoked")


async def test_a_poll_answers_what_it_has_when_the_server_stops(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poll = await waiting(client, wait=60, debounceSecs=60, type="message.new,gap")
    await append(gateway, account, message("one"), happening(EventType.GAP))
    await asyncio.sleep(0.1)
    gateway.streams.stop()

    page = await asyncio.wait_for(poll, 20)
    assert [event["type"] for event in page["items"]] == ["message.new", "gap"]
    assert (await page_of(client, wait=60))["items"] == []
