from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


def save(text: str, peer: Any = "bob", **more: Any) -> Any:
    return functions.messages.SaveDraftRequest(peer, text, **more)


async def drafts_of(client: Any) -> list[Any]:
    told = await client(functions.messages.GetAllDraftsRequest())
    assert [type(update).__name__ for update in told.updates] == ["UpdateDraftMessage"] * len(
        told.updates
    )
    return list(told.updates)


async def test_a_draft_is_its_writers_alone(
    ada: User, bob: User, world: World, connect: Connect
) -> None:
    client, friend = await connect(ada), await connect(bob)
    said = world.post(bob, ada, "well?").message.copies[ada.id]
    entities = [types.MessageEntityBold(0, 3)]
    answering = types.InputReplyToMessage(said)
    request = save("hey  ", entities=entities, reply_to=answering, no_webpage=True)
    assert await client(request) is True
    (told,) = await drafts_of(client)
    assert (told.peer, told.top_msg_id) == (types.PeerUser(bob.id), None)
    assert (told.draft.message, told.draft.entities, told.draft.no_webpage) == (
        "hey",
        entities,
        True,
    )
    assert told.draft.reply_to.reply_to_msg_id == said
    assert await drafts_of(friend) == []
    peer = types.InputDialogPeer(await client.get_input_entity("bob"))
    found = await client(functions.messages.GetPeerDialogsRequest([peer]))
    assert found.dialogs[0].draft.message == "hey"


async def test_an_empty_draft_is_none(ada: User, bob: User, connect: Connect) -> None:
    client = await connect(ada)
    for text in ("one", "two", "", ""):
        assert await client(save(text)) is True
    assert await drafts_of(client) == []
    with refused("MESSAGE_TOO_LONG"):
        await client(save("x" * 4097))


async def test_the_other_devices_hear_of_a_draft(ada: User, bob: User, connect: Connect) -> None:
    client, tablet = await connect(ada), await connect(ada)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    tablet.add_event_handler(heard.put)
    for text in ("hey", ""):
        await client(save(text))
    async with asyncio.timeout(5):
        first, second = [await heard.get() for _ in range(2)]
    assert (first.peer.user_id, first.draft.message) == (bob.id, "hey")
    assert isinstance(second.draft, types.DraftMessageEmpty)


async def test_a_topic_has_a_draft_of_its_own(ada: User, world: World, connect: Connect) -> None:
    forum = world.add_channel("Forum", ada, username="forum", is_forum=True)
    topic = world.add_topic(forum, "Saws", ada).id
    client = await connect(ada)
    here = types.InputReplyToMessage(topic, top_msg_id=topic)
    await client(save("in the topic", "forum", reply_to=here))
    await client(save("in the chat", "forum"))
    assert {(each.top_msg_id, each.draft.message) for each in await drafts_of(client)} == {
        (topic, "in the topic"),
        (None, "in the chat"),
    }
    found = await client(functions.messages.GetForumTopicsByIDRequest("forum", [topic]))
    assert found.topics[0].draft.message == "in the topic"
    await client(save("", "forum", reply_to=here))
    assert [each.draft.message for each in await drafts_of(client)] == ["in the chat"]
