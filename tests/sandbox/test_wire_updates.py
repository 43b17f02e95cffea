from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer
from vasya_sandbox import fanout

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect, ConnectRaw
    from tests.sandbox.raw_client import RawClient
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Group, User

ME = functions.users.GetUsersRequest([types.InputUserSelf()])


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


def say(dc: DataCentre, sender: User, peer: User | Group | Channel, text: str) -> None:
    """Send a message from a phone that is not here."""
    fanout.publish(dc, dc.world.post(sender, peer, text).notices)


def listen(client: SandboxClient) -> asyncio.Queue[str]:
    """Collect the texts that the client's handlers see."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def on_message(event: Any) -> None:
        heard.put_nowait(event.raw_text)

    client.add_event_handler(on_message, events.NewMessage())
    return heard


async def texts(heard: asyncio.Queue[str], count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [await heard.get() for _ in range(count)]


async def subscribe(client: RawClient) -> None:
    assert len(await client.call(in_layer(ME))) == 1


async def pushed(client: RawClient) -> Any:
    return await client.receive(types.Updates)


def text_of(message: Any) -> list[str]:
    return [update.message.message for update in message.obj.updates]


async def flushed(client: RawClient) -> None:
    """Wait until the server has handled everything sent before."""
    client.send(functions.PingRequest(1))
    await client.receive(types.Pong)


async def test_a_message_reaches_every_session_of_its_reader(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    session = dc.mint(bob)
    clients = [await connect(bob), await connect(session=session), await connect(session=session)]
    heard = [listen(client) for client in clients]
    say(dc, alice, bob, "hi")
    assert [await texts(one, 1) for one in heard] == [["hi"]] * 3


async def test_a_session_that_asked_for_no_updates_gets_none(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(bob)
    await client.call(in_layer(functions.InvokeWithoutUpdatesRequest(ME)))
    say(dc, alice, bob, "hi")
    await flushed(client)
    assert not [message for message in client.inbox if isinstance(message.obj, types.Updates)]


async def test_messages_missed_during_a_drop_arrive_after_it(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(bob)
    heard = listen(client)
    say(dc, alice, bob, "before")
    assert await texts(heard, 1) == ["before"]
    dc.drop_connections()
    for number in range(3):
        say(dc, alice, bob, f"missed {number}")
    assert await texts(heard, 3) == ["missed 0", "missed 1", "missed 2"]


async def test_a_client_that_disconnects_and_connects_again_misses_nothing(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(bob)
    heard = listen(client)
    say(dc, alice, bob, "before")
    assert await texts(heard, 1) == ["before"]
    await client.disconnect()
    say(dc, alice, bob, "while away")
    await client.connect()
    say(dc, alice, bob, "after")
    assert await texts(heard, 2) == ["while away", "after"]


async def test_nothing_is_lost_or_doubled_while_connections_break_and_salts_change(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(bob, sequential_updates=True, retry_delay=0)
    heard = listen(client)
    for number in range(60):
        say(dc, alice, bob, str(number))
        if number % 10 == 3:
            dc.drop_connections()
        if number % 10 == 7:
            dc.authorizations_of(bob)[0].rotate_salts()
        await asyncio.sleep(0.01)
    assert await texts(heard, 60) == [str(number) for number in range(60)]
    assert heard.empty()


async def test_edits_and_reads_missed_during_a_drop_arrive_too(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(bob)
    read: asyncio.Queue[int] = asyncio.Queue()

    async def on_read(event: Any) -> None:
        read.put_nowait(event.max_id)

    client.add_event_handler(on_read, events.MessageRead())
    say(dc, bob, alice, "hi")
    dc.drop_connections()
    fanout.publish(dc, dc.world.mark_read(alice, bob))
    async with asyncio.timeout(5):
        assert await read.get() == 1


async def test_only_what_was_acknowledged_counts_as_delivered(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    first = await connect_raw(bob)
    await subscribe(first)
    say(dc, alice, bob, "one")
    arrived = await pushed(first)
    say(dc, alice, bob, "two")
    assert text_of(await pushed(first)) == ["two"]
    first.send(types.MsgsAck([arrived.msg_id]))
    await flushed(first)
    await first.close()
    (auth,) = dc.authorizations_of(bob)
    second = await connect_raw(auth=auth)
    await subscribe(second)
    assert text_of(await pushed(second)) == ["two"]


async def test_an_unacknowledged_push_comes_again_to_the_same_session_once(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    first = await connect_raw(bob)
    await subscribe(first)
    say(dc, alice, bob, "one")
    arrived = await pushed(first)
    await first.close()
    (auth,) = dc.authorizations_of(bob)
    again = await connect_raw(auth=auth, session_id=first.state.id)
    await subscribe(again)
    await flushed(again)
    pushes = [message for message in again.inbox if isinstance(message.obj, types.Updates)]
    assert [message.msg_id for message in pushes] == [arrived.msg_id]


async def test_an_acknowledged_answer_to_a_send_is_not_resumed(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    alice_hash = dc.world.access_hash(bob, alice)
    first = await connect_raw(bob)
    await subscribe(first)
    peer = types.InputPeerUser(alice.id, alice_hash)
    answer = await first.call(functions.messages.SendMessageRequest(peer, "hi", random_id=1))
    assert isinstance(answer, types.Updates)
    sessions = dc.authorizations_of(bob)[0].sessions.values()
    first.send(types.MsgsAck([msg_id for session in sessions for msg_id in session.unacked]))
    await flushed(first)
    await first.close()
    (auth,) = dc.authorizations_of(bob)
    assert auth.delivered_pts == bob.box.pts
    second = await connect_raw(auth=auth)
    await subscribe(second)
    await flushed(second)
    assert not [message for message in second.inbox if isinstance(message.obj, types.Updates)]


async def test_too_much_missed_is_said_to_be_too_long_until_the_difference_is_fetched(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    first = await connect_raw(bob)
    await subscribe(first)
    since = bob.box.pts
    await first.close()
    for number in range(50):
        say(dc, alice, bob, f"missed {number}")
    (auth,) = dc.authorizations_of(bob)
    second = await connect_raw(auth=auth)
    await subscribe(second)
    await second.receive(types.UpdatesTooLong)
    say(dc, alice, bob, "live")
    live = await pushed(second)
    second.send(types.MsgsAck([live.msg_id]))
    await flushed(second)
    assert auth.delivered_pts == since
    difference = functions.updates.GetDifferenceRequest(since, 0, 0)
    assert len((await second.call(difference)).new_messages) == 51
    (session,) = (session for session in auth.sessions.values() if session.is_connected)
    second.send(types.MsgsAck(list(session.unacked)))
    await flushed(second)
    assert auth.delivered_pts == bob.box.pts


async def test_a_channel_post_missed_during_a_drop_arrives_after_it(
    dc: DataCentre, world: World, alice: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town Hall", alice, [bob], username="townhall")
    client = await connect(bob)
    heard = listen(client)
    await client.get_entity("townhall")
    say(dc, alice, town, "before")
    assert await texts(heard, 1) == ["before"]
    dc.drop_connections()
    say(dc, alice, town, "missed")
    assert await texts(heard, 1) == ["missed"]


async def test_a_client_hears_of_channels_that_moved_while_it_was_away(
    dc: DataCentre, world: World, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    town = world.add_channel("Town Hall", alice, [bob])
    first = await connect_raw(bob)
    await subscribe(first)
    await first.close()
    (auth,) = dc.authorizations_of(bob)
    say(dc, alice, town, "missed")
    second = await connect_raw(auth=auth)
    await subscribe(second)
    updates = (await pushed(second)).obj
    assert [update.channel_id for update in updates.updates] == [town.id]
    assert isinstance(updates.updates[0], types.UpdateChannelTooLong)
    assert [chat.title for chat in updates.chats] == ["Town Hall"]


async def test_another_login_on_the_key_inherits_nothing(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    first = await connect_raw(bob)
    await subscribe(first)
    say(dc, alice, bob, "for bob")
    await pushed(first)
    (auth,) = dc.authorizations_of(bob)
    dc.log_out(auth)
    auth.user = alice
    await subscribe(first)
    await flushed(first)
    assert auth.delivered_pts == alice.box.pts
    assert not [message for message in first.inbox if isinstance(message.obj, types.Updates)]


async def test_a_qr_login_is_announced_to_a_session_that_is_not_logged_in(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    phone, new = await connect(alice), await connect()
    qr = await new.qr_login()
    waiting = asyncio.create_task(qr.wait(5))
    await asyncio.sleep(0)
    await phone(functions.auth.AcceptLoginTokenRequest(qr.token))
    assert (await waiting).id == alice.id
    assert len(dc.authorizations_of(alice)) == 2


async def test_a_server_that_restarts_on_its_port_brings_its_clients_back(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(bob)
    heard = listen(client)
    port = dc.address[1]
    await dc.stop()
    say(dc, alice, bob, "while down")
    await dc.start(port=port)
    assert await texts(heard, 1) == ["while down"]
    assert (await client.get_me()).id == bob.id
