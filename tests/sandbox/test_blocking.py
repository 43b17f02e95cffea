from __future__ import annotations

import asyncio
from functools import partial
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


def send(random_id: int) -> Any:
    return functions.messages.SendMessageRequest("ada1", "hi", random_id=random_id)


async def test_who_is_blocked_cannot_write_until_unblocked(
    ada: User, bob: User, connect: Connect
) -> None:
    client, friend = await connect(ada), await connect(bob)
    assert await client(functions.contacts.BlockRequest("bob")) is True
    with refused("USER_IS_BLOCKED"):
        await friend(send(1))
    assert await client(functions.contacts.UnblockRequest("bob")) is True
    assert await friend(send(2))


async def test_the_other_devices_hear_of_a_block_once(
    ada: User, bob: User, connect: Connect
) -> None:
    client, tablet = await connect(ada), await connect(ada)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    tablet.add_event_handler(heard.put)
    for request in (functions.contacts.BlockRequest, functions.contacts.UnblockRequest):
        for _ in range(2):
            assert await client(request("bob")) is True
    async with asyncio.timeout(5):
        updates = [await heard.get() for _ in range(2)]
    assert {type(update) for update in updates} == {types.UpdatePeerBlocked}
    assert [(update.peer_id.user_id, update.blocked) for update in updates] == [
        (bob.id, True),
        (bob.id, False),
    ]
    assert heard.empty()


async def test_the_blocked_are_listed_the_last_one_first(
    dc: DataCentre, world: World, ada: User, connect: Connect
) -> None:
    now = world.now
    people = [world.add_user(name, username=name) for name in ("first", "second", "third")]
    client = await connect(ada)
    for step, person in enumerate(people):
        world.clock = partial(float, now + step)
        await client(functions.contacts.BlockRequest(person.username))
    page = await client(functions.contacts.GetBlockedRequest(0, 2))
    assert isinstance(page, types.contacts.BlockedSlice)
    assert page.count == 3
    assert [(row.peer_id.user_id, int(row.date.timestamp())) for row in page.blocked] == [
        (people[2].id, now + 2),
        (people[1].id, now + 1),
    ]
    assert {user.id for user in page.users} == {ada.id, people[1].id, people[2].id}
    rest = await client(functions.contacts.GetBlockedRequest(2, 2))
    assert [row.peer_id.user_id for row in rest.blocked] == [people[0].id]
    whole = await client(functions.contacts.GetBlockedRequest(0, 100))
    assert isinstance(whole, types.contacts.Blocked)


async def test_a_channel_can_be_blocked(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    news = world.add_channel("News", bob, username="news", is_broadcast=True)
    client = await connect(ada)
    await client(functions.contacts.BlockRequest("news"))
    listed = await client(functions.contacts.GetBlockedRequest(0, 10))
    assert [row.peer_id for row in listed.blocked] == [types.PeerChannel(news.id)]
    assert [chat.title for chat in listed.chats] == ["News"]


async def test_what_cannot_be_blocked_is_refused(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", ada, [bob])
    client = await connect(ada)
    for request in (functions.contacts.BlockRequest, functions.contacts.UnblockRequest):
        for peer, refusal in (
            (types.InputPeerSelf(), "CONTACT_ID_INVALID"),
            (types.InputPeerChat(duo.id), "PEER_ID_INVALID"),
            (types.InputPeerUser(bob.id, 5), "PEER_ID_INVALID"),
        ):
            with refused(refusal):
                await client(request(peer))
        with refused("STORIES_NOT_SERVED_BY_SANDBOX"):
            await client(request("bob", my_stories_from=True))
    with refused("STORIES_NOT_SERVED_BY_SANDBOX"):
        await client(functions.contacts.GetBlockedRequest(0, 10, my_stories_from=True))
