"""Whatever Telegram leaves out, says in few words or gives up telling: no message is lost, and the rest is said to be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from telethon import functions

from tests.disk import full_disk
from tests.telegram.conftest import as_owner, client_of
from vasya_sandbox.behaviour import Behaviour
from vasya_server.model.event import EventType
from vasya_server.model.writing import SendMessage
from vasya_server.telegram.peers import resolve, resolve_to_write
from vasya_server.telegram.requests.messages import send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.telegram.conftest import Faults, Scene
    from tests.telegram.hearing import Heard
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.events.record import Draft
    from vasya_server.telegram.accounts import AccountRuntime


def chat_ids(drafts: list[Draft]) -> list[int | None]:
    return [draft.chat.id if draft.chat else None for draft in drafts]


async def test_short_updates_are_told_in_full(
    heard: Heard, say: Callable[..., int], scene: Scene, dc: DataCentre
) -> None:
    dc.behaviour = Behaviour(short_updates=True)
    say(scene.bob, scene.alice, "from a stranger so far")
    say(scene.carol, scene.group, "in a group")
    say(scene.bob, scene.alice, "from somebody met")

    new = await heard.of(EventType.MESSAGE_NEW, count=3)

    told = [
        (draft.chat.title if draft.chat else None, draft.data.people, draft.data.message.text)
        for draft in new
        if draft.data.message
    ]
    bob, carol = {str(scene.bob.id): "Bob"}, {str(scene.carol.id): "Кэрол"}
    assert told == [
        ("Bob", bob, "from a stranger so far"),
        ("Lunch", carol, "in a group"),
        ("Bob", bob, "from somebody met"),
    ]


async def test_a_send_that_is_answered_in_short_is_told_in_full(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, dc: DataCentre
) -> None:
    dc.behaviour = Behaviour(short_updates=True)
    account = as_owner(alice)
    bob = await resolve_to_write(account, str(scene.bob.id))
    await send_message(account, bob, SendMessage(text="in few words"), [4713])
    say(scene.bob, scene.alice, "an answer")

    new = await heard.of(EventType.MESSAGE_NEW, count=2)

    assert [
        (draft.data.is_outgoing, draft.data.message.text) for draft in new if draft.data.message
    ] == [
        (True, "in few words"),
        (False, "an answer"),
    ]
    assert chat_ids(new) == [scene.bob.id, scene.bob.id]


async def test_a_push_that_was_lost_is_noticed_by_the_next(
    heard: Heard, say: Callable[..., int], scene: Scene, dc: DataCentre
) -> None:
    dc.behaviour = Behaviour(lose_pushes=2)
    say(scene.bob, scene.alice, "lost 1")
    say(scene.bob, scene.alice, "lost 2")
    say(scene.bob, scene.alice, "heard")

    assert await heard.texts(3) == ["lost 1", "lost 2", "heard"]
    # The channels of the scene were made a moment ago, and nothing was known of them: that is said of each.
    gaps = await heard.of(EventType.GAP, count=0)
    assert [gap for gap in gaps if gap.chat is None] == []


async def test_a_lost_push_of_a_channel_is_noticed_by_the_next(
    heard: Heard, say: Callable[..., int], scene: Scene, dc: DataCentre
) -> None:
    say(scene.bob, scene.supergroup, "first")
    await heard.texts(1)
    dc.behaviour = Behaviour(lose_pushes=1)
    say(scene.bob, scene.supergroup, "lost")
    say(scene.bob, scene.supergroup, "heard")

    assert await heard.texts(3) == ["first", "lost", "heard"]


async def test_a_difference_in_slices_is_told_whole_and_in_order(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, dc: DataCentre
) -> None:
    await alice.disconnect()
    dc.behaviour = Behaviour(slice_at=7)
    for n in range(50):
        say(scene.bob, scene.alice, f"{n}")

    await alice.connect()

    assert await heard.texts(50) == [f"{n}" for n in range(50)]


async def test_a_channel_whose_difference_is_too_long_is_read_from_its_history(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime
) -> None:
    say(scene.bob, scene.supergroup, "before")
    await heard.texts(1)
    await alice.disconnect()
    for n in range(230):
        say(scene.bob, scene.supergroup, f"missed {n}")
    scene.supergroup.box.forget()

    await alice.connect()
    texts = await heard.texts(231)
    say(scene.bob, scene.supergroup, "after")

    assert texts == ["before", *(f"missed {n}" for n in range(230))]
    assert (await heard.texts(232))[-1] == "after"
    gaps = await heard.of(EventType.GAP, count=2)
    (gap,) = [gap for gap in gaps if gap.chat and gap.chat.id == scene.supergroup.peer_id]
    assert EventType.MESSAGE_EDITED in gap.data.missed
    assert EventType.MESSAGE_NEW not in gap.data.missed


async def test_an_account_whose_difference_is_too_long_says_what_may_be_lost(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime
) -> None:
    await alice.disconnect()
    say(scene.bob, scene.alice, "lost for good")
    assert scene.alice.box is not None
    scene.alice.box.forget()

    await alice.connect()
    gaps = await heard.of(EventType.GAP, count=2)
    say(scene.bob, scene.alice, "after")

    assert EventType.MESSAGE_NEW in gaps[1].data.missed
    assert await heard.texts(1) == ["after"]


async def test_a_channel_never_heard_of_is_asked_about_though_the_process_dies_before(
    heard: Heard,
    say: Callable[..., int],
    scene: Scene,
    alice: AccountRuntime,
    fault: Faults,
    dc: DataCentre,
    world: World,
) -> None:
    """Telegram names it in one difference, and that one is stored as told: what the next has is later than what was said."""
    await alice.disconnect()
    say(scene.bob, scene.supergroup, "in a garden nobody knew of")
    world.clock = lambda: time.time() + 60
    fault("silence", "messages.GetPeerDialogs", times=50)
    await alice.connect()
    async with asyncio.timeout(5):
        while not dc.requests["messages.GetPeerDialogs"]:
            await asyncio.sleep(0.02)
    await alice.disconnect()
    dc.faults.clear()

    await alice.connect()

    assert await heard.texts(1) == ["in a garden nobody knew of"]


async def test_a_channel_that_cannot_be_asked_about_now_is_asked_about_again(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, fault: Faults
) -> None:
    await alice.disconnect()
    say(scene.bob, scene.supergroup, "later")
    fault("flood_wait", "messages.GetPeerDialogs", secs=30, times=50)
    await alice.connect()
    say(scene.bob, scene.alice, "sooner")

    assert await heard.texts(1) == ["sooner"]
    state = await alice.following.store.load()
    assert state is not None
    assert -scene.supergroup.peer_id - 1_000_000_000_000 in state.strange


async def test_a_flood_wait_on_the_difference_keeps_nobody_from_disconnecting(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, fault: Faults
) -> None:
    await alice.disconnect()
    say(scene.bob, scene.alice, "waits for its turn")
    fault("flood_wait", "updates.GetDifference", secs=3600)
    await alice.connect()
    await asyncio.sleep(0.3)

    async with asyncio.timeout(5):
        await alice.disconnect()
    await alice.connect()

    assert await heard.texts(1) == ["waits for its turn"]


async def test_a_difference_that_is_refused_for_good_is_passed_over_and_said(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, fault: Faults
) -> None:
    await alice.disconnect()
    say(scene.bob, scene.alice, "lost for good")
    fault("rpc_error", "updates.GetDifference", code=400, text="PERSISTENT_TIMESTAMP_INVALID")
    await alice.connect()
    gaps = await heard.of(EventType.GAP, count=2)
    say(scene.bob, scene.alice, "after")

    assert EventType.MESSAGE_NEW in gaps[1].data.missed
    assert await heard.texts(1) == ["after"]


async def test_a_channel_that_somebody_watches_is_asked_about_at_telegrams_own_interval(
    heard: Heard,
    say: Callable[..., int],
    scene: Scene,
    alice: AccountRuntime,
    dc: DataCentre,
    world: World,
) -> None:
    foreign = world.add_channel("Foreign news", scene.bob, [], "foreign_news", is_broadcast=True)
    dc.behaviour = Behaviour(poll_secs=1)
    await resolve(as_owner(alice), "@foreign_news")
    watched = await resolve(as_owner(alice), str(foreign.peer_id))
    with alice.watching(watched.input_peer.channel_id):
        async with asyncio.timeout(5):
            while not dc.requests["channels.GetFullChannel"]:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        say(scene.bob, foreign, "not pushed to anybody outside")

        (told,) = await heard.of(EventType.MESSAGE_NEW, count=1)

    assert told.chat is not None
    assert told.chat.id == foreign.peer_id
    asked = dc.requests["updates.GetChannelDifference"]
    await asyncio.sleep(2.5)
    assert dc.requests["updates.GetChannelDifference"] <= asked + 3


async def test_a_channel_that_has_closed_is_asked_about_no_more(
    heard: Heard,
    say: Callable[..., int],
    scene: Scene,
    alice: AccountRuntime,
    fault: Faults,
    dc: DataCentre,
) -> None:
    say(scene.bob, scene.supergroup, "before")
    await heard.texts(1)
    await alice.disconnect()
    say(scene.bob, scene.supergroup, "behind a closed door")
    for request in ("updates.GetChannelDifference", "messages.GetPeerDialogs"):
        fault("rpc_error", request, code=400, text="CHANNEL_PRIVATE", times=50)

    await alice.connect()
    say(scene.bob, scene.alice, "life goes on")

    assert await heard.texts(2) == ["before", "life goes on"]
    await asyncio.sleep(0.5)
    assert dc.requests["updates.GetChannelDifference"] == 1
    assert dc.requests["messages.GetPeerDialogs"] <= 2


async def test_a_flood_of_updates_beyond_memory_is_asked_for_again(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime
) -> None:
    say(scene.bob, scene.supergroup, "0")
    await heard.texts(1)
    inbox: Any = client_of(alice).inbox
    at_most, inbox._limit = inbox._limit, 5  # noqa: SLF001 — two thousand would take long
    for n in range(1, 40):
        say(scene.bob, scene.alice, f"private {n}")
        say(scene.bob, scene.supergroup, f"{n}")
    texts = await heard.texts(79)

    assert [text for text in texts if text.startswith("private")] == [
        f"private {n}" for n in range(1, 40)
    ]
    assert [text for text in texts if not text.startswith("private")] == [f"{n}" for n in range(40)]
    assert at_most == 2000


async def test_events_wait_for_a_full_disk_and_none_is_lost(
    heard: Heard, say: Callable[..., int], scene: Scene
) -> None:
    say(scene.bob, scene.alice, "before")
    await heard.texts(1)
    with full_disk():
        say(scene.bob, scene.alice, "while full")
        await asyncio.sleep(0.3)
        say(scene.bob, scene.alice, "still full")
        await asyncio.sleep(0.3)

    assert await heard.texts(3) == ["before", "while full", "still full"]


async def test_a_deletion_of_a_message_nobody_knows_has_no_chat(
    heard: Heard, bobs_phone: SandboxClient, scene: Scene
) -> None:
    """Telegram tells the ids alone; "hello" is older than the account's connection."""
    dialogs = await bobs_phone.get_messages("alice_a", limit=10)
    hello = next(message for message in dialogs if message.message == "hello")
    await bobs_phone(functions.messages.DeleteMessagesRequest([hello.id], revoke=True))

    (deleted,) = await heard.of(EventType.MESSAGE_DELETED, count=1)

    assert deleted.chat is None
    assert len(deleted.data.message_ids) == 1
