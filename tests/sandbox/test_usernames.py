from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada_l")


async def test_a_username_moves_with_its_owner(world: World, ada: User, connect: Connect) -> None:
    client = await connect(ada)

    me = await client(functions.account.UpdateUsernameRequest("countess"))

    assert me.username == "countess"
    assert world.by_username("countess") is ada
    assert world.by_username("ada_l") is None
    await client(functions.account.UpdateUsernameRequest(""))
    assert ada.username == ""


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("ada_l", "USERNAME_NOT_MODIFIED"),
        ("ADA__L", "USERNAME_INVALID"),
        ("1ada", "USERNAME_INVALID"),
        ("ada_", "USERNAME_INVALID"),
        ("a" * 33, "USERNAME_INVALID"),
        ("bob_b", "USERNAME_OCCUPIED"),
    ],
)
async def test_what_is_no_name_or_somebodys_is_refused(
    world: World, ada: User, connect: Connect, name: str, refusal: str
) -> None:
    world.add_user("Bob", username="bob_b")
    client = await connect(ada)
    with refused(refusal):
        await client(functions.account.UpdateUsernameRequest(name))
