"""Keys with chat lists hear of what is within their reach when it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.conftest import API
from tests.api.streaming import EVENTS, POLL, append, happening, message, streaming, texts_of, told
from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule
from vasya_server.auth.scopes import Scope
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Acting, Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

SUPPORT = 7
FILTERS = "messages.GetDialogFilters"
NO_CHAT = (
    EventType.ACCOUNT_LIMITED,
    EventType.ACTION_UPDATED,
    EventType.BUDGET_EXHAUSTED,
    EventType.KEY_NEW_ADDRESS,
    EventType.GAP,
)


async def all_of(gateway: Gateway, key: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    cursor = gateway.events.cursor(gateway.owner, 0)
    response = await key.get(POLL, params={"cursor": cursor, "direction": "all", **query})
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def test_a_key_hears_of_the_chats_on_its_list(
    gateway: Gateway, account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    await append(
        gateway,
        account,
        message("in", scene.bob.id),
        message("out", scene.carol.id),
        message("edited out", scene.carol.id, kind=EventType.MESSAGE_EDITED),
    )

    assert texts_of(await all_of(gateway, key)) == ["in"]
    async with streaming(gateway, key, direction="all") as stream:
        await append(gateway, account, message("out", scene.carol.id))
        await append(gateway, account, message("again", scene.bob.id))
        assert await stream.texts(1) == ["again"]
    assert b"out" not in stream.raw


async def test_what_it_may_only_write_to_is_not_heard_of(
    gateway: Gateway, account: str, scene: Scene, acting: Acting
) -> None:
    read, write = (ChatRule(ids=frozenset({chat})) for chat in (scene.bob.id, scene.carol.id))
    key = await acting(read, write)
    await append(gateway, account, message("in", scene.bob.id), message("out", scene.carol.id))

    assert texts_of(await all_of(gateway, key)) == ["in"]


async def test_all_but_some_is_all_but_those(
    gateway: Gateway, account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(ChatRule(excepted=frozenset({scene.carol.id})))
    await append(
        gateway,
        account,
        message("in", scene.bob.id),
        message("out", scene.carol.id),
        message("new here", 424242),
    )

    assert texts_of(await all_of(gateway, key)) == ["in", "new here"]


@pytest.mark.parametrize("rule", [{"ids": frozenset({7})}, {"excepted": frozenset({8})}])
async def test_a_deletion_without_a_chat_is_told_to_no_key_with_lists(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    acting: Acting,
    agent: httpx.AsyncClient,
    rule: dict[str, frozenset[int]],
) -> None:
    key = await acting(ChatRule(**rule))
    await append(
        gateway,
        account,
        happening(EventType.MESSAGE_DELETED, message_ids=[1, 2]),
        happening(EventType.MESSAGE_DELETED, 7, message_ids=[3]),
    )

    for asking, count in ((client, 2), (agent, 2), (key, 1)):
        assert len(told(await all_of(gateway, asking))) == count


async def test_what_is_about_no_chat_is_told_to_all_who_reach_the_account(
    gateway: Gateway, account: str, acting: Acting
) -> None:
    key = await acting(ChatRule(ids=frozenset({424242})))
    await append(gateway, account, *[happening(kind) for kind in NO_CHAT])

    page = await all_of(gateway, key)

    assert [event["type"] for event in told(page)] == [*NO_CHAT]


async def test_asking_for_a_chat_outside_is_the_same_refusal_as_for_one_that_is_not_there(
    account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    for path in (EVENTS, POLL):
        for chat in (scene.carol.id, "-1004242424242", "@garden_club", "@nobody_at_all", "me"):
            refused = await key.get(path, params={"chat": f"{scene.bob.id},{chat}"})
            assert_problem(refused, 403, "chat_not_allowed")
    assert (await key.get(POLL, params={"chat": f"@bob_b,{scene.bob.id}"})).status_code == 200


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    async with serve() as served:
        yield served


@pytest.fixture
def support(scene: Scene) -> Folder:
    """Return a folder of Alice's that holds Bob."""
    folder = Folder(SUPPORT, "Support", included=[scene.bob.id])
    scene.alice.folders.append(folder)
    return folder


