"""Containers and compression.

Source: https://core.telegram.org/mtproto/service_messages#containers
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import TYPE_CHECKING

from telethon.extensions import BinaryReader
from telethon.tl import TLObject
from telethon.tl.core import GzipPacked, MessageContainer

from vasya_sandbox.transport import MAX_PACKET_BYTES, PARSE_ERRORS, BrokenPeer

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINER = struct.pack("<I", MessageContainer.CONSTRUCTOR_ID)
GZIP = struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)
# Message id, sequence number, length.
MESSAGE = struct.Struct("<qii")
# Large enough not to spend time on short answers, small enough to exercise every client's unpacking.
_GZIP_OVER_BYTES = 4096


def pack_result(result: bytes) -> bytes:
    """Compress a long result, as the client does with its requests."""
    if len(result) <= _GZIP_OVER_BYTES:
        return result
    packed: bytes = TLObject.serialize_bytes(gzip.compress(result, 1))
    return GZIP + packed


def split_container(container: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a container by the declared lengths, so that one unknown constructor costs one message."""
    count = int.from_bytes(container[4:8], "little")
    at = 8
    for _ in range(count):
        if at + MESSAGE.size > len(container):
            raise BrokenPeer("a container that ends early")
        msg_id, _, size_bytes = MESSAGE.unpack_from(container, at)
        at += MESSAGE.size
        if size_bytes < 4 or size_bytes % 4 or at + size_bytes > len(container):  # noqa: PLR2004
            raise BrokenPeer("a container with a wrong length")
        yield msg_id, container[at : at + size_bytes]
        at += size_bytes


def unpack(body: bytes) -> bytes:
    """Decompress gzip_packed, refusing a bomb."""
    try:
        packed = BinaryReader(body[4:]).tgread_bytes()
        opened = zlib.decompressobj(wbits=31)
        unpacked = opened.decompress(packed, MAX_PACKET_BYTES)
    except PARSE_ERRORS as error:
        raise BrokenPeer("gzip_packed that does not unpack") from error
    if not opened.eof:
        raise BrokenPeer("gzip_packed that is cut off or too large")
    return unpacked
