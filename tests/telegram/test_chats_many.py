"""The chat list of somebody who has more than a thousand chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.telegram.conftest import as_owner
from vasya_server.crypto.cursor import Cursors
from vasya_server.model.chat import ChatFilter, ChatType
from vasya_server.telegram.peers import resolve_any
from vasya_server.telegram.requests.chats import list_chats

if TYPE_CHECKING:
    from tests.telegram.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime

COUNT = 1100


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Leave a page as much time as it has outside of tests: it may be ten requests."""
    return environment | {"VASYA_READ_DEADLINE_SECS": "10"}


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


@pytest.fixture
def many(world: World, scene: Scene) -> list[int]:
    """Return the ids of people who wrote to Alice, the latest first; they stand above the rest of her chats."""
    start = world.now + 60
    senders = [world.add_user(f"Sender {n}", phone=f"99966{30_000 + n}") for n in range(COUNT)]
    for n, sender in enumerate(senders):
        # Many in one second, as imported accounts have them.
        world.post(sender, scene.alice, f"note {n}", at=start + n // 7)
    return [sender.id for sender in reversed(senders)]


async def walk(account: AccountRuntime, cursors: Cursors, query: ChatFilter) -> list[list[int]]:
    """Return the ids on each page."""
    pages: list[list[int]] = []
    cursor = None
    while not pages or cursor is not None:
        page = await list_chats(
            as_owner(account), msgspec.structs.replace(query, cursor=cursor), cursors
        )
        pages.append([chat.id for chat in page.items])
        cursor = page.next
    return pages


@pytest.mark.parametrize("limit", [73, 200])
async def test_every_chat_is_told_once_in_its_order(
    alice: AccountRuntime, cursors: Cursors, many: list[int], limit: int
) -> None:
    pages = await walk(alice, cursors, ChatFilter(limit=limit))

    ids = [each for page in pages for each in page]
    assert ids[:COUNT] == many
    assert len(ids) == len(set(ids)) == COUNT + 4
    assert all(len(page) == limit for page in pages[:-1])


async def test_chats_that_rise_while_a_client_pages_leave_no_gap(
    alice: AccountRuntime, cursors: Cursors, many: list[int], scene: Scene, world: World
) -> None:
    ids: list[int] = []
    cursor = None
    for turn in range(20):
        page = await list_chats(as_owner(alice), ChatFilter(limit=100, cursor=cursor), cursors)
        ids += [chat.id for chat in page.items]
        cursor = page.next
        if cursor is None:
            break
        risen = world.users[many[turn * 50]]  # one that was told already
        world.post(risen, scene.alice, "again", at=world.now + 5000 + turn)

    assert cursor is None
    assert ids[:COUNT] == many
    assert len(ids) == len(set(ids)) == COUNT + 4


async def test_a_filter_finds_what_stands_behind_the_thousandth_chat(
    alice: AccountRuntime, cursors: Cursors, many: list[int], scene: Scene, world: World
) -> None:
    last = many[-1]
    archived = world.dialog(scene.alice, many[-2])
    archived.folder_id = 1
    for sender in many[:-1]:
        world.dialog(scene.alice, sender).read_in = 10**9
    groups = ChatFilter(type=(ChatType.GROUP, ChatType.CHANNEL))
    queries = {
        "words": (ChatFilter(q="sender 0"), [last]),
        "kind": (groups, [scene.channel.peer_id, scene.group.peer_id]),
        "archive": (ChatFilter(archived=True), [many[-2]]),
        "unread": (ChatFilter(unread=True, q="sender"), [last]),
    }

    for name, (query, expected) in queries.items():
        pages = await walk(alice, cursors, query)
        assert sorted(each for page in pages for each in page) == sorted(expected), name


async def test_a_page_of_a_filter_asks_for_a_thousand_chats_at_most(
    alice: AccountRuntime, cursors: Cursors, many: list[int], dc: DataCentre
) -> None:
    page = await list_chats(as_owner(alice), ChatFilter(q="garden"), cursors)

    assert (page.items, page.next is None) == ([], False)
    assert dc.requests["messages.GetDialogs"] == 10


async def test_a_chat_that_was_listed_is_named_by_its_id_from_then_on(
    alice: AccountRuntime, cursors: Cursors, many: list[int]
) -> None:
    await walk(alice, cursors, ChatFilter(limit=200))

    found = await resolve_any(as_owner(alice), str(many[-1]), public=False)

    assert found.chat is not None
    assert found.chat.title == "Sender 0"