@pytest.fixture
async def alices(served: tuple[Gateway, httpx.AsyncClient], dc: DataCentre, scene: Scene) -> str:
    _, client = served
    body = {"session": dc.mint(scene.alice)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    return str(made.json()["accountId"])


@pytest.fixture
async def foldered(
    served: tuple[Gateway, httpx.AsyncClient], alices: str, support: Folder
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a key that is bound to the folder, on a clock that can be set forward."""
    _, client = served
    body = {
        "name": "support",
        "scopes": [Scope.EVENTS_READ.value],
        "accountIds": [alices],
        "chats": {"read": {"folders": [SUPPORT]}},
    }
    made = await client.post(f"{API}/agent-keys", json=body)
    assert made.status_code == 201, made.text
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    async with httpx.AsyncClient(
        transport=client._transport,  # noqa: SLF001 — the same application
        base_url=client.base_url,
        headers=headers,
    ) as key:
        yield key


async def test_a_chat_that_is_moved_into_the_folder_is_heard_of_and_one_moved_out_is_not(
    served: tuple[Gateway, httpx.AsyncClient],
    foldered: httpx.AsyncClient,
    alices: str,
    support: Folder,
    scene: Scene,
    clock: MovableClock,
) -> None:
    gateway, _ = served
    bob, carol = scene.bob.id, scene.carol.id
    async with streaming(gateway, foldered) as stream:
        await append(gateway, alices, message("bob 1", bob), message("carol 1", carol))
        assert await stream.texts(1) == ["bob 1"]

        support.included = [carol]
        clock.passed_secs += 2
        await append(gateway, alices, message("bob 2", bob), message("carol 2", carol))
        assert await stream.texts(1) == ["carol 2"]

        support.included = []
        clock.passed_secs += 2
        await append(gateway, alices, message("carol 3", carol), happening(EventType.GAP))
        assert (await stream.event())["type"] == "gap"
    assert b"carol 1" not in stream.raw
    assert b"bob 2" not in stream.raw


async def test_what_was_said_before_a_chat_left_the_folder_is_told_no_more(
    served: tuple[Gateway, httpx.AsyncClient],
    foldered: httpx.AsyncClient,
    alices: str,
    support: Folder,
    scene: Scene,
    clock: MovableClock,
) -> None:
    gateway, _ = served
    await append(gateway, alices, message("secret", scene.bob.id))
    support.included = []
    clock.passed_secs += 2

    assert told(await all_of(gateway, foldered)) == []


async def test_a_chat_is_asked_for_by_its_id_while_it_is_in_the_folder(
    foldered: httpx.AsyncClient, support: Folder, scene: Scene, clock: MovableClock
) -> None:
    inside = await foldered.get(POLL, params={"chat": scene.bob.id})
    outside = await foldered.get(POLL, params={"chat": scene.carol.id})

    assert inside.status_code == 200
    assert_problem(outside, 403, "chat_not_allowed")


async def test_telegram_is_asked_only_where_nothing_else_decides(
    served: tuple[Gateway, httpx.AsyncClient],
    foldered: httpx.AsyncClient,
    alices: str,
    dc: DataCentre,
    clock: MovableClock,
) -> None:
    gateway, _ = served
    clock.passed_secs += 2
    await append(gateway, alices, happening(EventType.GAP))
    dc.reset_counters()

    await all_of(gateway, foldered)

    assert dc.requests[FILTERS] == 0


async def test_while_nobody_can_say_what_is_in_the_folder_nothing_is_told_and_nothing_skipped(
    served: tuple[Gateway, httpx.AsyncClient],
    foldered: httpx.AsyncClient,
    alices: str,
    dc: DataCentre,
    scene: Scene,
    clock: MovableClock,
) -> None:
    gateway, _ = served
    clock.passed_secs += 2
    dc.faults.add(Fault(action=Action.RPC_ERROR, request=FILTERS, code=500, text="CALL_FAILED"))
    async with streaming(gateway, foldered) as stream:
        await append(
            gateway,
            alices,
            message("out", scene.carol.id),
            message("in", scene.bob.id),
            happening(EventType.GAP),
        )
        begun = stream.raw
        assert b"data:" not in begun
        assert [await late(stream), await late(stream)] == ["message.new", "gap"]
    assert b"out" not in stream.raw


async def test_a_poll_answers_why_nobody_can_say_what_is_in_the_folder(
    served: tuple[Gateway, httpx.AsyncClient],
    foldered: httpx.AsyncClient,
    alices: str,
    dc: DataCentre,
    scene: Scene,
    clock: MovableClock,
) -> None:
    gateway, _ = served
    await append(gateway, alices, message("in", scene.bob.id))
    clock.passed_secs += 2
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request=FILTERS, times=2, secs=5))

    for wait in (0, 10):
        cursor = gateway.events.cursor(gateway.owner, 0)
        refused = await foldered.get(POLL, params={"cursor": cursor, "wait": wait})
        assert_problem(refused, 429, "telegram_flood_wait")


async def late(stream: Any) -> str:
    """Return the type of an event that may take a second try."""
    for _ in range(3):
        try:
            return str((await stream.event())["type"])
        except TimeoutError:
            await asyncio.sleep(0)
    raise TimeoutError
