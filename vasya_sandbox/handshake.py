"""The creation of an authorization key: pure, no sockets.

Source: https://core.telegram.org/mtproto/auth_key
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from functools import lru_cache
from hmac import compare_digest
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from telethon import helpers
from telethon.crypto import AES, AuthKey
from telethon.crypto.rsa import get_byte_array
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, functions, types

from vasya_sandbox.transport import PARSE_ERRORS, BrokenPeer, parse

# Telegram's own 2048-bit safe prime with g = 3: clients know it and skip a test that takes seconds.
PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DB"
    "FA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B41"
    "0DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF"
    "6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
GENERATOR = 3
# The sample of Telegram's documentation. Below 2**63, because clients read pq as a signed number.
P, Q = 0x494C553B, 0x53911073
_SAFE_RANGE = 2 ** (2048 - 64)
_RSA_BYTES = 256
_SHA1_BYTES = 20
_PADDED_BYTES = 192
# A zero key id, the message id, the length.
_PLAIN_HEADER = struct.Struct("<qqi")


def _nonce(data: bytes) -> int:
    """TL nonces are signed little-endian numbers."""
    return int.from_bytes(data, "little", signed=True)


class RsaKey:
    """The data centre's key; `public_pem` is what a client has to trust."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private
        self._numbers = private.private_numbers()
        public = self._numbers.public_numbers
        self.public_pem = (
            private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
            .decode()
        )
        fields = (get_byte_array(public.n), get_byte_array(public.e))
        digest = hashlib.sha1(b"".join(map(TLObject.serialize_bytes, fields))).digest()
        self.fingerprint: int = struct.unpack("<q", digest[-8:])[0]

    @classmethod
    def generate(cls) -> RsaKey:
        """Make a new key."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    @lru_cache(maxsize=1)  # checking a key takes a tenth of a second, and a process has one
    def load(cls, private_pem: bytes) -> RsaKey:
        """Read what `private_pem` gave.

        Raises:
            ValueError: It is not an RSA key in PEM.
        """
        key = serialization.load_pem_private_key(private_pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")  # noqa: TRY004 - what is wrong is the data
        return cls(key)

    @property
    def private_pem(self) -> bytes:
        """The key in the clear, for the sandbox's own state."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    def decrypt(self, cipher: bytes) -> bytes:
        """Decrypt one raw block; by CRT, as no library offers RSA without a padding of its own."""
        numbers = self._numbers
        value = int.from_bytes(cipher, "big")
        first = pow(value % numbers.p, numbers.dmp1, numbers.p)
        second = pow(value % numbers.q, numbers.dmq1, numbers.q)
        plain = second + numbers.q * (numbers.iqmp * (first - second) % numbers.p)
        return plain.to_bytes(_RSA_BYTES, "big")


def open_pq_inner(block: bytes) -> Any:
    """Read the p_q_inner_data in a decrypted RSA block.

    RSA_PAD is today's form; a SHA-1 before the data is the older one, which Telethon still sends.

    Raises:
        BrokenPeer: It is neither.
    """
    mask, sealed = block[:32], block[32:]
    key = bytes(a ^ b for a, b in zip(mask, hashlib.sha256(sealed).digest(), strict=True))
    opened = AES.decrypt_ige(sealed, key, bytes(32))
    padded = opened[:_PADDED_BYTES][::-1]
    if hashlib.sha256(key + padded).digest() == opened[_PADDED_BYTES:]:
        return parse(padded)
    start = 1 + _SHA1_BYTES
    reader = BinaryReader(block[start:])
    try:
        inner = reader.tgread_object()
    except PARSE_ERRORS as error:
        raise BrokenPeer("p_q_inner_data is neither RSA_PAD nor SHA-1 prefixed") from error
    digest = hashlib.sha1(block[start : start + reader.tell_position()]).digest()
    if block[0] or digest != block[1:start]:
        raise BrokenPeer("p_q_inner_data with a wrong hash")
    return inner


