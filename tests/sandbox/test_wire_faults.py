from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer
from vasya_sandbox.faults import Action, Fault, FaultPlan

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect, ConnectRaw
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

STATE = functions.updates.GetStateRequest


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


def send(dc: DataCentre, sender: User, peer: User, text: str, random_id: int) -> Any:
    shown = types.InputPeerUser(peer.id, dc.world.access_hash(sender, peer))
    return functions.messages.SendMessageRequest(shown, text, random_id=random_id)


async def test_an_rpc_error_strikes_as_often_as_planned(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="updates.getState",
            times=2,
            code=400,
            text="PEER_FLOOD",
        )
    )
    for _ in range(2):
        with pytest.raises(errors.PeerFloodError):
            await client(STATE())
    assert (await client(STATE())).pts == alice.box.pts


async def test_a_flood_wait_tells_its_seconds(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice, flood_sleep_threshold=0)
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="GetStateRequest", secs=31))
    with pytest.raises(errors.FloodWaitError) as caught:
        await client(STATE())
    assert caught.value.seconds == 31


async def test_a_client_that_is_sent_to_another_data_centre_stays_on_this_machine(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect()
    migrate = Fault(
        action=Action.RPC_ERROR, request="auth.sendCode", code=303, text="PHONE_MIGRATE_4"
    )
    dc.faults.add(migrate)
    await client.send_code_request(alice.phone)
    await client.sign_in(alice.phone, "12345")
    assert (client.session.dc_id, client.session.server_address) == (4, "127.0.0.1")


async def test_a_fault_meets_only_the_user_it_names(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    of_alice, of_bob = await connect(alice), await connect(bob)
    dc.faults.add(Fault(action=Action.RPC_ERROR, user_id=bob.id, code=400, text="CHAT_INVALID"))
    assert await of_alice(STATE())
    with pytest.raises(errors.ChatInvalidError):
        await of_bob(STATE())


async def test_a_fault_meets_only_the_request_it_names(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    dc.faults.add(
        Fault(action=Action.RPC_ERROR, request="updates.GetState", code=400, text="CHAT_INVALID")
    )
    assert await client.get_me()
    with pytest.raises(errors.ChatInvalidError):
        await client(STATE())


async def test_a_dropped_request_was_not_handled(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DROP, request="messages.SendMessage"))
    client.send(send(dc, alice, bob, "hi", 1))
    assert await client.is_dropped()
    assert dc.world.ids(alice, bob) == []


async def test_a_request_dropped_after_handling_was_handled(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.SendMessage"))
    client.send(send(dc, alice, bob, "hi", 1))
    assert await client.is_dropped()
    assert dc.world.ids(alice, bob) == [1]


async def test_a_client_replays_what_was_dropped(
    dc: DataCentre, alice: User, bob: User, connect: Connect
) -> None:
    client = await connect(alice)
    for action in (Action.DROP, Action.DROP_AFTER):
        dc.faults.add(Fault(action=action, request="messages.SendMessage"))
        sent = await client.send_message("bobby", f"despite {action}")
        assert sent.message == f"despite {action}"
    assert dc.world.ids(bob, alice) == [1, 2]


async def test_a_silenced_request_is_never_answered(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.SILENCE, request="updates.GetState"))
    silenced = client.send(STATE())
    await client.call(STATE())
    assert silenced not in [getattr(message.obj, "req_msg_id", None) for message in client.inbox]


async def test_a_delayed_request_is_answered_late_and_others_meanwhile(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="updates.GetState", secs=0.1))
    delayed = client.send(STATE())
    await client.call(functions.help.GetNearestDcRequest())
    assert delayed not in [getattr(message.obj, "req_msg_id", None) for message in client.inbox]
    assert (await client.result(delayed)).error is None


async def test_a_repeat_of_a_message_in_flight_is_a_duplicate(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client, other = await connect_raw(alice), await connect_raw(alice)
    await client.begin()
    await other.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.2))
    original = client.send(send(dc, alice, bob, "hi", 7))
    await client.call(functions.help.GetNearestDcRequest())
    error = await other.call(send(dc, alice, bob, "again", 7))
    assert (error.error_code, error.error_message) == (500, "RANDOM_ID_DUPLICATE")
    assert (await client.result(original)).error is None
    assert dc.in_flight == set()
    assert dc.world.ids(bob, alice) == [1]


