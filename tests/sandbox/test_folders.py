from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
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


def a_folder(folder_id: int, title: str = "Mine", **fields: Any) -> Any:
    plain: dict[str, Any] = {"pinned_peers": [], "include_peers": [types.InputPeerSelf()]}
    return types.DialogFilter(
        folder_id,
        types.TextWithEntities(title, []),
        **{**plain, "exclude_peers": [], **fields},
    )


def put(folder: Any) -> Any:
    return functions.messages.UpdateDialogFilterRequest(folder.id, folder)


def delete(folder_id: int) -> Any:
    return functions.messages.UpdateDialogFilterRequest(folder_id)


async def folders_of(client: Any) -> list[Any]:
    found = await client(functions.messages.GetDialogFiltersRequest())
    return list(found.filters[1:])


async def test_a_folder_that_is_put_is_shown_as_it_was_put(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    duo = world.add_group("Duo", ada, [bob])
    client = await connect(ada)
    made = a_folder(2, pinned_peers=[types.InputPeerChat(duo.id)], bots=True, exclude_read=True)
    assert await client(put(made)) is True
    assert [bytes(each) for each in await folders_of(client)] == [bytes(made)]
    changed = a_folder(2, "Ours", exclude_peers=[types.InputPeerChat(duo.id)], groups=True)
    assert await client(put(changed)) is True
    assert [bytes(each) for each in await folders_of(client)] == [bytes(changed)]


async def test_a_deleted_folder_is_gone(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    for folder_id in (2, 3):
        await client(put(a_folder(folder_id)))
    assert await client(delete(2)) is True
    assert [each.id for each in await folders_of(client)] == [3]
    with refused("FILTER_ID_INVALID"):
        await client(delete(2))


async def test_folders_stand_in_the_order_that_was_asked_for(
    world: World, connect: Connect
) -> None:
    client = await connect(world.add_user("Ada"))
    for folder_id in (2, 3, 4, 5):
        await client(put(a_folder(folder_id)))
    assert await client(functions.messages.UpdateDialogFiltersOrderRequest([5, 3])) is True
    assert [each.id for each in await folders_of(client)] == [5, 3, 2, 4]


@pytest.mark.parametrize("folder_id", [0, 1, 256])
async def test_a_folder_has_an_id_of_its_own(
    world: World, connect: Connect, folder_id: int
) -> None:
    client = await connect(world.add_user("Ada"))
    with refused("FILTER_ID_INVALID"):
        await client(put(a_folder(folder_id)))
    with refused("FILTER_ID_INVALID"):
        await client(functions.messages.UpdateDialogFilterRequest(3, a_folder(2)))


async def test_a_folder_has_a_title_and_takes_something_in(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    with refused("FILTER_TITLE_EMPTY"):
        await client(put(a_folder(2, "")))
    with refused("FILTER_INCLUDE_EMPTY"):
        await client(put(a_folder(2, include_peers=[], exclude_muted=True)))
    assert await client(put(a_folder(2, include_peers=[], contacts=True))) is True


async def test_only_chats_that_the_caller_may_name_go_into_a_folder(
    world: World, connect: Connect
) -> None:
    bob = world.add_user("Bob")
    client = await connect(world.add_user("Ada"))
    with refused("PEER_ID_INVALID"):
        await client(put(a_folder(2, include_peers=[types.InputPeerUser(bob.id, 7)])))


def share(folder_id: int, *peers: Any) -> Any:
    chatlist = types.InputChatlistDialogFilter(folder_id)
    return functions.chatlists.ExportChatlistInviteRequest(chatlist, "For you", list(peers))


async def test_a_folder_that_is_shared_becomes_a_shared_one(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    duo = world.add_group("Duo", ada, [world.add_user("Bob")])
    client, chat = await connect(ada), types.InputPeerChat(duo.id)
    await client(put(a_folder(2, include_peers=[chat])))
    exported = await client(share(2, chat))
    assert exported.invite.peers == [types.PeerChat(duo.id)]
    shared = types.DialogFilterChatlist(2, types.TextWithEntities("Mine", []), [], [chat])
    assert [bytes(each) for each in await folders_of(client)] == [bytes(shared)]
    with refused("FILTER_NOT_SUPPORTED"):
        await client(put(a_folder(2)))
    shared.pinned_peers = [chat]
    assert await client(put(shared)) is True
    assert [bytes(each) for each in await folders_of(client)] == [bytes(shared)]


async def test_what_cannot_be_shared(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    duo = world.add_group("Duo", ada, [world.add_user("Bob")])
    client, chat = await connect(ada), types.InputPeerChat(duo.id)
    await client(put(a_folder(2, include_peers=[chat], groups=True)))
    await client(put(a_folder(3)))
    with refused("FILTER_NOT_SUPPORTED"):
        await client(share(2, chat))
    with refused("PEERS_LIST_EMPTY"):
        await client(share(3, chat))
    with refused("PEERS_LIST_EMPTY"):
        await client(share(3))
    with refused("FILTER_ID_INVALID"):
        await client(share(4, chat))
    with refused("FILTER_NOT_SUPPORTED"):
        await client(
            put(types.DialogFilterChatlist(5, types.TextWithEntities("New", []), [], [chat]))
        )
    with refused("FILTER_NOT_SUPPORTED"):
        await client(functions.messages.UpdateDialogFilterRequest(2, types.DialogFilterDefault()))


async def test_the_other_devices_hear_of_every_change(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    client, tablet = await connect(ada), await connect(ada)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    tablet.add_event_handler(heard.put)
    made = a_folder(2)
    for request in (
        put(made),
        functions.messages.UpdateDialogFiltersOrderRequest([2]),
        share(2, types.InputPeerSelf()),
        delete(2),
    ):
        await client(request)
    async with asyncio.timeout(5):
        updates = [await heard.get() for _ in range(4)]
    assert [type(update) for update in updates] == [
        types.UpdateDialogFilter,
        types.UpdateDialogFilterOrder,
        types.UpdateDialogFilter,
        types.UpdateDialogFilter,
    ]
    assert bytes(updates[0].filter) == bytes(made)
    assert updates[1].order == [2]
    assert isinstance(updates[2].filter, types.DialogFilterChatlist)
    assert (updates[3].id, updates[3].filter) == (2, None)


async def test_a_folder_keeps_its_looks(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    client = await connect(ada)
    title = types.TextWithEntities("🐟🐟", [types.MessageEntityCustomEmoji(0, 2, 77)])
    made = a_folder(2, emoticon="🐟", color=4, title_noanimate=True)
    made.title = title
    assert await client(put(made)) is True
    assert [bytes(each) for each in await folders_of(client)] == [bytes(made)]


async def test_a_shared_folder_that_is_left_is_gone_and_its_chats_are_not(
    world: World, connect: Connect
) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    town = world.add_channel("Town", bob, [ada])
    ada.folders += [Folder(3, "Club", [town.peer_id], is_shared=True), Folder(4, "Own", [ada.id])]
    client = await connect(ada)

    def leave(folder_id: int, *peers: Any) -> Any:
        chatlist = types.InputChatlistDialogFilter(folder_id)
        return functions.chatlists.LeaveChatlistRequest(chatlist, list(peers))

    left = await client(leave(3))
    assert left.updates == [types.UpdateDialogFilter(3)]
    assert [each.id for each in await folders_of(client)] == [4]
    assert town.members[ada.id].is_inside
    for folder_id in (3, 4):
        with refused("FILTER_ID_INVALID"):
            await client(leave(folder_id))
    with refused("CHATS_ARE_NOT_LEFT_BY_SANDBOX"):
        await client(leave(4, types.InputPeerSelf()))
