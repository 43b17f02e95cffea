"""Every filter of a chat's messages, with every bound, in both orders, page by page: against a list made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Entity
from vasya_server.clock import SystemClock
from vasya_server.crypto.cursor import Cursors
from vasya_server.model.message import MessageFilter, MessageKind
from vasya_server.telegram.requests.listing import list_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.telegram.conftest import Scene
    from vasya_sandbox.model import World
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime

Order: TypeAlias = Literal["asc", "desc"]
COUNT = 36
READ_UP_TO = 12


@dataclass(frozen=True)
class Said:
    """A message as the test made it; its *number* counts from 1, in the order of time."""

    number: int
    id: int
    at: int
    is_own: bool
    is_of_bob: bool
    is_poll: bool
    is_plan: bool
    mentions_me: bool


@pytest.fixture
def said(world: World, scene: Scene) -> list[Said]:
    """Fill the supergroup: four people's words in turn, with a plan, a poll and a mention now and then."""
    made = []
    begin = world.now  # behind what the group was made with: ids and times go together
    for number in range(1, COUNT + 1):
        kinds = {
            "is_own": number % 5 == 0,
            "is_of_bob": number % 2 == 0 and number % 5 != 0,
            "is_poll": number % 7 == 0,
            "is_plan": number % 3 == 0 and number % 7 != 0,
            "mentions_me": number % 4 == 0 and number % 5 != 0 and number % 7 != 0,
        }
        sender = (
            scene.alice if kinds["is_own"] else scene.bob if kinds["is_of_bob"] else scene.carol
        )
        words = "@alice_a " if kinds["mentions_me"] else ""
        words += "the plan" if kinds["is_plan"] else "a word"
        record = world.post(
            sender,
            scene.supergroup,
            "" if kinds["is_poll"] else words,
            at=begin + number,
            media=Poll(number, "When?", ["now"]) if kinds["is_poll"] else None,
            entities=[Entity("mention", 0, 8)] if kinds["mentions_me"] else None,
        ).message
        made.append(Said(number, record.copies[scene.supergroup.peer_id], begin + number, **kinds))
    scene.alice.dialogs[scene.supergroup.peer_id].read_in = made[READ_UP_TO - 1].id
    return made


FILTERS: dict[str, tuple[dict[str, Any], Callable[[Said], bool]]] = {
    "none": ({}, lambda _: True),
    "words": ({"q": "plan"}, lambda each: each.is_plan),
    "author": ({"from_": "@bob_b"}, lambda each: each.is_of_bob),
    "oneself": ({"from_": "me"}, lambda each: each.is_own),
    "words of an author": (
        {"q": "plan", "from_": "@bob_b"},
        lambda each: each.is_plan and each.is_of_bob,
    ),
    "polls": ({"type": (MessageKind.POLL,)}, lambda each: each.is_poll),
    "texts": ({"type": (MessageKind.TEXT,)}, lambda each: not each.is_poll),
    "polls of an author": (
        {"type": (MessageKind.POLL,), "from_": "@bob_b"},
        lambda each: each.is_poll and each.is_of_bob,
    ),
    "mentions": ({"mentions": True}, lambda each: each.mentions_me),
    "no mentions": ({"mentions": False}, lambda each: not each.mentions_me),
    "unread": (
        {"unread": True},
        lambda each: each.number > READ_UP_TO and not each.is_own,
    ),
    "read": ({"unread": False}, lambda each: each.number <= READ_UP_TO or each.is_own),
    "unread words": (
        {"unread": True, "q": "plan"},
        lambda each: each.number > READ_UP_TO and not each.is_own and each.is_plan,
    ),
    "unread mentions": ({"unread": True, "mentions": True}, lambda each: each.mentions_me),
}


def iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def bounds(said: list[Said]) -> list[tuple[dict[str, Any], Callable[[Said], bool]]]:
    low, high = said[8], said[27]
    by_id: list[tuple[dict[str, Any], Callable[[Said], bool]]] = [
        ({}, lambda _: True),
        ({"after": low.id}, lambda each: each.number > low.number),
        ({"before": high.id}, lambda each: each.number < high.number),
    ]
    by_time: list[tuple[dict[str, Any], Callable[[Said], bool]]] = [
        ({}, lambda _: True),
        ({"since": iso(low.at)}, lambda each: each.at >= low.at),
        ({"until": iso(high.at)}, lambda each: each.at < high.at),
        (
            {"since": iso(low.at), "until": iso(high.at)},
            lambda each: low.at <= each.at < high.at,
        ),
    ]
    return [
        ({**ids, **times}, within(fits_id, fits_time))
        for ids, fits_id in by_id
        for times, fits_time in by_time
    ]


def within(one: Callable[[Said], bool], other: Callable[[Said], bool]) -> Callable[[Said], bool]:
    return lambda each: one(each) and other(each)


async def read(account: AccountRuntime, cursors: Cursors, query: dict[str, Any]) -> list[int]:
    """Return the ids of all pages."""
    found: list[int] = []
    asked = query
    for _ in range(COUNT):
        page = await list_messages(
            as_owner(account), "@garden_club", MessageFilter(**asked), cursors, SystemClock().now()
        )
        found += [message.id for message in page.items]
        if page.next is None:
            return found
        asked = {key: value for key, value in query.items() if key not in ("after", "before")}
        asked["cursor"] = page.next
    raise AssertionError("it never ends")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_finds_the_same_within_every_bound_and_in_both_orders(
    alice: AccountRuntime, key: MasterKey, said: list[Said], name: str, order: Order
) -> None:
    query, fits = FILTERS[name]
    for bound, is_within in bounds(said):
        found = await read(alice, Cursors(key), {**query, **bound, "order": order, "limit": 5})

        wanted = [each.id for each in said if fits(each) and is_within(each)]
        first = said[0].id
        # What was said before the test began is not among them.
        assert [each for each in found if each >= first] == (
            wanted if order == "asc" else wanted[::-1]
        ), bound


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("name", FILTERS)
async def test_around_a_message_comes_what_the_filter_finds_there(
    alice: AccountRuntime, key: MasterKey, said: list[Said], name: str, order: Order
) -> None:
    query, fits = FILTERS[name]
    middle = next(each for each in said[15:] if fits(each))
    asked = MessageFilter(**query, around=middle.id, order=order, limit=7)

    page = await list_messages(
        as_owner(alice), "@garden_club", asked, Cursors(key), SystemClock().now()
    )

    ids = [message.id for message in page.items]
    assert middle.id in ids
    assert ids == sorted(ids, reverse=order == "desc")
    assert {*ids} <= {each.id for each in said if fits(each)}


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_ids_come_in_the_order_that_was_asked_for(
    alice: AccountRuntime, key: MasterKey, said: list[Said], order: Order
) -> None:
    ids = tuple(said[n].id for n in (20, 3, 11))

    page = await list_messages(
        as_owner(alice),
        "@garden_club",
        MessageFilter(ids=ids, order=order),
        Cursors(key),
        SystemClock().now(),
    )

    assert [message.id for message in page.items] == sorted(ids, reverse=order == "desc")
