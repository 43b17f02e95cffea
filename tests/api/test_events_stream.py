"""GET /events: what happens, as Server-Sent Events, from any position on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.streaming import EVENTS, SOON_SECS, append, followed, message, streaming
from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"VASYA_STREAM_HEARTBEAT_SECS": "1", "VASYA_STREAM_STUCK_SECS": "1"}


async def test_an_event_is_told_when_it_happens_with_its_id_and_type(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(gateway, account, message("before"))
    async with streaming(gateway, client) as stream:
        await append(gateway, account, message("hello", is_outgoing=False))
        event = await stream.event()

    assert stream.status == 200
    assert event == {
        "id": event["id"],
        "seq": 2,
        "type": "message.new",
        "accountId": account.rpartition("/")[2],
        "at": "2026-03-01T12:00:00Z",
        "chat": {"id": 7, "type": "user", "title": "Ann"},
        "data": {
            "message": {"id": 1, "at": "2026-03-01T12:00:00Z", "from": 7, "text": "hello"},
            "people": {"7": "Ann"},
        },
        "trust": "untrusted",
    }


async def test_it_begins_at_once_with_headers_that_no_proxy_keeps_it_back_for(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    async with streaming(gateway, client) as stream:
        begun = stream.raw

    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-accel-buffering"] == "no"
    assert stream.headers["x-content-type-options"] == "nosniff"
    assert stream.headers["x-request-id"].startswith("req_")
    assert begun.startswith(b"retry: 2000\n: here\nid: ")
    assert begun.endswith(b"\n\n")


async def test_a_client_that_dies_before_its_first_event_goes_on_where_it_began(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        begun = stream.raw.partition(b"\nid: ")[2].strip().decode()
    await append(gateway, account, message("meanwhile"))

    async with streaming(gateway, client, headers={"Last-Event-ID": begun}) as stream:
        assert await stream.texts(1) == ["meanwhile"]


async def test_what_was_missed_is_told_again_across_a_restart(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        made = await client.post(f"{API}/telegram/login/session", json=body)
        account = made.json()["accountId"]
        async with streaming(gateway, client) as stream:
            await append(gateway, account, message("one"), message("two"), message("three"))
            last = (await stream.event())["id"]

    async with serve() as (gateway, client):
        await append(gateway, account, message("four"))
        async with streaming(gateway, client, chat=7, headers={"Last-Event-ID": last}) as stream:
            assert await stream.texts(3) == ["two", "three", "four"]
        async with streaming(gateway, client, chat=7, cursor=last) as stream:
            assert await stream.texts(3) == ["two", "three", "four"]


async def test_what_the_client_remembers_goes_before_the_cursor_of_its_url(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        await append(gateway, account, message("one"), message("two"), message("three"))
        first, second = await stream.event(), await stream.event()

    headers = {"Last-Event-ID": second["id"]}
    async with streaming(gateway, client, cursor=first["id"], headers=headers) as stream:
        assert await stream.texts(1) == ["three"]


async def test_latest_is_from_now_on(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(gateway, account, message("before"))
    async with streaming(gateway, client, cursor="latest") as stream:
        await append(gateway, account, message("after"))
        assert await stream.texts(1) == ["after"]


async def test_a_cursor_from_before_what_is_kept_is_gone_and_the_oldest_is_named(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        await append(gateway, account, message("old"), message("kept"))
        await stream.event()
    cursor = gateway.events.cursor(gateway.owner, 0)
    await gateway.events.forget(gateway.owner, 2**62)
    await append(gateway, account, message("new"))

    refused = await client.get(EVENTS, params={"cursor": cursor})

    oldest = assert_problem(refused, 410, "cursor_expired")["oldestCursor"]
    async with streaming(gateway, client, cursor=oldest) as stream:
        assert await stream.texts(1) == ["new"]


@pytest.mark.parametrize("place", ["cursor", "Last-Event-ID"])
async def test_a_cursor_that_is_none_or_another_owners_is_refused(
    gateway: Gateway, client: httpx.AsyncClient, place: str
) -> None:
    others = gateway.events.cursor("own_" + "z" * 26, 0)  # type: ignore[arg-type]
    for cursor in (others, "nonsense", "0"):
        asked: dict[str, Any] = (
            {"params": {"cursor": cursor}} if place == "cursor" else {"headers": {place: cursor}}
        )
        problem = assert_problem(await client.get(EVENTS, **asked), 422, "validation_failed")
        assert [fault["code"] for fault in problem["errors"]] == ["invalid"]


async def test_a_silent_stream_says_that_it_is_alive(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    async with streaming(gateway, client) as stream:
        assert await stream.block() == {"": "still here"}


async def test_events_that_are_left_out_still_move_the_position(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client, type="message.edited") as stream:
        await append(gateway, account, message("unwanted"))
        reached, position = gateway.events.now, 0
        while position < reached:
            block = await stream.block()
            assert block.keys() <= {"", "id"}
            if "id" in block:  # one without is told where nothing came in a second
                position = gateway.events.position(gateway.owner, block["id"])


async def test_only_who_takes_event_streams_gets_one(client: httpx.AsyncClient) -> None:
    refused = await client.get(EVENTS, headers={"Accept": "application/json"})
    assert_problem(refused, 406, "not_acceptable")


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "text/*", "*/*", "text/html, text/event-stream;q=0.9"]
)
async def test_whoever_takes_event_streams_gets_one(
    gateway: Gateway, client: httpx.AsyncClient, accept: str
) -> None:
    async with streaming(gateway, client, headers={"Accept": accept}) as stream:
        assert stream.status == 200


async def test_a_client_that_reads_nothing_is_given_up(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        begun = stream.raw
        stream.is_reading.clear()
        await append(gateway, account, message("first"))
        async with asyncio.timeout(3):
            while not stream.has_server_left:
                await asyncio.sleep(0.05)
    assert stream.raw == begun
    assert not stream.is_over


async def test_a_reader_that_falls_behind_what_is_kept_is_told_to_begin_again(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with streaming(gateway, client) as stream:
        stream.is_reading.clear()
        await append(gateway, account, message("first"))
        await asyncio.sleep(0.05)
        await append(gateway, account, *[message(f"{n}") for n in range(300)])
        await gateway.events.forget(gateway.owner, 2**62)
        stream.is_reading.set()
        assert await stream.ended() == ": ended cursor_expired"


async def test_a_burst_reaches_every_stream_whole_and_in_order(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    wanted = [str(n) for n in range(1000)]
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(gateway, client)) for _ in range(50)]
        for begin in range(0, 1000, 10):
            await append(gateway, account, *[message(text) for text in wanted[begin : begin + 10]])
        for stream in streams:
            assert await stream.texts(1000) == wanted


async def test_no_task_is_left_behind_when_a_client_goes_away(
    gateway: Gateway, client: httpx.AsyncClient, account: str, agent: httpx.AsyncClient
) -> None:
    # An account is kept connected as soon as somebody looks after it, which has tasks of its own.
    await followed(gateway, client, account)
    before = asyncio.all_tasks()
    for caller in (client, agent):
        async with streaming(gateway, caller) as stream:
            await append(gateway, account, message("hello"))
            await stream.event()
            assert len(asyncio.all_tasks() - before) >= 3
    async with asyncio.timeout(SOON_SECS):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0)
