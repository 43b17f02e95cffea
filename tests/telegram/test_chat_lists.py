"""What a key with chat lists reaches: which chats it may name, which it is shown, and that nothing tells of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from telethon.tl import types as t

from tests.telegram.conftest import all_but, only, restricted
from vasya_sandbox.membership import Invite
from vasya_server.crypto.cursor import Cursors
from vasya_server.errors import ChatNotAllowed, ChatNotFound, ValidationFailed
from vasya_server.model.chat import ChatFilter, ChatType
from vasya_server.telegram.peers import resolve, resolve_any, resolve_listed, resolve_to_write
from vasya_server.telegram.requests.chats import get_chat, list_chats

if TYPE_CHECKING:
    from tests.telegram.conftest import Connect, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.view import AccountView

NOWHERE = "-1004242424242"


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


async def pages_of(account: AccountView, cursors: Cursors, query: ChatFilter) -> list[list[int]]:
    """Return the ids on each page."""
    pages: list[list[int]] = []
    cursor = None
    while not pages or cursor is not None:
        page = await list_chats(account, msgspec.structs.replace(query, cursor=cursor), cursors)
        pages.append([chat.id for chat in page.items])
        cursor = page.next
    return pages


async def listed(account: AccountView, cursors: Cursors, **query: Any) -> list[int]:
    return [each for page in await pages_of(account, cursors, ChatFilter(**query)) for each in page]


# Naming a chat


async def test_an_id_outside_is_refused_before_telegram_is_asked_anything(
    alice: AccountRuntime, scene: Scene, dc: DataCentre
) -> None:
    account = restricted(alice, only(scene.bob.id))

    for reference in (str(scene.group.peer_id), str(scene.carol.id), NOWHERE, "me", "424242"):
        with pytest.raises(ChatNotAllowed):
            await resolve(account, reference)
        with pytest.raises(ChatNotAllowed):
            await resolve_to_write(account, reference)

    assert dc.requests == {}


@pytest.mark.parametrize(
    "reference",
    ["@garden_club", "@carol_c", "@nobody_at_all", "+99966210003", "+99966219999", "@alice_a"],
)
async def test_a_name_or_number_outside_is_refused_whether_it_leads_anywhere_or_not(
    alice: AccountRuntime, scene: Scene, reference: str
) -> None:
    scene.alice.contacts.add(scene.carol.id)

    for rule in (only(scene.bob.id), all_but(*outside(scene))):
        with pytest.raises(ChatNotAllowed) as refused:
            await resolve(restricted(alice, rule), reference)
        assert (refused.value.detail, refused.value.remedy) == (ChatNotAllowed.detail, None)


def outside(scene: Scene) -> list[int]:
    return [scene.supergroup.peer_id, scene.carol.id, scene.alice.id]


async def test_a_name_that_leads_nowhere_lists_no_dialogs(
    alice: AccountRuntime, scene: Scene, dc: DataCentre
) -> None:
    with pytest.raises(ChatNotAllowed):
        await resolve(restricted(alice, only(scene.bob.id)), "@nobody_at_all")

    assert dc.requests == {"contacts.ResolveUsername": 1}


@pytest.mark.parametrize("reference", ["own id", "me", "@alice_a", "+99966210001"])
async def test_every_name_of_one_chat_is_allowed_with_it(
    alice: AccountRuntime, scene: Scene, reference: str
) -> None:
    account = restricted(alice, only(scene.alice.id))

    peer = await resolve(account, str(scene.alice.id) if reference == "own id" else reference)

    assert (peer.id, peer.input_peer) == (scene.alice.id, t.InputPeerSelf())


async def test_an_exception_holds_however_the_chat_is_named(
    alice: AccountRuntime, scene: Scene
) -> None:
    account = restricted(alice, all_but(scene.supergroup.peer_id))

    assert (await resolve(account, "@bob_b")).id == scene.bob.id
    for reference in (str(scene.supergroup.peer_id), "@garden_club", "@GARDEN_CLUB"):
        with pytest.raises(ChatNotAllowed):
            await resolve(account, reference)


async def test_an_allowed_id_that_the_account_has_never_met_is_not_found(
    alice: AccountRuntime,
) -> None:
    with pytest.raises(ChatNotFound):
        await resolve(restricted(alice, only(int(NOWHERE))), NOWHERE)


async def test_reading_and_writing_have_lists_of_their_own(
    alice: AccountRuntime, scene: Scene
) -> None:
    account = restricted(alice, only(scene.bob.id, scene.group.peer_id), only(scene.group.peer_id))

    assert (await resolve(account, "@bob_b")).id == scene.bob.id
    assert (await resolve_to_write(account, str(scene.group.peer_id))).id == scene.group.peer_id
    with pytest.raises(ChatNotAllowed):
        await resolve_to_write(account, "@bob_b")


async def test_a_username_that_moved_to_another_chat_does_not_take_the_right_along(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    account = restricted(alice, only(scene.bob.id))
    await resolve(account, "@bob_b")
    world.rename(scene.bob, "")
    world.rename(scene.carol, "bob_b")

    with pytest.raises(ChatNotAllowed):
        await resolve(account, "@bob_b")


@pytest.mark.parametrize("is_listed", [True, False])
async def test_the_candidates_for_a_title_are_allowed_chats_alone(
    alice: AccountRuntime, scene: Scene, world: World, *, is_listed: bool
) -> None:
    lunch = world.add_group("Lunch, but secret", scene.bob, [scene.alice])
    world.post(scene.bob, lunch, "psst")
    rule = only(scene.group.peer_id) if is_listed else all_but(lunch.peer_id)

    with pytest.raises(ChatNotFound) as missing:
        await resolve(restricted(alice, rule), "lunch")

    assert [each.id for each in missing.value.candidates] == [scene.group.peer_id]


async def test_one_chat_outside_is_refused_and_one_inside_is_told(
    alice: AccountRuntime, scene: Scene
) -> None:
    account = restricted(alice, only(scene.bob.id))

    assert (await get_chat(account, "@bob_b")).title == "Bob"
    with pytest.raises(ChatNotAllowed):
        await get_chat(account, str(scene.group.peer_id))


# Resolving


@pytest.mark.parametrize(
    "q",
    [
        "@garden_club",
        "https://t.me/garden_club/5",
        "tg://resolve?domain=nobody_at_all",
        "t.me/c/4242424242/1",
        "tg://user?id=424242",
        "t.me/+99966219999",
        "t.me/+nosuchinvite",
    ],
)
async def test_a_link_to_somewhere_outside_is_refused_whether_it_leads_anywhere_or_not(
    alice: AccountRuntime, scene: Scene, q: str
) -> None:
    with pytest.raises(ChatNotAllowed):
        await resolve_any(restricted(alice, only(scene.bob.id)), q, public=True)


def invite_to(chat: Channel) -> str:
    chat.invites.append(Invite(f"AbCdEfGh{chat.id}"))
    return chat.invites[0].hash


async def test_an_invite_to_a_chat_outside_is_refused_joined_or_not(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    joined = world.add_channel("Joined", scene.bob, [scene.alice])
    other = world.add_channel("Other", scene.bob, [])
    account = restricted(alice, only(scene.bob.id))

    for chat in (joined, other):
        link = f"https://t.me/+{invite_to(chat)}"
        with pytest.raises(ChatNotAllowed):
            await resolve_any(account, link, public=False)


async def test_an_invite_to_an_allowed_chat_is_that_chat(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    joined = world.add_channel("Joined", scene.bob, [scene.alice])
    link = f"https://t.me/+{invite_to(joined)}"

    found = await resolve_any(restricted(alice, only(joined.peer_id)), link, public=False)

    assert found.chat is not None
    assert found.chat.id == joined.peer_id


async def test_the_public_directory_is_not_asked_about_chats_that_are_listed(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    world.add_channel("Garden elsewhere", scene.bob, [], "garden_elsewhere", is_broadcast=True)
    account = restricted(alice, only(scene.supergroup.peer_id))

    found = await resolve_any(account, "garden", public=True)
    with pytest.raises(ChatNotFound):
        await resolve_any(account, "elsewhere", public=True)

    assert [each.id for each in found.candidates] == [scene.supergroup.peer_id]
    assert "contacts.Search" not in dc.requests


async def test_what_the_public_directory_finds_is_without_the_exceptions(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    one = world.add_channel("Elsewhere one", scene.bob, [], "elsewhere_1", is_broadcast=True)
    two = world.add_channel("Elsewhere two", scene.bob, [], "elsewhere_2", is_broadcast=True)

    found = await resolve_any(restricted(alice, all_but(one.peer_id)), "elsewhere", public=True)

    assert [each.id for each in found.candidates] == [two.peer_id]


# The chat list


async def test_a_list_of_chats_is_asked_for_chat_by_chat(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, dc: DataCentre
) -> None:
    account = restricted(alice, only(scene.bob.id, scene.group.peer_id))
    await listed(account, cursors)  # its ids are known from now on
    dc.reset_counters()

    assert await listed(account, cursors) == [scene.group.peer_id, scene.bob.id]
    assert dc.requests == {"messages.GetPeerDialogs": 1}


@pytest.fixture
def many(world: World, scene: Scene) -> list[int]:
    """Return the ids of thirty more people who wrote to Alice, the latest first."""
    senders = [world.add_user(f"Sender {n}", phone=f"9996630{n:04}") for n in range(30)]
    start = world.now
    for n, sender in enumerate(senders):
        world.post(sender, scene.alice, f"note {n}", at=start + 60 + n)
    return [sender.id for sender in reversed(senders)]


@pytest.mark.parametrize("limit", [1, 2, 5, 9, 10, 11])
async def test_listed_chats_come_in_full_pages_and_in_the_order_of_a_chat_list(
    alice: AccountRuntime,
    cursors: Cursors,
    many: list[int],
    scene: Scene,
    world: World,
    limit: int,
) -> None:
    world.dialog(scene.alice, many[8]).pin_rank = 1
    account = restricted(alice, only(*many[:20:2]))

    pages = await pages_of(account, cursors, ChatFilter(limit=limit))

    expected = [many[8], many[0], many[2], many[4], many[6], *many[10:20:2]]
    assert [each for page in pages for each in page] == expected
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[-1] != []


@pytest.mark.parametrize("limit", [1, 2, 5, 9, 10, 11])
async def test_a_list_without_exceptions_has_no_gap_where_they_stood(
    alice: AccountRuntime,
    cursors: Cursors,
    many: list[int],
    scene: Scene,
    world: World,
    limit: int,
) -> None:
    for rank, n in enumerate((3, 6, 9), 1):
        world.dialog(scene.alice, many[n]).pin_rank = rank
    hidden = [many[6], *many[10:], *everybody(scene)]
    account = restricted(alice, all_but(*hidden))

    pages = await pages_of(account, cursors, ChatFilter(limit=limit))

    expected = [many[n] for n in (9, 3, 0, 1, 2, 4, 5, 7, 8)]
    assert [each for page in pages for each in page] == expected
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[-1] != []


def everybody(scene: Scene) -> list[int]:
    return [
        scene.bob.id,
        scene.group.peer_id,
        scene.supergroup.peer_id,
        scene.channel.peer_id,
    ]


async def test_a_list_of_nothing_is_empty(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    rule = only(scene.bob.id, excepted=frozenset({scene.bob.id}))

    assert await listed(restricted(alice, rule), cursors) == []


async def test_filters_narrow_what_is_listed(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, world: World
) -> None:
    world.dialog(scene.alice, scene.bob.id).folder_id = 1
    world.dialog(scene.alice, scene.channel.peer_id).read_in = 99
    account = restricted(alice, only(scene.bob.id, scene.group.peer_id, scene.channel.peer_id))

    async def found(**query: Any) -> set[int]:
        return set(await listed(account, cursors, **query))

    assert await found(q="garden") == set()
    assert await found(q="LUN") == {scene.group.peer_id}
    assert await found(type=(ChatType.USER,)) == {scene.bob.id}
    assert await found(archived=True) == {scene.bob.id}
    assert await found(archived=False) == {scene.group.peer_id, scene.channel.peer_id}
    assert await found(unread=False) == {scene.channel.peer_id}
    assert await found(unread=True) == {scene.bob.id, scene.group.peer_id}


async def test_a_chat_that_nothing_was_said_in_is_listed_when_it_is_named(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    scene.alice.contacts.add(scene.carol.id)
    await resolve_listed(restricted(alice, only(1)), "+99966210003")

    account = restricted(alice, only(scene.carol.id, scene.bob.id))

    assert await listed(account, cursors) == [scene.bob.id, scene.carol.id]


async def test_a_chat_that_is_closed_by_now_takes_no_other_along(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, world: World
) -> None:
    closed = world.add_channel("Closed", scene.bob, [scene.alice])
    world.post(scene.bob, closed, "last words")
    account = restricted(alice, only(*everybody(scene), closed.peer_id))
    assert closed.peer_id in await listed(account, cursors)

    closed.members[scene.alice.id].role = "banned"

    assert set(await listed(account, cursors)) == set(everybody(scene))


async def test_a_cursor_of_the_whole_list_is_none_of_the_listed_chats(
    alice: AccountRuntime, cursors: Cursors, many: list[int]
) -> None:
    whole = await list_chats(restricted(alice, all_but(many[0])), ChatFilter(limit=2), cursors)

    with pytest.raises(ValidationFailed):
        await list_chats(
            restricted(alice, only(*many)), ChatFilter(limit=2, cursor=whole.next), cursors
        )


# Groups in common


async def test_groups_in_common_are_those_within_reach(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    account = restricted(alice, only(scene.group.peer_id))

    assert await listed(account, cursors, with_=str(scene.carol.id)) == []
    await resolve_listed(account, "@carol_c")  # met since, which is not to be noticed
    assert await listed(account, cursors, with_=str(scene.carol.id)) == [scene.group.peer_id]
    assert await listed(account, cursors, with_="424242") == []


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_groups_in_common_leave_no_gap_where_others_stood(
    alice: AccountRuntime, cursors: Cursors, scene: Scene, world: World, limit: int
) -> None:
    groups = [world.add_group(f"G{n}", scene.alice, [scene.bob]) for n in range(8)]
    for group in groups:
        world.post(scene.bob, group, "hello")
    shown = [group.peer_id for group in groups[2:5]]
    await resolve_listed(restricted(alice, only(1)), "@bob_b")

    pages = await pages_of(
        restricted(alice, only(*shown)),
        cursors,
        ChatFilter(with_=str(scene.bob.id), limit=limit),
    )

    assert sorted(each for page in pages for each in page) == sorted(shown)
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[-1] != []


async def test_somebody_outside_cannot_be_asked_about_by_name(
    alice: AccountRuntime, cursors: Cursors, scene: Scene
) -> None:
    account = restricted(alice, only(scene.group.peer_id))

    for name in ("@bob_b", "@nobody_at_all", "+99966210002"):
        with pytest.raises(ChatNotAllowed):
            await list_chats(account, ChatFilter(with_=name), cursors)


# What a key is bound to


@pytest.mark.parametrize(
    "reference", ["me", "@bob_b", "@garden_club", "+99966210001", "group", "channel"]
)
async def test_a_chat_that_a_key_is_to_name_is_its_marked_id(
    alice: AccountRuntime, scene: Scene, reference: str
) -> None:
    ids = {
        "me": scene.alice.id,
        "@bob_b": scene.bob.id,
        "@garden_club": scene.supergroup.peer_id,
        "+99966210001": scene.alice.id,
        "group": scene.group.peer_id,
        "channel": scene.channel.peer_id,
    }
    said = reference if reference[0] in "@+m" else str(ids[reference])

    assert await resolve_listed(restricted(alice, only(1)), said) == ids[reference]


@pytest.mark.parametrize("reference", ["Lunch", "@nobody_at_all", "424242", "", "+99966210002"])
async def test_what_names_no_chat_cannot_be_bound_to(alice: AccountRuntime, reference: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await resolve_listed(restricted(alice, only(1)), reference)

    [error] = refused.value.errors
    assert (error.pointer, error.code) == ("/chats", "unknown")


async def test_the_lists_of_one_account_say_nothing_to_another(
    connect: Connect, scene: Scene
) -> None:
    carol = await connect(scene.carol)

    assert (await resolve(restricted(carol, only(scene.bob.id)), "@bob_b")).id == scene.bob.id
    with pytest.raises(ChatNotAllowed):
        await resolve(restricted(carol, only(scene.bob.id)), "@alice_a")
