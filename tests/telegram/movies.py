"""Files of a few hundred bytes that have the frame of a video or of a voice note."""

from __future__ import annotations

import struct

UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
ON_ITS_SIDE = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)


def box(kind: bytes, *content: bytes, is_large: bool = False) -> bytes:
    said = b"".join(content)
    if is_large:
        return struct.pack(">I4sQ", 1, kind, len(said) + 16) + said
    return struct.pack(">I4s", len(said) + 8, kind) + said


def mvhd(duration: int, scale: int = 1000, version: int = 0) -> bytes:
    form = ">B3xQQIQ" if version else ">B3xIIII"
    return box(b"mvhd", struct.pack(form, version, 0, 0, scale, duration), bytes(80))


def tkhd(width: int, height: int, matrix: tuple[int, ...] = UPRIGHT) -> bytes:
    size = struct.pack(">II", width << 16, height << 16)
    return box(b"tkhd", bytes(40), struct.pack(">9i", *matrix), size)


def mp4(*moov: bytes, is_large: bool = False, is_at_the_end: bool = True) -> bytes:
    """Return a video whose pictures are noise, with its description behind or in front of them."""
    pictures = box(b"mdat", b"moov" * 1000, is_large=is_large)
    said = box(b"moov", *moov)
    start = box(b"ftyp", b"isom", bytes(4), b"mp42")
    return start + (pictures + said if is_at_the_end else said + pictures)


VIDEO = mp4(
    mvhd(12_500),
    box(b"trak", tkhd(0, 0), box(b"mdia", bytes(300))),
    box(b"trak", box(b"edts", bytes(28)), tkhd(1280, 720)),
)


def page(granule: int, content: bytes) -> bytes:
    return b"OggS\0\0" + struct.pack("<q", granule) + bytes(13) + b"\x01" + content


def opus(secs: float, channels: int = 1) -> bytes:
    head = b"OpusHead\x01" + bytes([channels]) + struct.pack("<HIhB", 312, 48_000, 0, 0)
    return page(0, head) + page(0, b"OpusTags") + page(312 + int(secs * 48_000), bytes(5000))
