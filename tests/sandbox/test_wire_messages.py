from __future__ import annotations

import asyncio
import gzip
import os
import struct
from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import AuthKeyNotFound
from telethon.extensions import BinaryReader
from telethon.tl import functions, types
from telethon.tl.core import MessageContainer, RpcResult
from telethon.tl.tlobject import TLObject

from tests.sandbox.raw_client import gzipped, in_layer
from vasya_sandbox import registry
from vasya_sandbox.client import open_client
from vasya_sandbox.packing import pack_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Connect, ConnectRaw
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

NEAREST = functions.help.GetNearestDcRequest
BROKEN = functions.help.GetTermsOfServiceUpdateRequest


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def _broken_handler() -> Iterator[None]:
    def fail(_session: Any, _request: Any) -> Any:
        raise ZeroDivisionError

    registry.rpc(BROKEN, login=False)(fail)
    yield
    del registry.HANDLERS[BROKEN]


# Salts and clocks


async def test_a_wrong_salt_is_answered_with_the_right_one(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    right, client.state.salt = client.state.salt, 0
    msg_id = client.send(functions.PingRequest(1))
    notice = (await client.receive(types.BadServerSalt)).obj
    assert (notice.bad_msg_id, notice.error_code, notice.new_server_salt) == (msg_id, 48, right)
    assert dc.requests == {}


async def test_a_live_client_survives_a_salt_rotation(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    dc.authorizations_of(alice)[0].rotate_salts()
    assert (await client(NEAREST())).this_dc == 2


async def test_the_salt_of_the_last_hour_stays_valid_for_half_an_hour(
    dc: DataCentre, alice: User
) -> None:
    dc.mint(alice)
    (auth,) = dc.authorizations_of(alice)
    old = auth.salt(7200 - 1)
    assert auth.salt(7200) != old
    assert auth.accepts_salt(old, 7200 + 1799)
    assert not auth.accepts_salt(old, 7200 + 1800)


async def test_future_salts_become_valid(dc: DataCentre, alice: User, connect: Connect) -> None:
    client = await connect(alice)
    answer = await client(functions.GetFutureSaltsRequest(3))
    (auth,) = dc.authorizations_of(alice)
    assert len(answer.salts) == 3
    for promised in answer.salts:
        since = int(promised.valid_since.timestamp())
        assert promised.salt == auth.salt(since)


@pytest.mark.parametrize("skew_secs", [-3600, 3600])
async def test_a_client_adjusts_to_a_server_whose_clock_differs(
    dc: DataCentre, alice: User, connect: Connect, skew_secs: int
) -> None:
    dc.skew_secs = skew_secs
    known, new = await connect(alice), await connect()
    assert (await known(NEAREST())).this_dc == 2
    assert (await new(NEAREST())).this_dc == 2


@pytest.mark.parametrize(("shift_secs", "bits", "code"), [(-301, 0, 16), (40, 0, 17), (0, 1, 18)])
async def test_a_wrong_message_id_is_named(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw, shift_secs: int, bits: int, code: int
) -> None:
    client = await connect_raw(alice)
    msg_id = int(dc.clock() + shift_secs) << 32 | bits
    client.send(functions.PingRequest(1), msg_id=msg_id)
    notice = (await client.receive(types.BadMsgNotification)).obj
    assert (notice.bad_msg_id, notice.error_code) == (msg_id, code)


async def test_a_new_session_is_announced_once(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    first = client.send(functions.PingRequest(1))
    created = (await client.receive(types.NewSessionCreated)).obj
    assert (created.first_msg_id, created.server_salt) == (first, client.state.salt)
    client.send(functions.PingRequest(2))
    while (await client.receive(types.Pong)).obj.ping_id != 2:
        pass
    assert client.inbox == []


# Packing


async def test_hundreds_of_calls_at_once_are_all_answered(alice: User, connect: Connect) -> None:
    client = await connect(alice)
    answers = await client([NEAREST() for _ in range(350)])
    assert [answer.this_dc for answer in answers] == [2] * 350


async def test_an_unknown_constructor_costs_one_message_of_a_container(
    alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    unknown = client.message(b"\x01\x02\x03\x04" + bytes(8))
    known = client.message(bytes(NEAREST()))
    client.send_container(unknown, known)
    error = (await client.result(struct.unpack_from("<q", unknown)[0])).error
    assert (error.error_code, error.error_message) == (400, "INPUT_METHOD_INVALID_67305985_0")
    assert (await client.result(struct.unpack_from("<q", known)[0])).error is None


async def test_an_object_that_is_no_request_is_refused(
    alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    assert (await client.call(types.InputPeerEmpty())).error_message == "INPUT_REQUEST_INVALID"


async def test_a_packed_request_is_unpacked(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    await client.begin()
    assert (await client.call(gzipped(NEAREST()))).this_dc == 2


def test_a_long_result_is_packed() -> None:
    packed = pack_result(b"abcd" * 2000)
    assert BinaryReader(packed).tgread_object().data == b"abcd" * 2000
    assert pack_result(b"abcd") == b"abcd"


async def test_a_packed_answer_reaches_a_client(
    dc: DataCentre, world: World, alice: User, connect: Connect
) -> None:
    about = "long " * 2000
    alice.about = about
    client = await connect(alice)
    full = await client(functions.users.GetFullUserRequest("me"))
    assert full.full_user.about == about
    assert world.users == {alice.id: alice}
    assert not dc.unserved


# Service messages


async def test_a_ping_is_answered_with_its_id(alice: User, connect: Connect) -> None:
    client = await connect(alice)
    assert (await client(functions.PingRequest(99))).ping_id == 99


async def test_a_connection_that_promised_pings_is_dropped_without_them(
    alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    client.send(functions.PingDelayDisconnectRequest(1, 0))
    assert await client.is_dropped()


async def test_message_states_are_told(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    await client.begin()
    answered = client.send(NEAREST())
    await client.result(answered)
    later = answered + (100 << 32)
    client.send(types.MsgsStateReq([answered, later, 4]))
    info = (await client.receive(types.MsgsStateInfo)).obj.info
    assert info.encode() == bytes([4 + 32 + 64, 3, 1])


async def test_a_message_is_sent_again_on_request(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    await client.begin()
    client.send(NEAREST())
    first = await client.receive(RpcResult)
    client.send(types.MsgResendReq([first.msg_id]))
    assert (await client.receive(RpcResult)).msg_id == first.msg_id


async def test_a_session_can_be_destroyed_by_another(
    dc: DataCentre, alice: User, connect: Connect, connect_raw: ConnectRaw
) -> None:
    client = await connect(alice)
    (auth,) = dc.authorizations_of(alice)
    other = await connect_raw(auth=auth)
    other.send(functions.PingRequest(1))
    await other.receive(types.Pong)
    request = functions.DestroySessionRequest(other.state.id)
    assert isinstance(await client(request), types.DestroySessionOk)
    assert isinstance(await client(request), types.DestroySessionNone)


# Sending again


async def test_an_answer_that_was_not_acknowledged_is_sent_again_after_a_reconnect(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    client.send(NEAREST())
    first = await client.receive(RpcResult)
    await client.close()
    (auth,) = dc.authorizations_of(alice)
    again = await connect_raw(auth=auth, session_id=client.state.id)
    again.send(functions.PingRequest(1))
    ids = [(await again.receive(RpcResult)).msg_id for _ in range(2)]
    assert ids[1] == first.msg_id


async def test_an_acknowledged_answer_is_not_sent_again(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    client.send(NEAREST())
    first = await client.receive(RpcResult)
    client.send(types.MsgsAck([first.msg_id]))
    client.send(functions.PingRequest(1))
    await client.receive(types.Pong)
    await client.close()
    (auth,) = dc.authorizations_of(alice)
    again = await connect_raw(auth=auth, session_id=client.state.id)
    again.send(functions.PingRequest(2))
    await again.receive(types.Pong)
    assert first.msg_id not in [message.msg_id for message in again.inbox]


async def test_a_repeated_request_is_handled_once_and_answered_again(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    msg_id = client.send(functions.help.GetConfigRequest())
    first = await client.receive(RpcResult)
    client.send(functions.help.GetConfigRequest(), msg_id=msg_id)
    assert (await client.receive(RpcResult)).msg_id == first.msg_id
    assert dc.requests["help.GetConfig"] == 1


async def test_several_sessions_share_a_key(dc: DataCentre, alice: User, connect: Connect) -> None:
    session = dc.mint(alice)
    first, second = await connect(session=session), await connect(session=session)
    assert (await first.get_me()).id == (await second.get_me()).id == alice.id
    assert len(dc.authorizations_of(alice)) == 1


# Wrappers


async def test_another_layer_is_refused(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    error = await client.call(in_layer(NEAREST(), layer=1))
    assert (error.error_code, error.error_message) == (400, "CONNECTION_LAYER_INVALID")


async def test_a_call_without_an_introduction_is_refused(
    alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    error = await client.call(NEAREST())
    assert (error.error_code, error.error_message) == (400, "CONNECTION_NOT_INITED")


async def test_the_introduction_is_noted(dc: DataCentre, alice: User, connect: Connect) -> None:
    await connect(alice, device_model="Typewriter", app_version="7", system_lang_code="fi")
    (auth,) = dc.authorizations_of(alice)
    assert (auth.device_model, auth.app_version, auth.system_lang_code) == ("Typewriter", "7", "fi")


async def test_a_call_waits_for_the_one_before(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    answers = await client([NEAREST(), functions.help.GetConfigRequest()], ordered=True)
    assert [answer.this_dc for answer in answers] == [2, 2]
    assert [noted.method for noted in dc.requests_since()][-2:] == [
        "help.GetNearestDc",
        "help.GetConfig",
    ]


async def test_a_call_after_a_failed_one_fails(alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    await client.begin()
    failed = client.send(functions.InvokeWithTakeoutRequest(5, NEAREST()))
    assert (await client.result(failed)).error.error_message == "TAKEOUT_INVALID"
    error = await client.call(functions.InvokeAfterMsgRequest(failed, NEAREST()))
    assert (error.error_code, error.error_message) == (400, "MSG_WAIT_FAILED")


async def test_a_takeout_is_peeled(dc: DataCentre, alice: User, connect_raw: ConnectRaw) -> None:
    client = await connect_raw(alice)
    await client.begin()
    dc.authorizations_of(alice)[0].takeout_id = 5
    answer = await client.call(functions.InvokeWithTakeoutRequest(5, NEAREST()))
    assert answer.this_dc == 2


# Broken peers and broken handlers


async def test_a_key_that_is_not_known_is_answered_with_404(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    dc.keys.clear()
    client.send(functions.PingRequest(1))
    assert await client.receive_packet() == struct.pack("<i", -404)


async def test_a_client_learns_that_its_key_is_gone(
    dc: DataCentre, alice: User, connect: Connect
) -> None:
    client = await connect(alice)
    dc.keys.clear()
    with pytest.raises(AuthKeyNotFound):
        await client(NEAREST())


def nested_container(client: Any) -> bytes:
    inner = struct.pack("<Ii", MessageContainer.CONSTRUCTOR_ID, 0)
    outer = struct.pack("<Ii", MessageContainer.CONSTRUCTOR_ID, 1) + client.message(inner)
    return bytes(client.state.encrypt_message_data(client.message(outer)))


def container_that_lies(client: Any) -> bytes:
    body = struct.pack("<Iiqii", MessageContainer.CONSTRUCTOR_ID, 1, 4, 1, 1 << 20)
    return bytes(client.state.encrypt_message_data(client.message(body)))


def bomb(client: Any) -> bytes:
    packed = gzip.compress(bytes(64 << 20))
    body = b"\xa1\xcf\x72\x30" + TLObject.serialize_bytes(packed)
    return bytes(client.state.encrypt_message_data(client.message(body)))


def forged(client: Any) -> bytes:
    packet = bytearray(client.state.encrypt_message_data(client.message(bytes(16))))
    packet[-1] ^= 1
    return bytes(packet)


def cut_off(client: Any) -> bytes:
    return bytes(client.state.encrypt_message_data(client.message(bytes(16))))[:-4]


def plain_noise(_client: Any) -> bytes:
    return bytes(20) + os.urandom(40)


def plain_stump(_client: Any) -> bytes:
    return bytes(8)


@pytest.mark.parametrize(
    "make", [nested_container, container_that_lies, bomb, forged, cut_off, plain_noise, plain_stump]
)
async def test_a_malformed_packet_drops_its_connection_only(
    alice: User, connect: Connect, connect_raw: ConnectRaw, make: Any
) -> None:
    bystander = await connect(alice)
    client = await connect_raw(alice)
    client.send_packet(make(client))
    assert await client.is_dropped()
    assert (await bystander(NEAREST())).this_dc == 2


@pytest.mark.parametrize(
    "start",
    [
        struct.pack("<i", 0x7FFFFFFF),
        struct.pack("<i", 8),
        b"\xef\x7f\xff\xff\xff",
        b"\xee\xee\xee\xee" + struct.pack("<i", (2 << 20) + 4),
        b"\x10\0\0\0" + bytes(12),
    ],
    ids=["full", "full too short", "abridged", "intermediate", "full with a wrong checksum"],
)
async def test_an_impossible_length_drops_before_the_packet_arrives(
    dc: DataCentre, start: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*dc.address)
    writer.write(start)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    assert dc.broken_peers == 1


async def test_a_client_that_does_not_read_is_dropped(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.call(in_layer(functions.users.GetUsersRequest([types.InputUserSelf()])))
    client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket transport
    async with asyncio.timeout(20):
        noise = [types.UpdateServiceNotification("x" * 500_000, "y", types.MessageMediaEmpty(), [])]
        while dc.connections:
            dc.push(alice, noise)
            await asyncio.sleep(0)


@pytest.mark.usefixtures("_broken_handler")
async def test_a_handler_that_fails_costs_one_call(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    error = await client.call(BROKEN())
    assert (error.error_code, error.error_message) == (500, "INTERNAL_SERVER_ERROR")
    assert (await client.call(NEAREST())).this_dc == 2
    assert dc.handler_errors == {"help.GetTermsOfServiceUpdate": 1}
    assert "ZeroDivisionError" in caplog.text
    dc.handler_errors.clear()


async def test_a_request_that_nobody_serves_is_refused_and_counted(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.begin()
    error = await client.call(BROKEN())
    assert (error.error_code, error.error_message) == (400, "METHOD_NOT_SERVED_BY_SANDBOX")
    assert dc.unserved == {"help.GetTermsOfServiceUpdate": 1}


async def test_a_call_that_needs_a_login_is_refused_without_one(connect: Connect) -> None:
    client = await connect()
    assert await client.get_me() is None


async def test_what_a_client_never_acknowledges_is_kept_within_bounds(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(alice)
    await client.call(in_layer(functions.users.GetUsersRequest([types.InputUserSelf()])))
    (session,) = dc.authorizations_of(alice)[0].sessions.values()
    noise = [types.UpdateServiceNotification("x" * 1_000_000, "y", types.MessageMediaEmpty(), [])]
    for _ in range(6):
        dc.push(alice, noise)
        await client.receive(types.Updates)
    assert len(session.unacked) == 4
    assert session.has_forgotten


async def test_only_the_last_sessions_of_a_key_are_remembered(
    dc: DataCentre, alice: User, connect_raw: ConnectRaw
) -> None:
    dc.mint(alice)
    (auth,) = dc.authorizations_of(alice)
    used = []
    for _ in range(8):
        client = await connect_raw(auth=auth)
        client.send(functions.PingRequest(1))
        await client.receive(types.Pong)
        used.append(client.state.id)
        await client.close()
        await asyncio.sleep(0.01)
    assert [*auth.sessions] == used[-4:]


async def test_a_client_of_the_sandbox_cannot_leave_this_machine(dc: DataCentre) -> None:
    assert dc.address[0] == "127.0.0.1"
    with pytest.raises(ConnectionError, match=r"149\.154\.167\.51 is not a loopback address"):
        await open_client(("149.154.167.51", 443)).connect()
