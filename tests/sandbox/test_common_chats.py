from __future__ import annotations

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


def common(max_id: int = 0, limit: int = 100, who: Any = "bob") -> Any:
    return functions.messages.GetCommonChatsRequest(who, max_id, limit)


async def test_the_groups_that_both_are_in_are_common(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    duo = world.add_group("Duo", ada, [bob])
    town = world.add_channel("Town", eve, [ada, bob])
    world.add_group("Hers", ada, [eve])
    world.add_group("His", bob, [eve])
    world.add_channel("News", eve, [ada, bob], is_broadcast=True)
    world.add_group("Left", ada, [bob]).members[bob.id].role = "left"
    found = await (await connect(ada))(common())
    assert isinstance(found, types.messages.Chats)
    assert [type(chat) for chat in found.chats] == [types.Channel, types.Chat]
    assert [chat.id for chat in found.chats] == [town.id, duo.id]
    assert found.chats[0].access_hash == world.access_hash(ada, town)


@pytest.mark.usefixtures("bob")
async def test_nothing_in_common_is_an_empty_answer(ada: User, connect: Connect) -> None:
    found = await (await connect(ada))(common())
    assert found == types.messages.Chats([])


async def test_pages_go_down_from_the_highest_id(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    ids = [world.add_group(f"G{index}", ada, [bob]).id for index in range(5)]
    client = await connect(ada)
    collected: list[int] = []
    while True:
        page = await client(common(max_id=collected[-1] if collected else 0, limit=2))
        collected += [chat.id for chat in page.chats]
        if isinstance(page, types.messages.Chats):
            break
        assert page.count == 5
    assert collected == ids[::-1]


@pytest.mark.usefixtures("bob")
async def test_nobody_shares_groups_with_themselves(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    with refused("USER_ID_INVALID"):
        await client(common(who=types.InputUserSelf()))
    with refused("USER_ID_INVALID"):
        await client(common(who=types.InputUser(ada.id + 1, 5)))
