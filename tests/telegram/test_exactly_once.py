"""A change happens once, is known not to have happened, or is told to be unknown."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import (
    a_read,
    a_send,
    an_edit,
    saved_texts,
    sender_of,
    until_noticed,
)
from tests.waiting import until_asked
from vasya_server.errors import (
    OutcomeUnknown,
    TelegramUnavailable,
)

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.telegram.accounts import AccountRuntime


async def test_a_send_rides_through_a_restart_of_the_data_centre(
    alice: AccountRuntime, dc: DataCentre, scene: Scene, world: World
) -> None:
    port = dc.address[1]
    await dc.stop()
    # The pauses between dials are drawn at random; two seconds are not always enough for three of them.
    through = alice.mutate(a_send("through"), is_exactly_once=True, deadline_secs=20)
    sending = asyncio.create_task(through)
    await asyncio.sleep(0.5)
    await dc.start(port=port)

    await sending

    assert saved_texts(scene, world) == ["through"]


async def test_a_send_whose_answer_was_lost_happens_once_and_is_answered(
    alice: AccountRuntime, fault: Faults, scene: Scene, world: World, dc: DataCentre
) -> None:
    fault("drop_after", "messages.SendMessage")

    sent = await alice.mutate(a_send("once"), is_exactly_once=True)

    assert dc.requests["messages.SendMessage"] == 2
    assert saved_texts(scene, world) == ["once"]
    assert sent.updates[0].id == world.ids(scene.alice, scene.alice)[0]
    assert sent.updates[0].random_id == 7


async def test_a_send_dropped_before_it_was_handled_happens_once(
    alice: AccountRuntime, fault: Faults, scene: Scene, world: World
) -> None:
    fault("drop", "messages.SendMessage", times=2)

    await alice.mutate(a_send("once"), is_exactly_once=True)

    assert saved_texts(scene, world) == ["once"]


async def test_a_send_that_is_still_under_way_is_waited_for(
    alice: AccountRuntime, fault: Faults, scene: Scene, world: World
) -> None:
    fault("rpc_error", "messages.SendMessage", code=500, text="RANDOM_ID_DUPLICATE", times=2)

    await alice.mutate(a_send("once"), is_exactly_once=True, deadline_secs=5)

    assert saved_texts(scene, world) == ["once"]


@pytest.mark.short_deadlines
async def test_a_send_that_stays_under_way_is_of_unknown_outcome_at_the_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("rpc_error", "messages.SendMessage", code=500, text="RANDOM_ID_DUPLICATE", times=99)
    started = time.monotonic()

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)

    assert 1.5 < time.monotonic() - started < 6


@pytest.mark.short_deadlines
async def test_a_send_that_meets_silence_goes_out_once_on_another_connection(
    alice: AccountRuntime, fault: Faults, scene: Scene, world: World
) -> None:
    fault("silence", "messages.SendMessage")

    await alice.mutate(a_send("once"), is_exactly_once=True, deadline_secs=20)

    assert saved_texts(scene, world) == ["once"]


@pytest.mark.short_deadlines
async def test_a_slow_send_on_a_live_connection_is_waited_for(
    alice: AccountRuntime, fault: Faults, dc: DataCentre, scene: Scene, world: World
) -> None:
    fault("delay", "messages.SendMessage", secs=1.5)
    sending = asyncio.create_task(
        alice.mutate(a_send("slow"), is_exactly_once=True, deadline_secs=5)
    )
    await until_asked(dc, "messages.SendMessage")
    await alice.call(a_read(), deadline_secs=10)

    await sending

    assert dc.requests["messages.SendMessage"] == 1
    assert saved_texts(scene, world) == ["slow"]


@pytest.mark.short_deadlines
async def test_a_send_that_meets_only_silence_is_of_unknown_outcome_at_the_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "messages.SendMessage", times=99)
    started = time.monotonic()

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)

    assert 1.5 < time.monotonic() - started < 6


@pytest.mark.short_deadlines
async def test_a_send_that_never_left_is_known_not_to_have_happened(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    await dc.stop()
    await until_noticed(alice)

    with pytest.raises(TelegramUnavailable):
        await alice.mutate(a_send(), is_exactly_once=True)


async def test_a_refused_repeat_is_a_refusal_but_a_flood_wait_is_not(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("drop", "messages.SendMessage")
    fault("rpc_error", "messages.SendMessage", code=400, text="PEER_ID_INVALID")
    with pytest.raises(Exception, match="knows no such chat"):
        await alice.mutate(a_send(), is_exactly_once=True)

    fault("drop", "messages.SendMessage")
    fault("flood_wait", "messages.SendMessage", secs=9)
    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)


async def test_a_change_without_a_random_id_is_not_repeated(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    sent = await alice.mutate(a_send(), is_exactly_once=True)
    fault("drop_after", "messages.EditMessage")

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(an_edit(sent.updates[0].id), is_exactly_once=False)

    assert dc.requests["messages.EditMessage"] == 1


async def test_a_change_that_was_not_written_may_be_sent_on_the_next_connection(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    sent = await alice.mutate(a_send(), is_exactly_once=True)
    # From here on, what is posted waits for a connection that is about to end.
    sender_of(alice)._start_reconnect(None)  # noqa: SLF001 — as above

    await alice.mutate(an_edit(sent.updates[0].id), is_exactly_once=False)

    assert dc.requests["messages.EditMessage"] == 1


async def test_a_change_that_timed_out_at_telegram_is_of_unknown_outcome(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("rpc_error", "messages.EditMessage", code=-503, text="Timeout")

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(an_edit(1), is_exactly_once=False)


async def test_a_change_that_failed_inside_telegram_is_of_unknown_outcome(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("rpc_error", "messages.SendMessage", code=500, text="RPC_CALL_FAIL")
    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)

    fault("rpc_error", "messages.EditMessage", code=-500, text="No workers running")
    with pytest.raises(OutcomeUnknown):
        await alice.mutate(an_edit(1), is_exactly_once=False)


async def test_a_send_that_is_cancelled_on_its_way_stays_cancelled_and_tells_that_it_may_happen(
    alice: AccountRuntime, fault: Faults, dc: DataCentre, scene: Scene, world: World
) -> None:
    fault("delay", "messages.SendMessage", secs=0.4)
    sending = asyncio.create_task(alice.mutate(a_send("late"), is_exactly_once=True))
    await until_asked(dc, "messages.SendMessage")

    sending.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await sending
    async with asyncio.timeout(10):
        while not saved_texts(scene, world):
            await asyncio.sleep(0.01)

    assert sending.cancelled()
    assert isinstance(cancelled.value.__cause__, OutcomeUnknown)
    assert saved_texts(scene, world) == ["late"]


async def test_a_send_that_is_cancelled_before_it_left_says_nothing_of_its_outcome(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    await dc.stop()
    await until_noticed(alice)
    sending = asyncio.create_task(alice.mutate(a_send(), is_exactly_once=True))
    await asyncio.sleep(0.1)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await sending

    assert cancelled.value.__cause__ is None


async def test_a_callers_own_deadline_ends_a_send_as_a_timeout(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "messages.SendMessage", times=9)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await alice.mutate(a_send(), is_exactly_once=True)


async def test_what_a_caller_was_told_is_unknown_is_not_sent_behind_its_back(
    alice: AccountRuntime, dc: DataCentre, scene: Scene, world: World
) -> None:
    """A request that waits in Telethon's queue when the deadline passes must die with its connection."""
    port = dc.address[1]
    await dc.stop()
    await until_noticed(alice)
    with pytest.raises(TelegramUnavailable):
        await alice.mutate(a_send("ghost"), is_exactly_once=True, deadline_secs=2)
    await dc.start(port=port)

    await alice.call(a_read(), deadline_secs=20)
    await asyncio.sleep(0.1)

    assert saved_texts(scene, world) == []


async def test_a_storm_of_drops_leaves_every_send_once(
    alice: AccountRuntime, dc: DataCentre, fault: Faults, scene: Scene, world: World
) -> None:
    async def drop() -> None:
        for _ in range(6):
            await asyncio.sleep(0.1)
            dc.drop_connections()

    texts = [f"message {n}" for n in range(40)]
    sends = [
        alice.mutate(a_send(text, random_id=n + 1), is_exactly_once=True, deadline_secs=20)
        for n, text in enumerate(texts)
    ]
    await asyncio.gather(drop(), *sends)

    assert sorted(saved_texts(scene, world)) == sorted(texts)
