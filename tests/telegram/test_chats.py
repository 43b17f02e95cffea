"""The chat list, page by page and filter by filter, and one chat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox.records import CHANNEL_MARK
from vasya_server.crypto.cursor import Cursors
from vasya_server.errors import ChatNotFound, ValidationFailed
from vasya_server.model.chat import ChatFilter, ChatType
from vasya_server.telegram.requests.chats import get_chat, list_chats

if TYPE_CHECKING:
    from tests.telegram.conftest import Connect, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.model.chat import ChatPage
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


@pytest.fixture
def many(world: World, scene: Scene) -> list[int]:
    """Return the ids of thirty more people who wrote to Alice, the latest first."""
    senders = [world.add_user(f"Sender {n}", phone=f"9996630{n:04}") for n in range(30)]
    start = world.now
    for n, sender in enumerate(senders):
        world.post(sender, scene.alice, f"note {n}", at=start + 60 + n)
    return [sender.id for sender in reversed(senders)]


async def walk(
    account: AccountRuntime, cursors: Cursors, query: ChatFilter
) -> tuple[list[int], int]:
    """Return the ids on all pages, and how many pages there were."""
    ids: list[int] = []
    pages = 0
    cursor = None
    while pages == 0 or cursor is not None:
        page = await list_chats(
            as_owner(account), msgspec.structs.replace(query, cursor=cursor), cursors
        )
        ids += [chat.id for chat in page.items]
        cursor = page.next
        pages += 1
        assert len(page.items) <= query.limit
    return ids, pages


def codes(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in refused.value.errors]


async def test_a_page_names_every_chat_with_its_last_message(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    page: ChatPage = await list_chats(as_owner(alice), ChatFilter(), cursors)

    shown = {chat.id: chat for chat in page.items}
    assert set(shown) == {
        scene.bob.id,
        scene.group.peer_id,
        scene.supergroup.peer_id,
        scene.channel.peer_id,
    }
    assert page.next is None
    assert page.trust == "untrusted"
    bob = shown[scene.bob.id]
    assert (bob.title, bob.username, bob.unread_count) == ("Bob", "bob_b", 1)
    assert bob.last_message is not None
    assert (bob.last_message.text, bob.last_message.is_outgoing) == ("good morning", True)


async def test_the_whole_list_is_one_request(
    alice: AccountRuntime, cursors: Cursors, dc: DataCentre
) -> None:
    await list_chats(as_owner(alice), ChatFilter(), cursors)

    assert dc.requests == {"messages.GetDialogs": 1}


@pytest.mark.parametrize("limit", [1, 2, 7, 33, 34, 35, 200])
async def test_pages_of_any_size_tell_every_chat_once(
    alice: AccountRuntime, cursors: Cursors, many: list[int], limit: int
) -> None:
    ids, pages = await walk(alice, cursors, ChatFilter(limit=limit))

    assert ids[:30] == many
    assert len(ids) == len(set(ids)) == 34
    assert pages <= 34 // limit + 1


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
async def test_pinned_chats_come_first_and_once(
    alice: AccountRuntime, cursors: Cursors, many: list[int], scene: Scene, world: World, limit: int
) -> None:
    for rank, chat_id in enumerate((many[20], many[10], scene.channel.peer_id), 1):
        world.dialog(scene.alice, chat_id).pin_rank = rank

    ids, _ = await walk(alice, cursors, ChatFilter(limit=limit))

    assert ids[:4] == [scene.channel.peer_id, many[10], many[20], many[0]]
    assert len(ids) == len(set(ids)) == 34


async def test_a_message_that_comes_between_two_pages_repeats_nothing(
    alice: AccountRuntime, cursors: Cursors, many: list[int], scene: Scene, world: World
) -> None:
    first = await list_chats(as_owner(alice), ChatFilter(limit=10), cursors)
    world.post(world.users[many[5]], scene.alice, "again", at=world.now + 500)

    second = await list_chats(as_owner(alice), ChatFilter(limit=10, cursor=first.next), cursors)

    assert [chat.id for chat in first.items] == many[:10]
    assert [chat.id for chat in second.items] == many[10:20]


async def test_words_narrow_by_title_and_username_in_any_case(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    by_title, _ = await walk(alice, cursors, ChatFilter(q="LUNC"))
    by_username, _ = await walk(alice, cursors, ChatFilter(q="garden_"))

    assert by_title == [scene.group.peer_id]
    assert by_username == [scene.supergroup.peer_id]


@pytest.mark.parametrize("limit", [1, 4, 100])
async def test_a_filter_pages_until_it_is_full(
    alice: AccountRuntime, cursors: Cursors, many: list[int], limit: int
) -> None:
    ids, pages = await walk(alice, cursors, ChatFilter(q="sender 2", limit=limit))

    assert len(ids) == len(set(ids)) == 11
    assert pages <= 11 // limit + 1


async def test_types_narrow(alice: AccountRuntime, cursors: Cursors, scene: Scene) -> None:
    kinds = (ChatType.GROUP, ChatType.CHANNEL)

    ids, _ = await walk(alice, cursors, ChatFilter(type=kinds))

    assert set(ids) == {scene.group.peer_id, scene.channel.peer_id}


async def test_unread_chats_have_messages_or_the_mark(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, world: World
) -> None:
    world.mark_read(scene.alice, scene.group)
    world.dialog(scene.alice, scene.channel.peer_id).is_marked_unread = True

    unread, _ = await walk(alice, cursors, ChatFilter(unread=True))
    read, _ = await walk(alice, cursors, ChatFilter(unread=False))

    assert {scene.bob.id, scene.channel.peer_id} <= set(unread)
    assert scene.group.peer_id in read
    assert not set(unread) & set(read)


async def test_the_archive_is_told_apart(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, world: World
) -> None:
    world.dialog(scene.alice, scene.group.peer_id).folder_id = 1

    archived = await list_chats(as_owner(alice), ChatFilter(archived=True), cursors)
    others, _ = await walk(alice, cursors, ChatFilter(archived=False))

    assert [(chat.id, chat.is_archived) for chat in archived.items] == [(scene.group.peer_id, True)]
    assert len(others) == 3
    assert scene.group.peer_id not in others


async def test_folder_zero_is_all_chats(alice: AccountRuntime, cursors: Cursors) -> None:
    ids, _ = await walk(alice, cursors, ChatFilter(folder=0))

    assert len(ids) == 4


async def test_an_unknown_folder_is_refused_with_the_known_ones(
    alice: AccountRuntime, cursors: Cursors
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await list_chats(as_owner(alice), ChatFilter(folder=77), cursors)

    [error] = refused.value.errors
    assert (error.pointer, error.code, error.allowed) == ("?folder", "unknown", ("0",))


async def test_common_chats_are_asked_for_a_user_only(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await list_chats(as_owner(alice), ChatFilter(with_=str(scene.group.peer_id)), cursors)

    assert codes(refused) == [("?with", "not_a_user")]


async def test_common_chats_of_an_unknown_user_are_not_found(
    alice: AccountRuntime, cursors: Cursors
) -> None:
    with pytest.raises(ChatNotFound):
        await list_chats(as_owner(alice), ChatFilter(with_="@nobody_here"), cursors)


@pytest.mark.parametrize("cursor", ["nonsense", "", "x" * 512])
async def test_a_cursor_that_is_none_is_refused_before_telegram_is_asked(
    alice: AccountRuntime, cursors: Cursors, dc: DataCentre, cursor: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await list_chats(as_owner(alice), ChatFilter(cursor=cursor), cursors)

    assert codes(refused) == [("?cursor", "invalid")]
    assert dc.requests == {}


async def test_a_cursor_belongs_to_its_filters(
    alice: AccountRuntime, cursors: Cursors, many: list[int]
) -> None:
    page = await list_chats(as_owner(alice), ChatFilter(limit=2), cursors)

    with pytest.raises(ValidationFailed) as refused:
        await list_chats(as_owner(alice), ChatFilter(unread=True, cursor=page.next), cursors)

    assert codes(refused) == [("?cursor", "invalid")]


async def test_a_cursor_of_another_account_is_refused(
    alice: AccountRuntime, connect: Connect, cursors: Cursors, many: list[int], scene: Scene
) -> None:
    page = await list_chats(as_owner(alice), ChatFilter(limit=2), cursors)
    carol = await connect(scene.carol)

    with pytest.raises(ValidationFailed):
        await list_chats(as_owner(carol), ChatFilter(limit=2, cursor=page.next), cursors)


async def test_a_cursor_allows_another_page_size(
    alice: AccountRuntime, cursors: Cursors, many: list[int]
) -> None:
    first = await list_chats(as_owner(alice), ChatFilter(limit=2), cursors)

    second = await list_chats(as_owner(alice), ChatFilter(limit=5, cursor=first.next), cursors)

    assert [chat.id for chat in second.items] == many[2:7]


async def test_a_chat_tells_who_it_is_and_what_may_be_done(
    alice: AccountRuntime, scene: Scene
) -> None:
    chat = await get_chat(as_owner(alice), str(scene.group.peer_id))

    assert (chat.id, chat.type, chat.title) == (scene.group.peer_id, ChatType.GROUP, "Lunch")
    assert (chat.members_count, chat.can_send) == (3, True)
    assert chat.last_message is not None
    assert chat.last_message.text == "soup?"


async def test_a_channel_that_one_only_reads_takes_no_messages(
    alice: AccountRuntime, scene: Scene
) -> None:
    chat = await get_chat(as_owner(alice), "@daily_news")

    assert (chat.type, chat.can_send, chat.members_count) == (ChatType.CHANNEL, False, 2)


async def test_a_forum_says_that_it_is_one(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    forum = world.add_channel("Forum", scene.alice, [scene.bob], is_forum=True)

    chat = await get_chat(as_owner(alice), str(forum.peer_id))

    assert forum.peer_id < -CHANNEL_MARK
    assert (chat.type, chat.is_forum) == (ChatType.SUPERGROUP, True)


async def test_a_muted_chat_says_until_when(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    until = datetime(2035, 1, 1, tzinfo=UTC)
    world.dialog(scene.alice, scene.bob.id).muted_until = int(until.timestamp())

    chat = await get_chat(as_owner(alice), "@bob_b")

    assert (chat.is_muted, chat.muted_until) == (True, until)


async def test_saved_messages_are_a_chat(alice: AccountRuntime, scene: Scene) -> None:
    chat = await get_chat(as_owner(alice), "me")

    assert (chat.id, chat.title, chat.can_send) == (scene.alice.id, "Saved Messages", True)


async def test_somebody_never_written_to_is_a_chat(alice: AccountRuntime, scene: Scene) -> None:
    chat = await get_chat(as_owner(alice), "@carol_c")

    assert (chat.id, chat.title) == (scene.carol.id, "Кэрол")
    assert chat.last_message is None
