"""What Telegram does on the wire only sometimes, had on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer
from vasya_sandbox import changes, fanout
from vasya_sandbox.records import FileMedia

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect, ConnectRaw
    from tests.sandbox.control_client import Http
    from tests.sandbox.raw_client import RawClient
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Peer, User

ME = functions.users.GetUsersRequest([types.InputUserSelf()])
OFF = {"shortUpdates": False, "losePushes": 0, "sliceAt": 100, "pollSecs": 30}


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


@pytest.fixture
async def phone(alice: User, connect_raw: ConnectRaw) -> RawClient:
    """Return a client of Alice that hears everything."""
    client = await connect_raw(alice)
    await client.call(in_layer(ME))
    return client


def say(dc: DataCentre, sender: User, peer: Peer, text: str, **content: Any) -> None:
    fanout.publish(dc, dc.world.post(sender, peer, text, **content).notices)


def listen(client: SandboxClient) -> asyncio.Queue[Any]:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(event: Any) -> None:
        heard.put_nowait(event)

    client.add_event_handler(on_message, events.NewMessage())
    return heard


async def texts(heard: asyncio.Queue[Any], count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await heard.get()).raw_text for _ in range(count)]


async def flushed(client: RawClient) -> None:
    client.send(functions.PingRequest(1))
    await client.receive(types.Pong)


async def test_the_switches_are_off_until_they_are_set(control: Http) -> None:
    assert await control("GET", "/behaviour") == (200, OFF)
    changed = {**OFF, "shortUpdates": True, "losePushes": 3}
    answer = await control("POST", "/behaviour", {"shortUpdates": True, "losePushes": 3})
    assert answer == (200, changed)
    assert await control("GET", "/behaviour") == (200, changed)
    assert await control("POST", "/behaviour", {}) == (200, OFF)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"sliceAt": 0}, "Expected `int` >= 1 - at `$.sliceAt`"),
        ({"sliceAt": 101}, "Expected `int` <= 100 - at `$.sliceAt`"),
        ({"losePushes": -1}, "Expected `int` >= 0 - at `$.losePushes`"),
        ({"colour": 1}, "Object contains unknown field `colour`"),
    ],
)
async def test_an_unknown_switch_is_refused(control: Http, body: Any, error: str) -> None:
    assert await control("POST", "/behaviour", body) == (400, {"error": error})


# Short updates


async def test_a_private_text_is_pushed_short(
    dc: DataCentre, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    say(dc, bob, alice, "see example.org", is_silent=True)
    short = (await phone.receive(types.UpdateShortMessage)).obj
    assert (short.id, short.user_id, short.message, short.pts, short.pts_count) == (
        1,
        bob.id,
        "see example.org",
        2,
        1,
    )
    assert (short.out, short.silent, short.mentioned) == (False, True, False)
    assert short.entities == [types.MessageEntityUrl(4, 11)]


async def test_a_text_in_a_basic_group_is_pushed_short(
    dc: DataCentre, world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    duo = world.add_group("Duo", bob, [alice])
    say(dc, bob, duo, "@alice soup?")
    short = (await phone.receive(types.UpdateShortChatMessage)).obj
    assert (short.from_id, short.chat_id, short.message) == (bob.id, duo.id, "@alice soup?")
    assert (short.mentioned, short.media_unread, short.pts) == (True, True, alice.box.pts)


async def test_what_the_short_forms_cannot_say_is_pushed_in_full(
    dc: DataCentre, world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    town = world.add_channel("Town", bob, [alice])
    duo = world.add_group("Duo", bob, [alice])
    file = world.add_file("document", "text/plain", data=b"x", name="x")
    say(dc, bob, town, "in a channel")
    say(dc, bob, alice, "protected", is_protected=True)
    say(dc, bob, alice, "", media=FileMedia(file.id))
    await control("POST", "/title", {"by": "bobby", "chat": duo.peer_id, "title": "Pair"})
    for _ in range(4):
        await phone.receive(types.Updates)
    await flushed(phone)
    short = (types.UpdateShortMessage, types.UpdateShortChatMessage)
    assert not [message for message in phone.inbox if isinstance(message.obj, short)]


async def test_a_plain_send_is_answered_shortly(
    world: World, alice: User, bob: User, connect_raw: ConnectRaw, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    duo = world.add_group("Duo", bob, [alice])
    peers = [
        types.InputPeerUser(bob.id, world.access_hash(alice, bob)),
        types.InputPeerChat(duo.id),
    ]
    for peer in peers:
        send = functions.messages.SendMessageRequest(peer, "hi example.org", random_id=7)
        answer, again = await phone.call(send), await phone.call(send)
        assert isinstance(answer, types.UpdateShortSentMessage)
        assert (answer.out, answer.pts, answer.pts_count) == (True, alice.box.pts, 1)
        assert answer.entities == [types.MessageEntityUrl(3, 11)]
        assert (again.id, again.pts_count) == (answer.id, 0)


async def test_other_sends_are_answered_in_full(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    town = world.add_channel("Town", alice)
    channel = types.InputPeerChannel(town.id, world.access_hash(alice, town))
    peer = types.InputPeerUser(bob.id, world.access_hash(alice, bob))
    bold = [types.MessageEntityBold(0, 2)]
    for request in (
        functions.messages.SendMessageRequest(channel, "hi", random_id=1),
        functions.messages.SendMessageRequest(peer, "hi", random_id=2, entities=bold),
    ):
        assert isinstance(await phone.call(request), types.Updates)


async def test_telethon_lives_with_short_updates(
    dc: DataCentre, world: World, alice: User, bob: User, connect: Connect, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    duo = world.add_group("Duo", bob, [alice])
    hers, his = await connect(alice), await connect(bob)
    for client in (hers, his):
        await client.get_dialogs()
    heard, echoed = listen(his), listen(await connect(alice))
    sent = await hers.send_message("bobby", "hi")
    assert (sent.out, sent.raw_text) == (True, "hi")
    await hers.send_message(duo.peer_id, "all")
    assert await texts(heard, 2) == ["hi", "all"]
    assert await texts(echoed, 2) == ["hi", "all"]
    assert [each.message async for each in his.iter_messages("alice")] == ["hi"]
    assert dc.handler_errors == {}


async def test_telethon_asks_who_a_stranger_is_that_a_short_update_only_numbers(
    dc: DataCentre, alice: User, bob: User, connect: Connect, control: Http
) -> None:
    await control("POST", "/behaviour", {"shortUpdates": True})
    heard = listen(await connect(alice))
    say(dc, bob, alice, "hi")
    async with asyncio.timeout(5):
        event = await heard.get()
        assert isinstance(event.original_update, types.UpdateShortMessage)
        assert (await event.get_sender()).first_name == "Bob"


# Lost pushes


async def test_a_lost_push_is_noticed_by_the_next_one_and_fetched(
    dc: DataCentre, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await control("POST", "/behaviour", {"losePushes": 2})
    for text in ("one", "two", "three"):
        say(dc, bob, alice, text)
    (step,) = (await phone.receive(types.Updates)).obj.updates
    assert (step.message.message, step.pts) == ("three", 4)
    assert (await control("GET", "/behaviour"))[1]["losePushes"] == 0
    missed = await phone.call(functions.updates.GetDifferenceRequest(1, 0, 0))
    assert [message.message for message in missed.new_messages] == ["one", "two", "three"]


async def test_telethon_fetches_what_a_lost_push_said(
    dc: DataCentre, world: World, alice: User, bob: User, connect: Connect, control: Http
) -> None:
    town = world.add_channel("Town", bob, [alice])
    client = await connect(alice)
    await client.get_dialogs()
    heard = listen(client)
    for peer in (alice, town):
        say(dc, bob, peer, "heard")
        assert await texts(heard, 1) == ["heard"]
        await control("POST", "/behaviour", {"losePushes": 1})
        say(dc, bob, peer, "lost")
        say(dc, bob, peer, "noticed")
        assert await texts(heard, 2) == ["lost", "noticed"]


# What the server forgets


async def test_a_forgotten_past_is_too_long(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    for n in range(3):
        world.post(bob, alice, f"m{n}")
    assert await control("POST", "/forget", {"box": "alice"}) == (200, {"pts": {str(alice.id): 4}})
    ask = functions.updates.GetDifferenceRequest
    assert await phone.call(ask(3, 0, 0)) == types.updates.DifferenceTooLong(4)
    assert isinstance(await phone.call(ask(4, 0, 0)), types.updates.DifferenceEmpty)
    world.post(bob, alice, "after")
    assert [each.message for each in (await phone.call(ask(4, 0, 0))).new_messages] == ["after"]


async def test_a_forgotten_past_of_a_channel_is_too_long(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    town, other = (world.add_channel(title, bob, [alice]) for title in ("Town", "Other"))
    for channel in (town, other):
        world.post(bob, channel, "news")
    assert (await control("POST", "/forget", {"box": town.peer_id}))[0] == 200

    async def ask(channel: Any) -> Any:
        given = types.InputChannel(channel.id, world.access_hash(alice, channel))
        every = types.ChannelMessagesFilterEmpty()
        return await phone.call(
            functions.updates.GetChannelDifferenceRequest(given, every, pts=2, limit=10)
        )

    too_long = await ask(town)
    assert isinstance(too_long, types.updates.ChannelDifferenceTooLong)
    assert (too_long.dialog.pts, too_long.messages[0].message) == (3, "news")
    assert isinstance(await ask(other), types.updates.ChannelDifference)
    status, answer = await control("POST", "/forget", {"box": None})
    assert status == 200
    assert answer["pts"] == {
        str(box.owner): box.pts for box in (alice.box, bob.box, town.box, other.box)
    }
    assert isinstance(await ask(other), types.updates.ChannelDifferenceTooLong)


async def test_a_basic_group_has_nothing_to_forget(
    world: World, alice: User, bob: User, control: Http
) -> None:
    duo = world.add_group("Duo", bob, [alice])
    assert await control("POST", "/forget", {"box": duo.peer_id}) == (
        400,
        {"error": "a basic group has no box of its own"},
    )
    assert (await control("POST", "/forget", {}))[0] == 400


# Slices


async def test_differences_come_in_slices_of_the_size_that_is_set(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    town = world.add_channel("Town", bob, [alice])
    for n in range(5):
        world.post(bob, alice, f"m{n}")
        world.post(bob, town, f"t{n}")
    await control("POST", "/behaviour", {"sliceAt": 2})
    pts, pages = 1, []
    while True:
        found = await phone.call(functions.updates.GetDifferenceRequest(pts, 0, 0))
        pages.append([message.message for message in found.new_messages])
        if isinstance(found, types.updates.Difference):
            break
        pts = found.intermediate_state.pts
    assert pages == [["m0", "m1"], ["m2", "m3"], ["m4"]]
    given = types.InputChannel(town.id, world.access_hash(alice, town))
    every = types.ChannelMessagesFilterEmpty()
    found = await phone.call(
        functions.updates.GetChannelDifferenceRequest(given, every, pts=2, limit=10)
    )
    assert ([each.message for each in found.new_messages], found.final) == (["t0", "t1"], False)


async def test_a_slice_of_messages_that_are_gone_since_still_moves_on(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    gone = [world.post(bob, alice, "gone").message.copies[alice.id] for _ in range(2)]
    changes.delete(world, alice, None, gone, for_everyone=True)
    world.post(bob, alice, "here")
    await control("POST", "/behaviour", {"sliceAt": 2})
    first = await phone.call(functions.updates.GetDifferenceRequest(1, 0, 0))
    assert (first.new_messages, first.intermediate_state.pts) == ([], 3)
    rest = await phone.call(functions.updates.GetDifferenceRequest(3, 0, 0))
    assert rest.other_updates == [types.UpdateDeleteMessages(gone, pts=5, pts_count=2)]
    assert ([each.message for each in rest.new_messages], rest.state.pts) == (["here"], 6)
