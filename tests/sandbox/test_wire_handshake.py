from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, Any

import pytest
from telethon import helpers
from telethon.crypto import AES, AuthKey
from telethon.crypto.rsa import get_byte_array
from telethon.extensions import BinaryReader
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tests.sandbox.raw_client import RawClient
from vasya_sandbox.handshake import GENERATOR, PRIME, Handshake, P, Q, RsaKey, open_pq_inner
from vasya_sandbox.transport import BrokenPeer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Connect, ConnectRaw
    from vasya_sandbox.dc import DataCentre

NONCE, NEW_NONCE = 0x1234, 0x5678


def rsa_public(key: RsaKey) -> tuple[int, int]:
    public = key._numbers.public_numbers
    return public.n, public.e


def seal_rsa_pad(key: RsaKey, data: bytes) -> bytes:
    """Encrypt as https://core.telegram.org/mtproto/auth_key prescribes today."""
    n, e = rsa_public(key)
    padded = data + os.urandom(192 - len(data))
    while True:
        temporary = os.urandom(32)
        with_hash = padded[::-1] + hashlib.sha256(temporary + padded).digest()
        sealed = AES.encrypt_ige(with_hash, temporary, bytes(32))
        mask = hashlib.sha256(sealed).digest()
        block = bytes(a ^ b for a, b in zip(temporary, mask, strict=True)) + sealed
        if (value := int.from_bytes(block, "big")) < n:
            return pow(value, e, n).to_bytes(256, "big")


def seal_sha1(key: RsaKey, data: bytes) -> bytes:
    """Encrypt as Telethon does."""
    n, e = rsa_public(key)
    block = hashlib.sha1(data).digest() + data + os.urandom(235 - len(data))
    return pow(int.from_bytes(block, "big"), e, n).to_bytes(256, "big")


def pq_inner(expected: int, **changes: Any) -> Any:
    fields = {
        "pq": get_byte_array(P * Q),
        "p": get_byte_array(P),
        "q": get_byte_array(Q),
        "nonce": NONCE,
        "server_nonce": expected,
        "new_nonce": NEW_NONCE,
    }
    return types.PQInnerData(**{**fields, **changes})


def dh_request(key: RsaKey, server_nonce: int, sealed: bytes, nonce: int = NONCE) -> Any:
    return functions.ReqDHParamsRequest(
        nonce, server_nonce, get_byte_array(P), get_byte_array(Q), key.fingerprint, sealed
    )


def client_dh(server_nonce: int, aes: tuple[bytes, bytes], public: int) -> Any:
    inner = bytes(types.ClientDHInnerData(NONCE, server_nonce, 0, get_byte_array(public)))
    sealed = AES.encrypt_ige(hashlib.sha1(inner).digest() + inner, *aes)
    return functions.SetClientDHParamsRequest(NONCE, server_nonce, sealed)


async def exchange(
    client: RawClient, key: RsaKey, seal: Callable[[RsaKey, bytes], bytes], *, zeros: int = 0
) -> AuthKey:
    """Create a key by hand; with *zeros*, one that begins with as many zero bytes."""
    offer = await client.exchange_plain(functions.ReqPqMultiRequest(NONCE))
    assert int.from_bytes(offer.pq, "big") == 0x17ED48941A08F981
    sealed = seal(key, bytes(pq_inner(offer.server_nonce)))
    answer = await client.exchange_plain(dh_request(key, offer.server_nonce, sealed))
    aes = helpers.generate_key_data_from_nonce(offer.server_nonce, NEW_NONCE)
    inner = BinaryReader(AES.decrypt_ige(answer.encrypted_answer, *aes)[20:]).tgread_object()
    g_a = int.from_bytes(inner.g_a, "big")
    exponent = 2**1400
    public, shared = pow(GENERATOR, exponent, PRIME), pow(g_a, exponent, PRIME)
    while shared >> (2048 - 8 * zeros):
        public, shared = public * GENERATOR % PRIME, shared * g_a % PRIME
    done = await client.exchange_plain(client_dh(offer.server_nonce, aes, public))
    auth_key = AuthKey(get_byte_array(shared))
    assert done.new_nonce_hash1 == auth_key.calc_new_nonce_hash(NEW_NONCE, 1)
    return auth_key


@pytest.mark.parametrize(
    "connection", [ConnectionTcpFull, ConnectionTcpAbridged, ConnectionTcpIntermediate]
)
async def test_an_unmodified_client_creates_a_key_in_every_transport(
    connect: Connect, connection: Any
) -> None:
    client = await connect(connection=connection)
    assert not await client.is_user_authorized()


@pytest.mark.parametrize("seal", [seal_rsa_pad, seal_sha1])
async def test_both_forms_of_the_rsa_block_make_a_key(
    dc: DataCentre, connect_raw: ConnectRaw, seal: Callable[[RsaKey, bytes], bytes]
) -> None:
    client = await connect_raw()
    key = await exchange(client, dc.rsa_key, seal)
    client.use(key, dc.keys[key.key_id].salt(dc.clock()))
    client.send(functions.PingRequest(7))
    assert (await client.receive(types.Pong)).obj.ping_id == 7


