from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import changes

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

WEEK_SECS = 7 * 24 * 3600


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


def reactions(peer: Any, message_id: int, **more: Any) -> Any:
    return functions.messages.GetMessageReactionsListRequest(
        peer, message_id, **{"limit": 50, **more}
    )


def readers(peer: Any, message_id: int) -> Any:
    return functions.messages.GetMessageReadParticipantsRequest(peer, message_id)


def read_date(peer: Any, message_id: int) -> Any:
    return functions.messages.GetOutboxReadDateRequest(peer, message_id)


def link(peer: Any, message_id: int, *, thread: bool = True) -> Any:
    return functions.channels.ExportMessageLinkRequest(peer, message_id, thread=thread)


async def test_who_reacted_is_listed_page_by_page(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    town = world.add_channel("Town", ada, [bob, eve], "town")
    record = world.post(ada, town, "hi").message
    for user, emoji in ((bob, "👍"), (eve, "🔥"), (ada, "👍")):
        changes.react(world, user, record, [emoji])
    client = await connect(ada)
    first = await client(reactions("town", 2, limit=2))
    rest = await client(reactions("town", 2, limit=2, offset=first.next_offset))
    thumbs = await client(reactions("town", 2, reaction=types.ReactionEmoji("👍")))
    assert [each.peer_id.user_id for each in first.reactions] == [ada.id, eve.id]
    assert [each.my for each in first.reactions] == [True, False]
    assert [each.peer_id.user_id for each in rest.reactions] == [bob.id]
    assert (first.count, rest.next_offset, thumbs.count) == (3, None, 2)


async def test_of_two_people_and_of_a_channel_there_is_no_list(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.post(ada, world.add_channel("News", ada, [bob], "news", is_broadcast=True), "hi")
    world.post(bob, ada, "hi")
    client = await connect(ada)
    for peer, message_id in (("news", 2), ("bob", 1)):
        with refused("BROADCAST_FORBIDDEN", 403):
            await client(reactions(peer, message_id))
    with refused("MSG_ID_INVALID"):
        await client(reactions("news", 99))


async def test_readers_of_a_small_group_are_told_for_a_week(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    trio = world.add_group("Trio", ada, [bob, world.add_user("Eve")])
    peer = types.InputPeerChat(trio.id)
    world.post(ada, trio, "one")
    old = world.post(ada, trio, "two", at=world.now - WEEK_SECS - 1).message
    foreign = world.post(bob, trio, "three").message
    world.mark_read(bob, trio, 2)
    client = await connect(ada)
    told = await client(readers(peer, 2))
    assert [(each.user_id, each.date.timestamp()) for each in told] == [(bob.id, world.now)]
    with refused("MSG_TOO_OLD"):
        await client(readers(peer, old.copies[ada.id]))
    with refused("MSG_ID_INVALID"):
        await client(readers(peer, foreign.copies[ada.id]))
    with refused("PEER_ID_INVALID"):
        await client(readers("bob", 1))


async def test_readers_of_a_big_group_are_not_told(
    world: World, ada: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada, [world.add_user(f"U{n}") for n in range(100)], "town")
    world.post(ada, town, "hi")
    client = await connect(ada)
    with refused("CHAT_TOO_BIG"):
        await client(readers("town", 2))


async def test_between_two_the_date_is_told_where_both_show_it(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.post(ada, bob, "old", at=world.now - WEEK_SECS - 1)
    world.post(ada, bob, "hi")
    world.post(bob, ada, "yes?")
    client = await connect(ada)
    with refused("MESSAGE_NOT_READ_YET"):
        await client(read_date("bob", 2))
    world.mark_read(bob, ada)
    told = await client(read_date("bob", 2))
    assert told.date.timestamp() == world.now
    with refused("MESSAGE_TOO_OLD"):
        await client(read_date("bob", 1))
    with refused("MESSAGE_ID_INVALID"):
        await client(read_date("bob", 3))
    with refused("PEER_ID_INVALID"):
        await client(read_date("me", 2))
    bob.hides_read_dates = True
    with refused("USER_PRIVACY_RESTRICTED", 403):
        await client(read_date("bob", 2))
    ada.hides_read_dates = True
    with refused("YOUR_PRIVACY_RESTRICTED", 403):
        await client(read_date("bob", 2))


async def test_links_lead_to_the_message_in_its_topic_or_thread(
    world: World, ada: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada, username="town")
    world.post(ada, town, "root")
    world.post(ada, town, "answer", top_id=2)
    cave = world.add_channel("Cave", ada, is_forum=True)
    topic = world.add_topic(cave, "Echo", ada)
    world.post(ada, cave, "hi", top_id=topic.id)
    client = await connect(ada)
    peer = types.InputPeerChannel(cave.id, world.access_hash(ada, cave))
    links = [
        (await client(request)).link
        for request in (
            link("town", 2),
            link("town", 3),
            link("town", 3, thread=False),
            link(peer, 3),
        )
    ]
    assert links == [
        "https://t.me/town/2",
        "https://t.me/town/3?thread=2",
        "https://t.me/town/3",
        f"https://t.me/c/{cave.id}/2/3",
    ]
    with refused("MSG_ID_INVALID"):
        await client(link("town", 99))
