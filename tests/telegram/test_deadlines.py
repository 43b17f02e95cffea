"""Nothing outlasts its deadline, nothing is sent twice, and everything heals by itself."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl.functions.help import GetConfigRequest

from tests.telegram.conftest import (
    RawCentre,
    a_read,
    a_send,
    client_of,
    sender_of,
    until_noticed,
)
from vasya_server.errors import (
    FloodWait,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.fixture
async def impostor(dc: DataCentre) -> AsyncIterator[Any]:
    """Put a listener that speaks no MTProto in the data centre's place."""
    started: list[RawCentre] = []

    async def replace(*, hangs_up: bool) -> RawCentre:
        port = dc.address[1]
        await dc.stop()
        centre = RawCentre(hangs_up=hangs_up)
        await centre.start(port)
        started.append(centre)
        return centre

    yield replace
    for centre in started:
        await centre.stop()


@pytest.mark.short_deadlines
async def test_a_read_of_a_silent_data_centre_ends_at_its_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")
    started = time.monotonic()

    with pytest.raises(TelegramTimeout):
        await alice.call(a_read())

    assert 0.9 < time.monotonic() - started < 5


@pytest.mark.short_deadlines
async def test_the_call_after_a_silence_is_answered(alice: AccountRuntime, fault: Faults) -> None:
    fault("silence", "users.GetUsers")
    with pytest.raises(TelegramTimeout):
        await alice.call(a_read())

    users = await alice.call(a_read(), deadline_secs=10)

    assert users[0].first_name == "Alice"


