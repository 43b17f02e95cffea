"""Bytes on a TCP connection <-> MTProto packets.

Source: https://core.telegram.org/mtproto/mtproto-transports
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

# A client never needs more: an upload part is 512 KiB and a container stays below 1 MiB.
MAX_PACKET_BYTES = 2 << 20
# Sixteen file parts of 1 MiB, the most a client downloads at once; a reader further behind is stuck.
MAX_WRITE_BUFFER_BYTES = 16 << 20

UNKNOWN_AUTH_KEY = -404
_QUICK_ACK = 0x80000000
_FULL_OVERHEAD_BYTES = 12
_LONG_ABRIDGED = 0x7F

# Everything Telethon's reader raises on bytes that are not what they claim to be.
PARSE_ERRORS = (
    TypeNotFoundError,
    struct.error,
    zlib.error,
    ArithmeticError,
    AttributeError,
    BufferError,
    EOFError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class BrokenPeer(Exception):
    """The peer broke the protocol: its connection is dropped, and no other."""


def parse(data: bytes) -> Any:
    """Read the TL object at the start of *data*.

    Raises:
        BrokenPeer: *data* does not hold one.
    """
    try:
        return BinaryReader(data).tgread_object()
    except PARSE_ERRORS as error:
        raise BrokenPeer(f"no TL object: {error!r}") from error


class Codec(Protocol):
    """One framing of packets on a stream."""

    def decode(self, buffer: bytearray) -> bytes | None:
        """Take the next packet off the front of *buffer*; None while it is incomplete."""

    def encode(self, packet: bytes) -> bytes:
        """Frame *packet*, a multiple of four bytes."""


def _take(buffer: bytearray, head_bytes: int, size_bytes: int) -> bytes | None:
    """Cut a packet of *size_bytes* that follows a header off *buffer*, refusing an oversized one early."""
    if size_bytes > MAX_PACKET_BYTES:
        raise BrokenPeer(f"a packet of {size_bytes} bytes")
    end = head_bytes + size_bytes
    if len(buffer) < end:
        return None
    packet = bytes(buffer[head_bytes:end])
    del buffer[:end]
    return packet


class Abridged:
    """One length byte, in words, for most packets."""

    TAG = b"\xef"

    def decode(self, buffer: bytearray) -> bytes | None:
        """Take one packet."""
        if not buffer:
            return None
        # The top bit asks for a quick ack, which no desktop client waits for.
        words = buffer[0] & 0x7F
        if words != _LONG_ABRIDGED:
            return _take(buffer, 1, words * 4)
        if len(buffer) < 4:  # noqa: PLR2004 - the long header
            return None
        return _take(buffer, 4, int.from_bytes(buffer[1:4], "little") * 4)

    def encode(self, packet: bytes) -> bytes:
        """Frame one packet."""
        words = len(packet) >> 2
        if words < _LONG_ABRIDGED:
            return bytes((words,)) + packet
        return b"\x7f" + words.to_bytes(3, "little") + packet


class Intermediate:
    """A four-byte length before each packet."""

    TAG = b"\xee\xee\xee\xee"

    def decode(self, buffer: bytearray) -> bytes | None:
        """Take one packet."""
        if len(buffer) < 4:  # noqa: PLR2004 - the header
            return None
        return _take(buffer, 4, int.from_bytes(buffer[:4], "little") & ~_QUICK_ACK)

    def encode(self, packet: bytes) -> bytes:
        """Frame one packet."""
        return struct.pack("<I", len(packet)) + packet


class PaddedIntermediate(Intermediate):
    """As intermediate, with random bytes after each packet to hide its length."""

    TAG = b"\xdd\xdd\xdd\xdd"

    def decode(self, buffer: bytearray) -> bytes | None:
        """Take one packet without its padding."""
        packet = super().decode(buffer)
        if packet is None or not any(packet[:8]):
            return packet  # incomplete, or plain: the message declares its own length
        # Key id and message key, then whole cipher blocks.
        return packet[: len(packet) - (len(packet) - 24) % 16]

    def encode(self, packet: bytes) -> bytes:
        """Frame one packet; up to three bytes, because clients strip by `length % 4`."""
        return super().encode(packet + secrets.token_bytes(secrets.randbelow(4)))


class Full:
    """Length, sequence number and checksum around each packet."""

    def __init__(self) -> None:
        self._sent = 0

    def decode(self, buffer: bytearray) -> bytes | None:
        """Take one packet."""
        if len(buffer) < 4:  # noqa: PLR2004 - the length
            return None
        size_bytes = int.from_bytes(buffer[:4], "little")
        if size_bytes < _FULL_OVERHEAD_BYTES:
            raise BrokenPeer(f"a full packet of {size_bytes} bytes")
        raw = _take(buffer, 0, size_bytes)
        if raw is None:
            return None
        if zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
            raise BrokenPeer("a full packet with a wrong checksum")
        return raw[8:-4]

    def encode(self, packet: bytes) -> bytes:
        """Frame one packet."""
        data = struct.pack("<II", len(packet) + _FULL_OVERHEAD_BYTES, self._sent) + packet
        self._sent += 1
        return data + struct.pack("<I", zlib.crc32(data))


def sniff(buffer: bytearray) -> Codec | None:
    """Choose the codec from the first bytes of a connection and take its tag off; None while too few."""
    if buffer[:1] == Abridged.TAG:
        del buffer[:1]
        return Abridged()
    if len(buffer) < 4:  # noqa: PLR2004 - the other tags
        return None
    for codec in (Intermediate, PaddedIntermediate):
        if buffer[:4] == codec.TAG:
            del buffer[:4]
            return codec()
    return Full()


class Endpoint(Protocol):
    """What a wire hands its packets to."""

    def wire_opened(self, wire: Wire) -> None:
        """Learn of a new connection."""

    def wire_lost(self, wire: Wire) -> None:
        """Learn that a connection is gone."""

    def packet(self, wire: Wire, packet: bytes) -> None:
        """Serve one packet.

        Raises:
            BrokenPeer: To drop the connection.
        """

    def flush(self) -> None:
        """Send what the packets of this wake-up caused."""

    def log_broken_peer(self, error: BrokenPeer) -> None:
        """Note why a connection is dropped."""


class Wire(asyncio.Protocol):
    """One TCP connection.

    Reading stops while the peer does not read, so that a flood of requests cannot pile up answers;
    pushes still do, hence the cap.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = bytearray()
        self._codec: Codec | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        # Which sessions answer here, and the state of a key exchange: kept by the data centre.
        self.sessions: set[Session] = set()
        self.session: Session | None = None
        self.handshake: Any = None

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server makes
        self._transport = transport
        self._endpoint.wire_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Stop."""
        if self._deadline:
            self._deadline.cancel()
        self._endpoint.wire_lost(self)

    def pause_writing(self) -> None:
        """Take no more requests while their answers do not get away."""
        if self.is_open and self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Take requests again."""
        if self.is_open and self._transport:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Serve all whole packets, then send all their answers together."""
        self._buffer += data
        try:
            if self._codec is None:
                self._codec = sniff(self._buffer)
            while self._codec and self.is_open:
                packet = self._codec.decode(self._buffer)
                if packet is None:
                    break
                self._endpoint.packet(self, packet)
        except BrokenPeer as error:
            self._endpoint.log_broken_peer(error)
            self.abort()
        finally:
            self._endpoint.flush()

    def send(self, packet: bytes) -> None:
        """Frame and write one packet; a peer that stopped reading is dropped."""
        if not self.is_open or not self._transport or not self._codec:
            return
        self._transport.write(self._codec.encode(packet))
        if self._transport.get_write_buffer_size() > MAX_WRITE_BUFFER_BYTES:
            self.abort()

    def refuse(self, code: int) -> None:
        """Answer with a bare transport error and hang up."""
        self.send(struct.pack("<i", code))
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport:
            self._transport.abort()

    def drop_after(self, secs: float) -> None:
        """Drop the connection unless this is called again within *secs*."""
        if self._deadline:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(secs, self.abort)
