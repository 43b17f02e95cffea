"""Nothing outlasts its deadline, nothing is sent twice, and everything heals by itself."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl.functions.help import GetConfigRequest

from tests.telegram.conftest import RawCentre, a_read, a_send, an_edit
from vasya_server.errors import (
    FloodWait,
    OutcomeUnknown,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.client import Client


@pytest.fixture(autouse=True)
def nothing_is_left_unsaid(caplog: pytest.LogCaptureFixture) -> object:
    """Fail where asyncio reports a forgotten task or an exception that nobody looked at."""
    yield
    said = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    assert [text for text in said if "never retrieved" in text or "destroyed" in text] == []


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


def saved_texts(scene: Scene, world: World) -> list[str]:
    """Return what Telegram holds in Alice's Saved Messages."""
    box = scene.alice.box
    ids = world.ids(scene.alice, scene.alice)
    assert box is not None
    found = [world.message(scene.alice, scene.alice, message_id) for message_id in ids]
    return [message.text for message in found if message is not None]


def client_of(account: AccountRuntime) -> Client:
    client = account._client  # noqa: SLF001 — nothing else reaches what only Telethon does
    assert client is not None
    return client


def sender_of(account: AccountRuntime) -> Any:
    return client_of(account)._sender  # noqa: SLF001 — as above


async def until_noticed(account: AccountRuntime) -> None:
    """Wait until the account knows that its connection is gone."""
    async with asyncio.timeout(1):
        while account.is_connected:
            await asyncio.sleep(0.01)


async def test_a_read_of_a_silent_data_centre_ends_at_its_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")
    started = time.monotonic()

    with pytest.raises(TelegramTimeout):
        await alice.call(a_read())

    assert 0.9 < time.monotonic() - started < 2


async def test_the_call_after_a_silence_is_answered(alice: AccountRuntime, fault: Faults) -> None:
    fault("silence", "users.GetUsers")
    with pytest.raises(TelegramTimeout):
        await alice.call(a_read())

    users = await alice.call(a_read())

    assert users[0].first_name == "Alice"


async def test_a_connection_that_answers_others_outlives_one_silence(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("silence", "users.GetUsers")
    silent = asyncio.create_task(alice.call(a_read()))
    await asyncio.sleep(0.1)
    await alice.call(a_read())
    dc.reset_counters()

    with pytest.raises(TelegramTimeout):
        await silent
    await alice.call(a_read())

    assert dc.requests["users.GetUsers"] == 1, "a new connection would have greeted first"


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

    assert read_secs < 2
    assert time.monotonic() - started < 4.5


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

    users = await alice.call(a_read(), deadline_secs=5)

    assert {type(outcome) for outcome in outcomes} <= {TelegramUnavailable, TelegramTimeout}
    assert down_secs < 2
    assert users[0].first_name == "Alice"


async def test_a_send_rides_through_a_restart_of_the_data_centre(
    alice: AccountRuntime, dc: DataCentre, scene: Scene, world: World
) -> None:
    port = dc.address[1]
    await dc.stop()
    sending = asyncio.create_task(alice.mutate(a_send("through"), is_exactly_once=True))
    await asyncio.sleep(0.5)
    await dc.start(port=port)

    await sending

    assert saved_texts(scene, world) == ["through"]


async def test_a_flood_wait_is_told_at_once(alice: AccountRuntime, fault: Faults) -> None:
    fault("flood_wait", "users.GetUsers", secs=30)
    started = time.monotonic()

    with pytest.raises(FloodWait) as refused:
        await alice.call(a_read())

    assert refused.value.retry_after_secs == 30
    assert time.monotonic() - started < 1


async def test_a_flood_wait_is_telegrams_to_end_and_closes_nothing_here(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("flood_wait", "users.GetUsers", secs=3600)
    with pytest.raises(FloodWait):
        await alice.call(a_read())

    sent = await alice.mutate(a_send(), is_exactly_once=True)
    users = await alice.call(a_read())

    assert sent.updates
    assert users[0].first_name == "Alice"


async def test_a_failing_server_is_told_at_once(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("rpc_error", "users.GetUsers", code=500, text="INTERNAL")
    started = time.monotonic()

    with pytest.raises(TelegramUnavailable):
        await alice.call(a_read())

    assert time.monotonic() - started < 1
    assert dc.requests["users.GetUsers"] == 1


async def test_a_connection_that_answers_no_ping_is_given_up(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    client = client_of(alice)
    later = time.monotonic() + 61
    client.keep_alive(later)
    await asyncio.sleep(0.05)
    client.keep_alive(later + 61)
    await asyncio.sleep(0.05)
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

    await alice.mutate(a_send("once"), is_exactly_once=True)

    assert saved_texts(scene, world) == ["once"]


async def test_a_send_that_stays_under_way_is_of_unknown_outcome_at_the_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("rpc_error", "messages.SendMessage", code=500, text="RANDOM_ID_DUPLICATE", times=99)
    started = time.monotonic()

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)

    assert 2.5 < time.monotonic() - started < 4


async def test_a_send_that_meets_silence_goes_out_once_on_another_connection(
    alice: AccountRuntime, fault: Faults, scene: Scene, world: World
) -> None:
    fault("silence", "messages.SendMessage")

    await alice.mutate(a_send("once"), is_exactly_once=True)

    assert saved_texts(scene, world) == ["once"]


async def test_a_slow_send_on_a_live_connection_is_waited_for(
    alice: AccountRuntime, fault: Faults, dc: DataCentre, scene: Scene, world: World
) -> None:
    fault("delay", "messages.SendMessage", secs=1.5)
    sending = asyncio.create_task(alice.mutate(a_send("slow"), is_exactly_once=True))
    await asyncio.sleep(0.2)
    await alice.call(a_read())

    await sending

    assert dc.requests["messages.SendMessage"] == 1
    assert saved_texts(scene, world) == ["slow"]


async def test_a_send_that_meets_only_silence_is_of_unknown_outcome_at_the_deadline(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("silence", "messages.SendMessage", times=99)
    started = time.monotonic()

    with pytest.raises(OutcomeUnknown):
        await alice.mutate(a_send(), is_exactly_once=True)

    assert 2.5 < time.monotonic() - started < 4


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


async def test_what_a_caller_was_told_is_unknown_is_not_sent_behind_its_back(
    alice: AccountRuntime, dc: DataCentre, scene: Scene, world: World
) -> None:
    """A request that waits in Telethon's queue when the deadline passes must die with its connection."""
    port = dc.address[1]
    await dc.stop()
    await until_noticed(alice)
    with pytest.raises(TelegramUnavailable):
        await alice.mutate(a_send("ghost"), is_exactly_once=True, deadline_secs=0.5)
    await dc.start(port=port)

    await alice.call(a_read(), deadline_secs=5)
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
