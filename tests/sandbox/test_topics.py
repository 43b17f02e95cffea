from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob")


@pytest.fixture
def forum(world: World, ada: User, bob: User) -> Channel:
    return world.add_channel("Forum", ada, [bob], username="forum", is_forum=True)


def create(title: str, random_id: int = 7) -> Any:
    return functions.messages.CreateForumTopicRequest("forum", title, random_id=random_id)


def edit(topic_id: int, **what: Any) -> Any:
    return functions.messages.EditForumTopicRequest("forum", topic_id, **what)


def pin(topic_id: int, *, pinned: bool = True) -> Any:
    return functions.messages.UpdatePinnedForumTopicRequest("forum", topic_id, pinned)


def delete(topic_id: int) -> Any:
    return functions.messages.DeleteTopicHistoryRequest("forum", topic_id)


def by_id(*topics: int) -> Any:
    return functions.messages.GetForumTopicsByIDRequest("forum", [*topics])


async def test_topics_of_what_is_no_forum(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    world.add_channel("Town", ada, username="town")
    client = await connect(ada)
    with refused("CHANNEL_FORUM_MISSING"):
        await client(functions.messages.GetForumTopicsRequest("town", None, 0, 0, 10))


async def test_topics_are_paged_and_searched(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    forum = world.add_channel("Forum", ada, username="forum", is_forum=True)
    topics = [world.add_topic(forum, f"Topic {index}", ada) for index in range(3)]
    topics[0].is_pinned = True
    client = await connect(ada)
    ask = functions.messages.GetForumTopicsRequest
    first = await client(ask("forum", None, 0, 0, 2))
    assert ([topic.title for topic in first.topics], first.count) == (["Topic 0", "Topic 2"], 4)
    rest = await client(ask("forum", None, 0, first.topics[-1].id, 2))
    assert [topic.title for topic in rest.topics] == ["Topic 1", "General"]
    found = await client(ask("forum", None, 0, 0, 10, q="topic 1"))
    assert [topic.id for topic in found.topics] == [topics[1].id]


async def test_a_topic_is_opened_once_for_a_random_id(
    forum: Channel, ada: User, bob: User, connect: Connect
) -> None:
    client, friend = await connect(ada), await connect(bob)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    friend.add_event_handler(heard.put)
    first = await client(create(" Saws "))
    again = await client(create(" Saws "))
    (topic_id,) = set(forum.topics) - {1}
    assert first.updates[0] == again.updates[0] == types.UpdateMessageID(topic_id, 7)
    assert (first.updates[1].message.id, len(again.updates)) == (topic_id, 1)
    async with asyncio.timeout(5):
        told = await heard.get()
    assert (told.message.id, told.message.action.title) == (topic_id, "Saws")
    assert heard.empty()
    with refused("TOPIC_TITLE_EMPTY"):
        await client(create(" ", 8))
    with refused("RANDOM_ID_EMPTY"):
        await client(create("Saws", 0))


async def test_members_open_topics_where_they_may(
    forum: Channel, bob: User, world: World, connect: Connect
) -> None:
    client = await connect(bob)
    assert await client(create("Saws"))
    forum.default_bans = ["manage_topics"]
    with refused("CHAT_ADMIN_REQUIRED"):
        await client(create("Wood", 8))
    stranger = await connect(world.add_user("Eve"))
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        await stranger(create("Wood"))


async def test_a_topic_is_changed_one_thing_at_a_time(
    forum: Channel, ada: User, world: World, connect: Connect
) -> None:
    topic = world.add_topic(forum, "Saws", ada)
    client = await connect(ada)
    for what, action in (
        ({"title": "Knives"}, types.MessageActionTopicEdit(title="Knives")),
        ({"closed": True}, types.MessageActionTopicEdit(closed=True)),
        ({"closed": False}, types.MessageActionTopicEdit(closed=False)),
    ):
        told = await client(edit(topic.id, **what))
        message = told.updates[0].message
        assert (message.action, message.reply_to.reply_to_msg_id) == (action, topic.id)
        with refused("TOPIC_NOT_MODIFIED"):
            await client(edit(topic.id, **what))
    with refused("TOPIC_CLOSE_SEPARATELY"):
        await client(edit(topic.id, closed=True, title="x"))
    with refused("TOPIC_HIDE_SEPARATELY"):
        await client(edit(1, hidden=True, closed=True))
    with refused("TOPIC_ID_INVALID"):
        await client(edit(99, title="x"))


async def test_the_general_topic_is_hidden_closed_and_opened_shown(
    forum: Channel, ada: User, world: World, connect: Connect
) -> None:
    other = world.add_topic(forum, "Saws", ada)
    client = await connect(ada)
    hidden = await client(edit(1, hidden=True))
    assert hidden.updates[0].message.action == types.MessageActionTopicEdit(hidden=True)
    (general,) = (await client(by_id(1))).topics
    assert (general.hidden, general.closed) == (True, True)
    await client(edit(1, closed=False))
    (general,) = (await client(by_id(1))).topics
    assert (general.hidden, general.closed) == (False, False)
    with refused("TOPIC_NOT_MODIFIED"):
        await client(edit(1, hidden=False))
    await client(edit(1, hidden=True))
    shown = await client(edit(1, hidden=False))
    assert shown.updates[0].message.action == types.MessageActionTopicEdit(hidden=False)
    with refused("TOPIC_ID_INVALID"):
        await client(edit(other.id, hidden=True))


async def test_topics_belong_to_who_made_them_and_to_admins(
    forum: Channel, ada: User, bob: User, world: World, connect: Connect
) -> None:
    theirs, own = world.add_topic(forum, "Saws", ada), world.add_topic(forum, "Wood", bob)
    client = await connect(bob)
    assert await client(edit(own.id, title="Timber"))
    for request in (edit(theirs.id, title="x"), edit(1, title="x"), pin(own.id), delete(own.id)):
        with refused("CHAT_ADMIN_REQUIRED"):
            await client(request)


async def test_a_pinned_topic_is_pinned_for_everybody(
    forum: Channel, ada: User, bob: User, world: World, connect: Connect
) -> None:
    topics = [world.add_topic(forum, f"Topic {n}", ada) for n in range(6)]
    client, friend = await connect(ada), await connect(bob)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    friend.add_event_handler(heard.put)
    await client(pin(topics[0].id))
    async with asyncio.timeout(5):
        told = await heard.get()
    assert (told.topic_id, told.pinned) == (topics[0].id, True)
    for topic in topics[1:5]:
        await client(pin(topic.id))
    with refused("PINNED_TOO_MUCH"):
        await client(pin(topics[5].id))
    answer = await client(pin(topics[0].id, pinned=False))
    assert answer.updates[0].pinned is False
    assert [topic.is_pinned for topic in topics] == [False, True, True, True, True, False]


async def test_a_topic_goes_with_all_that_was_said_in_it_part_by_part(
    forum: Channel, ada: User, bob: User, world: World, connect: Connect
) -> None:
    topic = world.add_topic(forum, "Saws", ada)
    world.post(bob, forum, "stays")
    for n in range(120):
        world.post(bob, forum, f"saw {n}", top_id=topic.id)
    client = await connect(ada)
    first = await client(delete(topic.id))
    assert (first.pts_count, first.offset, topic.id in forum.topics) == (100, 21, True)
    last = await client(delete(topic.id))
    assert (last.pts_count, last.offset) == (21, 0)
    texts = [world.messages[number].text for number in forum.box.numbers.values()]
    assert texts == ["", "stays"]
    told = await client(by_id(topic.id, 1))
    assert [type(each).__name__ for each in told.topics] == ["ForumTopic", "ForumTopicDeleted"]
    for topic_id in (topic.id, 1):
        with refused("TOPIC_ID_INVALID"):
            await client(delete(topic_id))
