"""Keys that are bound to a folder: who moves a chat in gives it to them, and who moves it out takes it away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.telegram.conftest import as_owner, restricted
from vasya_sandbox.chat_lists import Folder, FolderRule
from vasya_sandbox.client import open_client
from vasya_sandbox.handlers.folders import RULES
from vasya_server.auth.chat_lists import ChatRule
from vasya_server.crypto.cursor import Cursors
from vasya_server.errors import (
    ChatNotAllowed,
    FloodWait,
    FolderUnsuitable,
    TelegramTimeout,
    ValidationFailed,
)
from vasya_server.model.chat import ChatFilter
from vasya_server.telegram.folders import suitable_folder
from vasya_server.telegram.peers import resolve, resolve_to_write
from vasya_server.telegram.requests.chats import list_chats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.clocks import MovableClock
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.view import AccountView

SUPPORT = 7


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


@pytest.fixture
def support(scene: Scene) -> Folder:
    """Return a folder of Alice's that holds Bob."""
    folder = Folder(SUPPORT, "Support", included=[scene.bob.id])
    scene.alice.folders.append(folder)
    return folder


@pytest.fixture
def key_view(alice: AccountRuntime, support: Folder) -> AccountView:
    """Return Alice's account as a key sees it that is bound to the folder."""
    return restricted(alice, in_folder())


def in_folder(**fields: frozenset[int]) -> ChatRule:
    return ChatRule(folders=frozenset({SUPPORT}), **fields)


async def reaches(account: AccountView, chat_id: int) -> bool:
    """Tell whether the key may read and write there; it may do both or neither."""
    allowed = []
    for resolving in (resolve, resolve_to_write):
        try:
            allowed.append((await resolving(account, str(chat_id))).id == chat_id)
        except ChatNotAllowed:
            allowed.append(False)
    assert len({*allowed}) == 1
    return allowed[0]


@pytest.fixture
async def phone(dc: DataCentre, scene: Scene) -> AsyncIterator[Any]:
    """Return another device of Alice's, with which she moves her chats about."""
    client = open_client(dc.address, dc.mint(scene.alice))
    await client.connect()
    yield client
    await client.disconnect()


def folder_of(*peers: Any, **fields: Any) -> Any:
    """Return the request that makes the folder hold these chats."""
    plain: dict[str, Any] = {"pinned_peers": [], "include_peers": [*peers], "exclude_peers": []}
    title = t.TextWithEntities("Support", [])
    folder = t.DialogFilter(SUPPORT, title, **{**plain, **fields})
    return f.messages.UpdateDialogFilterRequest(SUPPORT, folder)


async def test_what_is_in_the_folder_is_within_reach_and_nothing_else(
    key_view: AccountView, scene: Scene
) -> None:
    assert await reaches(key_view, scene.bob.id)
    assert not await reaches(key_view, scene.group.peer_id)


async def test_moving_a_chat_in_and_out_on_another_device_gives_and_takes_it(
    key_view: AccountView, scene: Scene, world: World, phone: Any, clock: MovableClock
) -> None:
    bob = t.InputPeerUser(scene.bob.id, world.access_hash(scene.alice, scene.bob))
    group = t.InputPeerChat(scene.group.id)
    assert not await reaches(key_view, scene.group.peer_id)

    await phone(folder_of(bob, group))
    clock.passed_secs += 2
    assert await reaches(key_view, scene.group.peer_id)

    await phone(folder_of(group))
    clock.passed_secs += 2
    assert await reaches(key_view, scene.group.peer_id)
    assert not await reaches(key_view, scene.bob.id)

    await phone(folder_of(pinned_peers=[bob]))
    clock.passed_secs += 2
    assert await reaches(key_view, scene.bob.id)
    assert not await reaches(key_view, scene.group.peer_id)


async def test_what_a_rule_would_take_in_is_not_within_reach(
    key_view: AccountView, scene: Scene, world: World, phone: Any
) -> None:
    bob = t.InputPeerUser(scene.bob.id, world.access_hash(scene.alice, scene.bob))
    every = dict.fromkeys(("contacts", "non_contacts", "groups", "broadcasts", "bots"), True)

    await phone(folder_of(bob, **every))

    assert await reaches(key_view, scene.bob.id)
    assert not await reaches(key_view, scene.group.peer_id)
    assert not await reaches(key_view, scene.channel.peer_id)


async def test_what_is_left_out_of_the_folder_is_not_within_reach(
    key_view: AccountView, scene: Scene, support: Folder
) -> None:
    support.excluded = [scene.bob.id]

    assert not await reaches(key_view, scene.bob.id)


async def test_a_folder_that_became_a_shared_one_gives_nothing(
    key_view: AccountView, scene: Scene, phone: Any, support: Folder
) -> None:
    support.included = [scene.group.peer_id]
    chatlist = t.InputChatlistDialogFilter(SUPPORT)
    group = t.InputPeerChat(scene.group.id)

    await phone(f.chatlists.ExportChatlistInviteRequest(chatlist, "For all", [group]))

    assert not await reaches(key_view, scene.group.peer_id)


async def test_a_deleted_folder_gives_nothing(
    key_view: AccountView, scene: Scene, cursors: Cursors, phone: Any, clock: MovableClock
) -> None:
    assert await reaches(key_view, scene.bob.id)

    await phone(f.messages.UpdateDialogFilterRequest(SUPPORT))
    clock.passed_secs += 2

    assert not await reaches(key_view, scene.bob.id)
    assert (await list_chats(key_view, ChatFilter(), cursors)).items == []


