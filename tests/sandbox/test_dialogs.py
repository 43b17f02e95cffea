from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World


async def test_dialogs_say_what_is_new(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    group = world.add_group("Duo", bob, [ada])
    town = world.add_channel("Town", bob, [ada], is_broadcast=True)
    for at in (10, 20):
        world.post(bob, ada, "psst", at=at)
    world.post(ada, bob, "what?", at=30)
    world.post(bob, group, "hello group", at=40)
    world.post(bob, town, "hello town", at=50)
    listed = await (await connect(ada)).get_dialogs()
    assert {d.name: (d.unread_count, d.message.message) for d in listed} == {
        "Town": (2, "hello town"),
        "Duo": (2, "hello group"),
        "Bob": (2, "what?"),
    }
    assert [d.id for d in listed][-1] == bob.id
    assert next(d for d in listed if d.name == "Town").dialog.pts == town.box.pts


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_hold_every_dialog_once(world: World, connect: Connect, limit: int) -> None:
    ada = world.add_user("Ada")
    for index in range(23):
        world.post(world.add_user(f"P{index}"), ada, "hi", at=1000 + index)
    world.dialog(ada, ada.id + 5).pin_rank = 1
    client = await connect(ada)
    names: list[str] = []
    offset: object = types.InputPeerEmpty()
    while True:
        page = await client(functions.messages.GetDialogsRequest(None, 0, offset, limit, 0))
        users = {user.id: user for user in page.users}
        found = [users[dialog.peer.user_id] for dialog in page.dialogs]
        names += [user.first_name for user in found]
        if isinstance(page, types.messages.Dialogs) or not found:
            break
        offset = types.InputPeerUser(found[-1].id, found[-1].access_hash)
    assert names == ["P4", *(f"P{i}" for i in range(22, -1, -1) if i != 4)]


async def test_folders_and_pins(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    for name in ("Plain", "Pinned", "Archived"):
        world.post(world.add_user(name), ada, "hi")
    world.dialog(ada, ada.id + 2).pin_rank = 1
    world.dialog(ada, ada.id + 3).folder_id = 1
    client = await connect(ada)
    assert [d.name for d in await client.get_dialogs(folder=1)] == ["Archived"]
    assert [d.name for d in await client.get_dialogs(folder=0)] == ["Pinned", "Plain"]
    assert [d.name for d in await client.get_dialogs(folder=0, ignore_pinned=True)] == ["Plain"]
    pinned = await client(functions.messages.GetPinnedDialogsRequest(0))
    assert [user.first_name for user in pinned.users] == ["Ada", "Pinned"]
    assert pinned.state.pts == ada.box.pts


async def test_peer_dialogs(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob")
    world.post(bob, ada, "hi")
    client = await connect(ada)
    found = await client(functions.messages.GetPeerDialogsRequest(["bob"]))
    assert (found.dialogs[0].unread_count, found.messages[0].message) == (1, "hi")


async def test_chat_one_left_is_no_dialog(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", bob, [ada])
    town.members[ada.id].role = "left"
    client = await connect(ada)
    assert await client.get_dialogs() == []
    hash_ = world.access_hash(ada, town)
    with refused("CHANNEL_PRIVATE"):
        await client(
            functions.messages.GetHistoryRequest(
                types.InputPeerChannel(town.id, hash_), 0, None, 0, 1, 0, 0, 0
            )
        )


async def test_pages_go_by_date_where_no_peer_is_named(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    for index in range(3):
        world.post(world.add_user(f"P{index}"), ada, "hi", at=1000 + index)
    client = await connect(ada)
    page = await client(
        functions.messages.GetDialogsRequest(1002, 0, types.InputPeerEmpty(), 10, 0)
    )
    assert [user.first_name for user in page.users if not user.is_self] == ["P0", "P1"]
