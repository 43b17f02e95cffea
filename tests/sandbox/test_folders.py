from __future__ import annotations

from typing import TYPE_CHECKING

from telethon import functions, types

from vasya_sandbox.chat_lists import Folder

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World


async def test_without_folders_there_is_only_the_one_that_holds_everything(
    world: World, connect: Connect
) -> None:
    client = await connect(world.add_user("Ada"))
    found = await client(functions.messages.GetDialogFiltersRequest())
    assert found.filters == [types.DialogFilterDefault()]


async def test_a_folder_names_its_chats_as_its_owner_may(world: World, connect: Connect) -> None:
    ada, bob, eve = world.add_user("Ada"), world.add_user("Bob"), world.add_user("Eve")
    duo = world.add_group("Duo", ada, [bob])
    town = world.add_channel("Town", bob, [ada])
    ada.folders.append(
        Folder(2, "Mine", [ada.id, bob.id, duo.peer_id], pinned=[town.peer_id], excluded=[eve.id])
    )
    found = await (await connect(ada))(functions.messages.GetDialogFiltersRequest())
    assert bytes(found.filters[1]) == bytes(
        types.DialogFilter(
            2,
            types.TextWithEntities("Mine", []),
            [types.InputPeerChannel(town.id, world.access_hash(ada, town))],
            [
                types.InputPeerSelf(),
                types.InputPeerUser(bob.id, world.access_hash(ada, bob)),
                types.InputPeerChat(duo.id),
            ],
            [types.InputPeerUser(eve.id, world.access_hash(ada, eve))],
        )
    )


async def test_a_folder_has_rules(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    ada.folders.append(Folder(2, "Loud", rules=["groups", "broadcasts", "exclude_muted"]))
    found = await (await connect(ada))(functions.messages.GetDialogFiltersRequest())
    assert bytes(found.filters[1]) == bytes(
        types.DialogFilter(
            2,
            types.TextWithEntities("Loud", []),
            [],
            [],
            [],
            groups=True,
            broadcasts=True,
            exclude_muted=True,
        )
    )


async def test_a_shared_folder_is_told_apart(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", bob, [ada])
    news = world.add_channel("News", bob, [ada], is_broadcast=True)
    ada.folders.append(Folder(3, "Club", [news.peer_id], pinned=[town.peer_id], is_shared=True))
    found = await (await connect(ada))(functions.messages.GetDialogFiltersRequest())
    assert bytes(found.filters[1]) == bytes(
        types.DialogFilterChatlist(
            3,
            types.TextWithEntities("Club", []),
            [types.InputPeerChannel(town.id, world.access_hash(ada, town))],
            [types.InputPeerChannel(news.id, world.access_hash(ada, news))],
        )
    )


async def test_folders_are_their_owners_alone_and_in_their_order(
    world: World, connect: Connect
) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    ada.folders += [Folder(7, "Later"), Folder(2, "First")]
    found = await (await connect(ada))(functions.messages.GetDialogFiltersRequest())
    assert [folder.id for folder in found.filters[1:]] == [7, 2]
    found = await (await connect(bob))(functions.messages.GetDialogFiltersRequest())
    assert found.filters == [types.DialogFilterDefault()]