def serve_plain(
    rsa_key: RsaKey, current: Handshake | None, packet: bytes, now: float
) -> tuple[Handshake | None, AuthKey | None, bytes | None]:
    """Serve one unencrypted packet of a connection.

    Args:
        rsa_key: The data centre's key.
        current: The exchange under way on the connection.
        packet: As it came, its zero key id included.
        now: Seconds since 1970, as the client is to believe.

    Returns:
        The exchange under way from now on, the key that it made, and the packet to answer with.

    Raises:
        BrokenPeer: The packet is malformed or out of order.
    """
    if len(packet) < _PLAIN_HEADER.size:
        raise BrokenPeer("a plain packet without a message")
    size_bytes = _PLAIN_HEADER.unpack_from(packet)[2]
    body = packet[_PLAIN_HEADER.size :]
    if not 0 < size_bytes <= len(body):
        raise BrokenPeer("a plain message of a wrong length")
    request = parse(body[:size_bytes])
    key = None
    match request:
        case functions.ReqPqMultiRequest() | functions.ReqPqRequest():
            current = Handshake(rsa_key, request.nonce)
            answer = current.offer()
        case functions.ReqDHParamsRequest() if current:
            answer = current.dh_params(request, int(now))
        case functions.SetClientDHParamsRequest() if current:
            key, answer = current.finish(request)
            current = None
        case types.MsgsAck():
            return current, None, None
        case _:
            raise BrokenPeer(f"{type(request).__name__} outside a key exchange")
    data = bytes(answer)
    return current, key, _PLAIN_HEADER.pack(0, int(now * 2**32) & ~3 | 1, len(data)) + data


class Handshake:
    """One exchange: its three answers are asked for in order, then the key exists."""

    def __init__(self, rsa_key: RsaKey, nonce: int) -> None:
        self._rsa_key = rsa_key
        self._nonce = nonce
        self._server_nonce = _nonce(secrets.token_bytes(16))
        self._new_nonce = 0
        # 512 bits are twice the strength of the group, and cheap.
        self._exponent = secrets.randbits(512) | 1 << 511
        self._aes: tuple[bytes, bytes] | None = None

    def offer(self) -> Any:
        """Answer req_pq."""
        pq = get_byte_array(P * Q)
        return types.ResPQ(self._nonce, self._server_nonce, pq, [self._rsa_key.fingerprint])

    def dh_params(self, request: Any, server_time: int) -> Any:
        """Answer req_DH_params.

        Raises:
            BrokenPeer: The request does not belong to this exchange.
        """
        self._check_nonces(request)
        if request.public_key_fingerprint != self._rsa_key.fingerprint:
            raise BrokenPeer("a key that is not ours")
        if len(request.encrypted_data) != _RSA_BYTES:
            raise BrokenPeer("an RSA block of a wrong length")
        inner = open_pq_inner(self._rsa_key.decrypt(request.encrypted_data))
        if not isinstance(inner, types.PQInnerData | types.PQInnerDataDc):
            raise BrokenPeer("temporary keys are not served")
        self._check_nonces(inner)
        if {int.from_bytes(inner.p, "big"), int.from_bytes(inner.q, "big")} != {P, Q}:
            raise BrokenPeer("a wrong factorisation")
        self._new_nonce = inner.new_nonce
        public = get_byte_array(pow(GENERATOR, self._exponent, PRIME))
        answer = bytes(
            types.ServerDHInnerData(
                self._nonce,
                self._server_nonce,
                GENERATOR,
                get_byte_array(PRIME),
                public,
                server_time,
            )
        )
        self._aes = helpers.generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        sealed = AES.encrypt_ige(hashlib.sha1(answer).digest() + answer, *self._aes)
        return types.ServerDHParamsOk(self._nonce, self._server_nonce, sealed)

    def finish(self, request: Any) -> tuple[AuthKey, Any]:
        """Answer set_client_DH_params: the new key, and what to tell the client.

        Raises:
            BrokenPeer: The request does not belong to this exchange, or its number is weak.
        """
        self._check_nonces(request)
        if self._aes is None or not request.encrypted_data or len(request.encrypted_data) % 16:
            raise BrokenPeer("set_client_DH_params out of order")
        opened = AES.decrypt_ige(request.encrypted_data, *self._aes)
        inner = parse(opened[_SHA1_BYTES:])
        if not isinstance(inner, types.ClientDHInnerData):
            raise BrokenPeer("not client_DH_inner_data")
        self._check_nonces(inner)
        digest = hashlib.sha1(bytes(inner)).digest()
        if not compare_digest(digest, opened[:_SHA1_BYTES]):
            raise BrokenPeer("client_DH_inner_data with a wrong hash")
        public = int.from_bytes(inner.g_b, "big")
        if not _SAFE_RANGE < public < PRIME - _SAFE_RANGE:
            raise BrokenPeer("g_b out of range")
        # Telethon drops leading zero bytes of the key (1 key in 256), so its server has to as well.
        key = AuthKey(get_byte_array(pow(public, self._exponent, PRIME)))
        new_nonce_hash = key.calc_new_nonce_hash(self._new_nonce, 1)
        return key, types.DhGenOk(self._nonce, self._server_nonce, new_nonce_hash)

    def _check_nonces(self, data: Any) -> None:
        if (data.nonce, data.server_nonce) != (self._nonce, self._server_nonce):
            raise BrokenPeer("the nonces of another exchange")