async def test_a_key_with_a_leading_zero_byte_works(
    dc: DataCentre, connect: Connect, connect_raw: ConnectRaw
) -> None:
    key = await exchange(await connect_raw(), dc.rsa_key, seal_sha1, zeros=1)
    assert len(key.key) == 255
    session = MemorySession()
    session.set_dc(2, *dc.address)
    session.auth_key = key
    client = await connect(session=session)
    assert (await client(functions.help.GetNearestDcRequest())).this_dc == 2
    assert [*dc.keys] == [key.key_id]


async def test_the_padded_transport_loses_its_padding(dc: DataCentre) -> None:
    client = await RawClient.open(dc.address, b"\xdd" * 4)
    key = await exchange(client, dc.rsa_key, seal_sha1)
    client.use(key, dc.keys[key.key_id].salt(dc.clock()))
    body = client.message(bytes(functions.PingRequest(7)))
    client.send_packet(client.state.encrypt_message_data(body) + os.urandom(11))
    answer = await client.receive_packet()
    seen = client.state.decrypt_message_data(answer[: len(answer) - len(answer) % 4])
    assert [message.obj.ping_id for message in seen.obj.messages[1:]] == [7]
    await client.close()


def started(key: RsaKey) -> tuple[Handshake, int]:
    handshake = Handshake(key, NONCE)
    return handshake, handshake.offer().server_nonce


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": 1}, "nonces of another exchange"),
        ({"server_nonce": 1}, "nonces of another exchange"),
        ({"p": b"\x03"}, "wrong factorisation"),
    ],
)
def test_a_wrong_inner_datum_is_refused(
    private_key: bytes, changes: dict[str, Any], reason: str
) -> None:
    key = RsaKey.load(private_key)
    handshake, server_nonce = started(key)
    sealed = seal_rsa_pad(key, bytes(pq_inner(server_nonce, **changes)))
    with pytest.raises(BrokenPeer, match=reason):
        handshake.dh_params(dh_request(key, server_nonce, sealed), 0)


def test_an_outer_nonce_of_another_exchange_is_refused(private_key: bytes) -> None:
    key = RsaKey.load(private_key)
    handshake, server_nonce = started(key)
    with pytest.raises(BrokenPeer, match="nonces of another exchange"):
        handshake.dh_params(dh_request(key, server_nonce, bytes(256), nonce=1), 0)


def test_a_tampered_rsa_block_is_refused(private_key: bytes) -> None:
    key = RsaKey.load(private_key)
    inner = bytes(pq_inner(1))
    block = bytearray(b"\0" + hashlib.sha1(inner).digest() + inner)
    block += bytes(256 - len(block))
    assert open_pq_inner(bytes(block)).new_nonce == NEW_NONCE
    block[5] ^= 1
    with pytest.raises(BrokenPeer, match="wrong hash"):
        open_pq_inner(bytes(block))
    assert key.fingerprint


def test_a_temporary_key_is_refused(private_key: bytes) -> None:
    key = RsaKey.load(private_key)
    handshake, server_nonce = started(key)
    plain = pq_inner(server_nonce)
    inner = types.PQInnerDataTempDc(
        plain.pq, plain.p, plain.q, NONCE, server_nonce, NEW_NONCE, 2, 3600
    )
    with pytest.raises(BrokenPeer, match="temporary"):
        handshake.dh_params(dh_request(key, server_nonce, seal_rsa_pad(key, bytes(inner))), 0)


@pytest.mark.parametrize("public", [0, 1, PRIME - 1, 2**1984 - 1])
def test_a_weak_client_number_is_refused(private_key: bytes, public: int) -> None:
    key = RsaKey.load(private_key)
    handshake, server_nonce = started(key)
    sealed = seal_rsa_pad(key, bytes(pq_inner(server_nonce)))
    handshake.dh_params(dh_request(key, server_nonce, sealed), 0)
    aes = helpers.generate_key_data_from_nonce(server_nonce, NEW_NONCE)
    with pytest.raises(BrokenPeer, match="out of range"):
        handshake.finish(client_dh(server_nonce, aes, public))


def test_a_key_cannot_be_finished_before_it_is_begun(private_key: bytes) -> None:
    handshake, server_nonce = started(RsaKey.load(private_key))
    with pytest.raises(BrokenPeer, match="out of order"):
        handshake.finish(client_dh(server_nonce, (bytes(32), bytes(32)), 2**2000))


async def test_a_key_that_is_not_trusted_makes_no_connection(
    dc: DataCentre, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw()
    offer = await client.exchange_plain(functions.ReqPqMultiRequest(NONCE))
    other = RsaKey.generate()
    sealed = seal_rsa_pad(other, bytes(pq_inner(offer.server_nonce)))
    body = bytes(dh_request(other, offer.server_nonce, sealed))
    client.send_packet(struct.pack("<qqi", 0, 0, len(body)) + body)
    assert await client.is_dropped()
    assert dc.keys == {}