async def test_the_same_random_id_to_somebody_else_is_no_duplicate(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.2))
    client.send(send(dc, alice, bob, "hi", 7))
    itself = functions.messages.SendMessageRequest(types.InputPeerSelf(), "hi", random_id=7)
    assert isinstance(await client.call(itself), types.Updates)


async def test_a_delayed_message_is_sent_even_when_its_sender_is_gone(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=0.1))
    client.send(send(dc, alice, bob, "hi", 7))
    await client.call(functions.help.GetNearestDcRequest())
    await client.close()
    await asyncio.sleep(0.3)
    assert dc.world.ids(bob, alice) == [1]


async def test_a_call_that_follows_a_delayed_one_waits_for_it(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    dc.faults.add(Fault(action=Action.DELAY, request="updates.GetState", secs=0.1))
    await client([STATE(), functions.help.GetConfigRequest()], ordered=True)
    assert [noted.method for noted in dc.requests_since()][-2:] == [
        "updates.GetState",
        "help.GetConfig",
    ]


async def test_a_lost_key_ends_the_client(dc: DataCentre, alice: User, connect: Connect) -> None:
    client = await connect(alice)
    dc.faults.add(Fault(action=Action.AUTH_KEY_LOST, request="updates.GetState"))
    with pytest.raises(errors.AuthKeyNotFound):
        await client(STATE())
    assert dc.keys == {}
    assert dc.authorizations_of(alice) == []


async def test_faults_can_be_forgotten(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    dc.faults.add(Fault(action=Action.SILENCE))
    dc.faults.clear()
    assert isinstance(await client.call(in_layer(STATE())), types.updates.State)


async def test_a_fault_for_a_request_that_does_not_exist_is_refused(dc: DataCentre) -> None:
    with pytest.raises(ValueError, match=r"no request is called messages\.SendMesage"):
        dc.faults.add(Fault(action=Action.DROP, request="messages.SendMesage"))


@pytest.mark.parametrize(
    "name",
    [
        "messages.hideChatJoinRequest",
        "messages.HideChatJoinRequest",
        "HideChatJoinRequest",
        "HideChatJoinRequestRequest",
    ],
)
def test_a_method_that_ends_in_request_may_be_named_as_any_other(name: str) -> None:
    faults = FaultPlan()

    faults.add(Fault(action=Action.DROP, request=name))

    asked = functions.messages.HideChatJoinRequestRequest("me", "me", approved=True)
    assert faults.take(functions.help.GetConfigRequest(), None) is None
    assert faults.take(asked, None) is not None


@pytest.mark.parametrize("action", [Action.RPC_ERROR, Action.FLOOD_WAIT, Action.DELAY])
def test_a_fault_that_lacks_a_part_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match=f"{action} needs"):
        Fault(action=action)


async def test_two_delayed_repeats_send_one_message(
    dc: DataCentre, alice: User, bob: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", times=2, secs=0.1))
    original = client.send(send(dc, alice, bob, "hi", 7))
    error = await client.call(send(dc, alice, bob, "hi", 7))
    assert error.error_message == "RANDOM_ID_DUPLICATE"
    assert (await client.result(original)).error is None
    assert dc.world.ids(bob, alice) == [1]


async def test_each_item_of_a_delayed_album_is_in_flight(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMultiMedia", secs=0.1))
    items = [types.InputSingleMedia(types.InputMediaEmpty(), "", random_id=n) for n in (8, 9)]
    album = client.send(functions.messages.SendMultiMediaRequest(types.InputPeerSelf(), items))
    repeat = functions.messages.SendMessageRequest(types.InputPeerSelf(), "hi", random_id=9)
    assert (await client.call(repeat)).error_message == "RANDOM_ID_DUPLICATE"
    await client.result(album)