async def test_saved_messages_can_be_in_the_folder(
    key_view: AccountView, scene: Scene, support: Folder
) -> None:
    support.included = [scene.alice.id]

    assert (await resolve(key_view, "me")).id == scene.alice.id


async def test_ids_and_folders_add_up_and_exceptions_take_away(
    alice: AccountRuntime, scene: Scene, support: Folder
) -> None:
    support.included = [scene.bob.id, scene.channel.peer_id]
    rule = in_folder(
        ids=frozenset({scene.group.peer_id}), excepted=frozenset({scene.channel.peer_id})
    )
    account = restricted(alice, rule)

    assert await reaches(account, scene.bob.id)
    assert await reaches(account, scene.group.peer_id)
    assert not await reaches(account, scene.channel.peer_id)
    assert not await reaches(account, scene.supergroup.peer_id)


async def test_folders_are_asked_for_only_where_they_decide(
    alice: AccountRuntime, scene: Scene, support: Folder, dc: DataCentre
) -> None:
    rule = in_folder(
        ids=frozenset({scene.group.peer_id}), excepted=frozenset({scene.channel.peer_id})
    )
    account = restricted(alice, rule)

    assert await reaches(account, scene.group.peer_id)
    assert not await reaches(account, scene.channel.peer_id)

    assert "messages.GetDialogFilters" not in dc.requests


async def test_folders_are_asked_for_once_in_two_seconds(
    key_view: AccountView, scene: Scene, dc: DataCentre, clock: MovableClock
) -> None:
    for _ in range(3):
        await reaches(key_view, scene.bob.id)
    assert dc.requests["messages.GetDialogFilters"] == 1

    clock.passed_secs += 2
    await reaches(key_view, scene.bob.id)
    assert dc.requests["messages.GetDialogFilters"] == 2


async def test_those_who_ask_at_once_share_one_request(
    key_view: AccountView, scene: Scene, dc: DataCentre
) -> None:
    await asyncio.gather(*(reaches(key_view, scene.bob.id) for _ in range(20)))

    assert dc.requests["messages.GetDialogFilters"] == 1


@pytest.mark.short_deadlines
@pytest.mark.parametrize(
    ("action", "details", "refusal"),
    [("flood_wait", {"secs": 30}, FloodWait), ("silence", {"times": 9}, TelegramTimeout)],
)
async def test_a_folder_that_cannot_be_asked_for_gives_nothing(
    key_view: AccountView,
    scene: Scene,
    fault: Faults,
    action: str,
    details: dict[str, Any],
    refusal: type[Exception],
) -> None:
    fault(action, "messages.GetDialogFilters", **details)

    with pytest.raises(refusal):
        await resolve(key_view, str(scene.bob.id))


async def test_the_list_of_chats_is_what_is_in_the_folder_now(
    key_view: AccountView,
    scene: Scene,
    cursors: Cursors,
    support: Folder,
    clock: MovableClock,
) -> None:
    async def ids(**query: Any) -> set[int]:
        page = await list_chats(key_view, ChatFilter(**query), cursors)
        return {chat.id for chat in page.items}

    assert await ids() == {scene.bob.id}
    support.included = [scene.group.peer_id, scene.channel.peer_id]
    clock.passed_secs += 2
    assert await ids() == {scene.group.peer_id, scene.channel.peer_id}
    assert await ids(folder=SUPPORT) == {scene.group.peer_id, scene.channel.peer_id}
    assert await ids(folder=0, q="lunch") == {scene.group.peer_id}


async def test_other_folders_are_not_there_for_the_key(
    key_view: AccountView, scene: Scene, cursors: Cursors
) -> None:
    scene.alice.folders.append(Folder(9, "Private", included=[scene.bob.id]))

    for folder in (9, 10):
        with pytest.raises(ValidationFailed) as refused:
            await list_chats(key_view, ChatFilter(folder=folder), cursors)
        [error] = refused.value.errors
        assert (error.pointer, error.code, error.allowed) == ("?folder", "unknown", ("0", "7"))


# What a key may be bound to


async def test_a_folder_of_chosen_chats_is_suitable(alice: AccountRuntime, support: Folder) -> None:
    await suitable_folder(as_owner(alice), SUPPORT)


@pytest.mark.parametrize("rule", RULES)
async def test_a_folder_with_any_rule_is_unsuitable(
    alice: AccountRuntime, support: Folder, rule: FolderRule
) -> None:
    support.rules = [rule]

    with pytest.raises(FolderUnsuitable, match="has rules"):
        await suitable_folder(as_owner(alice), SUPPORT)


async def test_a_shared_folder_is_unsuitable(alice: AccountRuntime, support: Folder) -> None:
    support.is_shared = True

    with pytest.raises(FolderUnsuitable, match="is shared"):
        await suitable_folder(as_owner(alice), SUPPORT)


@pytest.mark.parametrize("folder_id", [0, 1, 8])
async def test_a_folder_that_is_not_there_is_unsuitable(
    alice: AccountRuntime, support: Folder, folder_id: int
) -> None:
    with pytest.raises(FolderUnsuitable, match="no such folder"):
        await suitable_folder(as_owner(alice), folder_id)