@pytest.mark.short_deadlines
async def test_a_connection_that_answers_others_outlives_one_silence(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("silence", "users.GetUsers")
    silent = asyncio.create_task(alice.call(a_read(), deadline_secs=3))
    await asyncio.sleep(0.1)
    await alice.call(a_read(), deadline_secs=10)
    dc.reset_counters()

    with pytest.raises(TelegramTimeout):
        await silent
    await alice.call(a_read(), deadline_secs=10)

    assert dc.requests["users.GetUsers"] == 1, "a new connection would have greeted first"


@pytest.mark.short_deadlines
async def test_a_data_centre_that_accepts_and_says_nothing_times_out(
    connect: Connect, scene: Scene, impostor: Any
) -> None:
    account = await connect(scene.alice)
    await impostor(hangs_up=False)
    started = time.monotonic()

    with pytest.raises(TelegramError):
        await account.call(a_read())
    read_secs = time.monotonic() - started
    with pytest.raises(TelegramError):
        await account.connect()

    assert read_secs < 5
    assert time.monotonic() - started < 8


async def test_a_data_centre_that_accepts_and_hangs_up_is_dialled_with_pauses(
    connect: Connect, scene: Scene, impostor: Any
) -> None:
    account = await connect(scene.alice)
    centre = await impostor(hangs_up=True)
    spent = time.process_time()

    outcomes = await asyncio.gather(
        *(account.call(a_read(), deadline_secs=3) for _ in range(20)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {TelegramUnavailable}
    assert 3 <= centre.connections <= 30, "about one dial a second, for all callers together"
    assert time.process_time() - spent < 1.0


async def test_a_read_dropped_before_it_was_handled_is_asked_again(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("drop", "users.GetUsers")

    users = await alice.call(a_read())

    assert users[0].first_name == "Alice"


async def test_a_read_whose_answer_was_lost_is_asked_again(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("drop_after", "users.GetUsers")

    users = await alice.call(a_read())

    assert users[0].first_name == "Alice"


async def test_a_read_is_asked_twice_and_no_more(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("drop", "help.GetConfig", times=5)

    with pytest.raises(TelegramUnavailable):
        await alice.call(GetConfigRequest())

    assert dc.requests["help.GetConfig"] == 2


@pytest.mark.short_deadlines
async def test_a_restart_of_the_data_centre_is_healed_without_ours(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    port = dc.address[1]
    await dc.stop()
    started = time.monotonic()
    outcomes = await asyncio.gather(
        *(alice.call(a_read()) for _ in range(5)), return_exceptions=True
    )
    down_secs = time.monotonic() - started
    await dc.start(port=port)

    users = await alice.call(a_read(), deadline_secs=20)

    assert {type(outcome) for outcome in outcomes} <= {TelegramUnavailable, TelegramTimeout}
    assert down_secs < 5
    assert users[0].first_name == "Alice"


async def test_a_flood_wait_is_told_at_once(alice: AccountRuntime, fault: Faults) -> None:
    fault("flood_wait", "users.GetUsers", secs=30)
    started = time.monotonic()

    with pytest.raises(FloodWait) as refused:
        await alice.call(a_read(), deadline_secs=30)

    assert refused.value.retry_after_secs == 30
    assert time.monotonic() - started < 5


async def test_a_flood_wait_closes_its_method_and_nothing_else(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("flood_wait", "users.GetUsers", secs=3600)
    with pytest.raises(FloodWait):
        await alice.call(a_read())
    asked = dc.requests["users.GetUsers"]

    sent = await alice.mutate(a_send(), is_exactly_once=True)
    with pytest.raises(FloodWait) as again:
        await alice.call(a_read())

    assert sent.updates
    assert 3590 < again.value.retry_after_secs <= 3600
    assert dc.requests["users.GetUsers"] == asked
    assert (await alice.call(GetConfigRequest())).dc_options


async def test_a_failing_server_is_told_at_once(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("rpc_error", "users.GetUsers", code=500, text="INTERNAL")
    started = time.monotonic()

    with pytest.raises(TelegramUnavailable, match="failed to answer"):
        await alice.call(a_read(), deadline_secs=30)

    assert time.monotonic() - started < 5
    assert dc.requests["users.GetUsers"] == 1


async def until_answered(account: AccountRuntime) -> None:
    """Wait until the last ping was answered."""
    async with asyncio.timeout(10):
        while sender_of(account)._ping is not None:  # noqa: SLF001 — Telethon does not say
            await asyncio.sleep(0.01)


async def test_a_connection_that_answers_no_ping_is_given_up(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    client = client_of(alice)
    later = time.monotonic() + 61
    client.keep_alive(later)
    await until_answered(alice)
    client.keep_alive(later + 61)
    await until_answered(alice)
    assert client.is_connected(), "both were answered"

    client.keep_alive(later + 122)
    client.keep_alive(later + 183)  # before the last one could be answered
    await until_noticed(alice)

    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_a_cancelled_call_leaves_the_account_usable(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("silence", "users.GetUsers")
    call = asyncio.create_task(alice.call(a_read()))
    await asyncio.sleep(0.1)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await alice.call(a_read()))[0].first_name == "Alice"
    assert dc.connections == 1


async def test_a_cancelled_dial_of_one_caller_serves_the_others(
    connect: Connect, scene: Scene
) -> None:
    account = await connect(scene.alice)
    first = asyncio.create_task(account.call(a_read()))
    second = asyncio.create_task(account.call(a_read()))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second)[0].first_name == "Alice"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_cancellation_nobody_asked_for_is_a_lost_connection(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")
    call = asyncio.create_task(alice.call(a_read()))
    await asyncio.sleep(0.1)
    # What Telethon does where it gives up without an error at hand.
    for state in sender_of(alice)._pending_state.values():  # noqa: SLF001 — as above
        state.future.cancel()

    assert (await call)[0].first_name == "Alice"


async def test_a_call_under_way_when_the_account_disconnects_does_not_dial_again(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("silence", "users.GetUsers")
    call = asyncio.create_task(alice.call(a_read()))
    await asyncio.sleep(0.1)

    await alice.disconnect()

    with pytest.raises(TelegramUnavailable):
        await call
    assert not alice.is_connected
