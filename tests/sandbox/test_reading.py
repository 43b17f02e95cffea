from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


async def test_reading_turns_the_ticks_of_the_author(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    group = world.add_group("Trio", bob, [ada, world.add_user("Eve")])
    for where in (ada, group):
        world.post(bob, where, "one")
        world.post(bob, where, "two")
    client = await connect(ada)
    await client.send_read_acknowledge("bob")
    await client.send_read_acknowledge(types.InputPeerChat(group.id))
    assert [world.unread(ada, peer) for peer in (bob, group)] == [0, 0]
    assert [world.dialog(bob, peer).read_out for peer in (ada.id, group.peer_id)] == [
        world.ids(bob, ada)[-1],
        world.ids(bob, group)[-1],
    ]


async def test_reading_up_to_a_message_leaves_the_rest(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada], username="town")
    for _ in range(5):
        world.post(bob, town, "post")
    client = await connect(ada)
    assert await client.send_read_acknowledge("town", max_id=3)
    assert world.unread(ada, town) == 3
    assert not await client.send_read_acknowledge("town", max_id=2)


@pytest.mark.usefixtures("bob")
async def test_reading_messages_takes_a_channel_only_by_its_own_method(
    world: World, ada: User, connect: Connect
) -> None:
    world.add_channel("Town", ada, username="town")
    client = await connect(ada)
    with refused("PEER_ID_INVALID"):
        await client(functions.messages.ReadHistoryRequest("town", 0))


async def test_mentions_are_heard_one_by_one(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    group, town = world.add_group("Duo", bob, [ada]), world.add_channel("Town", bob, [ada], "town")
    ids = [world.post(bob, where, "@ada1").message for where in (group, group, town)]
    client = await connect(ada)
    heard = await client(functions.messages.ReadMessageContentsRequest([ids[0].copies[ada.id]]))
    assert heard.pts_count == 1
    await client(
        functions.channels.ReadMessageContentsRequest("town", [ids[2].copies[town.peer_id]])
    )
    assert world.dialog(ada, group.peer_id).mentions == [ids[1].copies[ada.id]]
    assert world.dialog(ada, town.peer_id).mentions == []


async def test_typing_reaches_those_who_are_there(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    group, town = world.add_group("Duo", bob, [ada]), world.add_channel("Town", bob, [ada], "town")
    friend = await connect(bob)
    seen: list[Any] = []

    async def note(update: Any) -> None:
        seen.append(update)

    friend.add_event_handler(note)
    await friend.get_me()
    client = await connect(ada)
    for where in ("bob", types.InputPeerChat(group.id), "town"):
        await client(functions.messages.SetTypingRequest(where, types.SendMessageTypingAction()))
    await friend.get_me()
    await asyncio.sleep(0.05)
    assert [type(update).__name__ for update in seen if "Typing" in type(update).__name__] == [
        "UpdateUserTyping",
        "UpdateChatUserTyping",
        "UpdateChannelUserTyping",
    ]
    assert town.box.pts == 2


async def test_every_request_was_served(dc: DataCentre, ada: User, connect: Connect) -> None:
    client = await connect(ada)
    await client.get_dialogs()
    assert not dc.unserved
