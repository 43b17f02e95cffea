"""From what a caller writes to the chat it means."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from telethon.tl import types as t

from tests.telegram.conftest import as_owner
from tests.waiting import until_asked
from vasya_server.clock import SystemClock
from vasya_server.errors import ChatNotFound, FloodWait, TelegramTimeout, ValidationFailed
from vasya_server.model.chat import Candidate, ChatType
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.dialogs import closest
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.peers import resolve, resolve_any

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.mark.parametrize(
    "reference", ["bob", "@bob_b", "@BOB_B", "+99966210002", "+9 996 621-0002"]
)
async def test_every_way_of_saying_a_contact_is_the_same_chat(
    alice: AccountRuntime, scene: Scene, reference: str
) -> None:
    scene.alice.contacts.add(scene.bob.id)

    peer = await resolve(as_owner(alice), str(scene.bob.id) if reference == "bob" else reference)

    assert (peer.id, peer.key) == (scene.bob.id, f"user:{scene.bob.id}")


async def test_groups_and_channels_have_marked_ids(alice: AccountRuntime, scene: Scene) -> None:
    group = await resolve(as_owner(alice), str(scene.group.peer_id))
    channel = await resolve(as_owner(alice), str(scene.channel.peer_id))

    assert group.key == f"chat:{scene.group.id}"
    assert channel.key == f"channel:{scene.channel.id}"
    assert channel.is_channel


@pytest.mark.parametrize("reference", ["me", "own id", "@alice_a", "+99966210001"])
async def test_oneself_is_saved_messages_however_it_is_said(
    alice: AccountRuntime, scene: Scene, reference: str
) -> None:
    text = str(scene.alice.id) if reference == "own id" else reference

    peer = await resolve(as_owner(alice), text)

    assert (peer.id, peer.input_peer) == (scene.alice.id, t.InputPeerSelf())


async def test_an_id_works_without_any_listing_before(
    alice: AccountRuntime, scene: Scene, dc: DataCentre
) -> None:
    await resolve(as_owner(alice), str(scene.bob.id))

    assert dc.requests == {"messages.GetDialogs": 1}


async def test_an_id_seen_once_works_after_a_restart(
    alice: AccountRuntime,
    scene: Scene,
    dc: DataCentre,
    vault: Vault,
    settings: Settings,
    events: EventLog,
) -> None:
    await resolve(as_owner(alice), str(scene.bob.id))
    dc.reset_counters()
    restarted = Accounts(vault, settings, SystemClock(), Endpoint(settings), events)
    await restarted.open()

    peer = await resolve(as_owner(restarted.list(alice.owner)[0]), str(scene.bob.id))

    await restarted.close()
    assert peer.id == scene.bob.id
    assert "messages.GetDialogs" not in dc.requests


@pytest.mark.parametrize(
    "reference",
    [
        "424242",
        "-424242",
        "-1004242424242",
        "0",
        "-0",
        "9999999999999999",
        "9" * 19,
        "-" + "9" * 16,
    ],
)
async def test_an_unknown_id_is_not_found(alice: AccountRuntime, reference: str) -> None:
    with pytest.raises(ChatNotFound):
        await resolve(as_owner(alice), reference)


async def test_many_unknown_ids_list_the_dialogs_once(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    for reference in ("424242", "424243", "nobody", "@nobody_at_all"):
        with pytest.raises(ChatNotFound):
            await resolve(as_owner(alice), reference)

    assert dc.requests["messages.GetDialogs"] == 1


async def test_a_title_is_never_resolved_but_offered(alice: AccountRuntime, scene: Scene) -> None:
    with pytest.raises(ChatNotFound) as missing:
        await resolve(as_owner(alice), "lunch")

    [candidate] = missing.value.candidates
    assert (candidate.id, candidate.title) == (scene.group.peer_id, "Lunch")
    assert candidate.last_message_at is not None


async def test_unknown_names_asked_for_at_once_list_the_dialogs_once(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    outcomes = await asyncio.gather(
        *(resolve(as_owner(alice), f"nobody {n}") for n in range(60)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {ChatNotFound}
    assert dc.requests["messages.GetDialogs"] == 1


async def test_a_refused_listing_is_refused_to_all_who_wait_for_it(
    alice: AccountRuntime, dc: DataCentre, fault: Faults
) -> None:
    fault("flood_wait", "messages.GetDialogs", secs=30)

    outcomes = await asyncio.gather(
        *(resolve(as_owner(alice), f"nobody {n}") for n in range(5)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {FloodWait}
    assert dc.requests["messages.GetDialogs"] == 1


async def test_who_waits_for_a_listing_goes_on_where_the_one_who_listed_went_away(
    alice: AccountRuntime, dc: DataCentre, fault: Faults
) -> None:
    fault("silence", "messages.GetDialogs")
    first = asyncio.create_task(resolve(as_owner(alice), "bob"))
    await until_asked(dc, "messages.GetDialogs")
    second = asyncio.create_task(resolve(as_owner(alice), "bob"))
    await asyncio.sleep(0.1)

    first.cancel()

    with pytest.raises(ChatNotFound) as refused:
        await second
    assert [candidate.username for candidate in refused.value.candidates] == ["bob_b"]


@pytest.mark.short_deadlines
async def test_who_waits_for_a_listing_has_a_deadline_of_their_own(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "messages.GetDialogs", times=9)
    started = time.monotonic()

    outcomes = await asyncio.gather(
        *(resolve(as_owner(alice), f"nobody {n}") for n in range(9)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {TelegramTimeout}
    assert time.monotonic() - started < 5


async def test_an_unknown_username_offers_those_that_come_close(
    alice: AccountRuntime, scene: Scene
) -> None:
    with pytest.raises(ChatNotFound) as missing:
        await resolve(as_owner(alice), "@garden_clup")

    assert [candidate.id for candidate in missing.value.candidates] == [scene.supergroup.peer_id]


async def test_a_username_is_asked_for_once_and_then_only_confirmed(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    await resolve(as_owner(alice), "@garden_club")
    await resolve(as_owner(alice), "@garden_club")

    assert dc.requests == {"contacts.ResolveUsername": 1, "channels.GetChannels": 1}


async def test_a_username_that_moved_names_its_new_holder(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    await resolve(as_owner(alice), "@bob_b")
    world.rename(scene.bob, "")
    world.rename(scene.carol, "bob_b")

    assert (await resolve(as_owner(alice), "@bob_b")).id == scene.carol.id


async def test_a_phone_number_of_a_stranger_is_not_found(alice: AccountRuntime) -> None:
    with pytest.raises(ChatNotFound):
        await resolve(as_owner(alice), "+99966210002")


async def test_an_unknown_phone_number_is_not_found(alice: AccountRuntime) -> None:
    with pytest.raises(ChatNotFound):
        await resolve(as_owner(alice), "+99966219999")


@pytest.mark.short_deadlines
async def test_a_resolution_keeps_the_read_deadline(alice: AccountRuntime, fault: Faults) -> None:
    fault("silence", "messages.GetDialogs")

    with pytest.raises(TelegramTimeout):
        await resolve(as_owner(alice), "424242")


@pytest.mark.parametrize(
    "q", ["@daily_news", "https://t.me/daily_news/5", "tg://resolve?domain=daily_news"]
)
async def test_resolving_a_reference_or_link_answers_the_chat(
    alice: AccountRuntime, scene: Scene, q: str
) -> None:
    resolution = await resolve_any(as_owner(alice), q, public=False)

    assert resolution.chat is not None
    assert (resolution.chat.id, resolution.chat.title) == (scene.channel.peer_id, "Daily news")
    assert resolution.candidates == []


async def test_a_private_link_names_the_channel(alice: AccountRuntime, scene: Scene) -> None:
    resolution = await resolve_any(as_owner(alice), f"t.me/c/{scene.supergroup.id}/1", public=False)

    assert resolution.chat is not None
    assert resolution.chat.id == scene.supergroup.peer_id


async def test_resolving_part_of_a_title_answers_candidates(
    alice: AccountRuntime, scene: Scene
) -> None:
    resolution = await resolve_any(as_owner(alice), "GARDEN", public=False)

    assert resolution.chat is None
    assert [candidate.id for candidate in resolution.candidates] == [scene.supergroup.peer_id]


async def test_resolving_what_resembles_nothing_is_not_found(alice: AccountRuntime) -> None:
    with pytest.raises(ChatNotFound):
        await resolve_any(as_owner(alice), "zzzzzzzz", public=False)


async def test_the_public_directory_is_searched_only_on_request(
    alice: AccountRuntime, world: World, scene: Scene, dc: DataCentre
) -> None:
    elsewhere = world.add_channel("Elsewhere", scene.bob, [], "elsewhere_chat", is_broadcast=True)
    with pytest.raises(ChatNotFound):
        await resolve_any(as_owner(alice), "elsewhere", public=False)
    assert "contacts.Search" not in dc.requests

    resolution = await resolve_any(as_owner(alice), "elsewhere", public=True)

    assert [candidate.id for candidate in resolution.candidates] == [elsewhere.peer_id]


async def test_a_public_search_for_too_little_is_refused(alice: AccountRuntime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await resolve_any(as_owner(alice), "ab", public=True)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("?q", "too_short")]


def a_candidate(chat_id: int, title: str, username: str | None = None) -> Candidate:
    return Candidate(id=chat_id, type=ChatType.USER, title=title, username=username)


def test_the_best_candidates_come_first() -> None:
    candidates = [
        a_candidate(1, "My mother"),
        a_candidate(2, "Mohter of two"),
        a_candidate(3, "Mother"),
        a_candidate(4, "Mother's choir"),
        a_candidate(5, "Father", "mothers"),
        a_candidate(6, "Zoo"),
    ]

    found = closest("mother", candidates)

    assert [candidate.id for candidate in found] == [3, 4, 5, 1, 2]


def test_there_are_never_more_than_five_candidates() -> None:
    assert len(closest("ann", [a_candidate(n, f"Ann {n}") for n in range(9)])) == 5


def test_nothing_is_close_to_no_words() -> None:
    assert closest("@", [a_candidate(1, "Ann")]) == ()
