"""Small real images without an imaging library: mosaics of 8 by 8 blocks as baseline JPEG.

A block of one colour has only its DC coefficient, so no cosine transform is needed.
Source: ITU-T T.81
"""

from __future__ import annotations

import random
import struct
from functools import cache

# Value lengths of the standard Huffman tables (T.81, K.3.1): DC luminance; AC holds "end" alone.
_DC_COUNTS = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
_DC_VALUES = bytes(range(12))
_AC_COUNTS = bytes((1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
_AC_VALUES = b"\x00"
# One step of a DC coefficient is 8 levels of brightness divided by 8 samples a side.
_QUANT = bytes([8] * 64)
_START = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
Colour = tuple[int, int, int]


@cache
def _dc_codes() -> dict[int, tuple[int, int]]:
    """Return size category -> (code, its length)."""
    codes, code, values = {}, 0, iter(_DC_VALUES)
    for length, count in enumerate(_DC_COUNTS, 1):
        for _ in range(count):
            codes[next(values)] = (code, length)
            code += 1
        code <<= 1
    return codes


def jpeg(blocks: list[list[Colour]]) -> bytes:
    """Return a JPEG whose pixels are *blocks*, each 8 pixels wide and high."""
    height, width = 8 * len(blocks), 8 * len(blocks[0])
    frame = struct.pack(">BHHB", 8, height, width, 3)
    frame += b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    return b"".join(
        (
            _START,
            _segment(0xDB, b"\x00" + _QUANT),
            _segment(0xC0, frame),
            _segment(0xC4, b"\x00" + _DC_COUNTS + _DC_VALUES + b"\x10" + _AC_COUNTS + _AC_VALUES),
            _segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"),
            _scan(blocks),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _scan(blocks: list[list[Colour]]) -> bytes:
    codes = _dc_codes()
    bits: list[str] = []
    before = [0, 0, 0]
    for row in blocks:
        for colour in row:
            for index, level in enumerate(_ycc(colour)):
                step = level - before[index]
                before[index] = level
                size = abs(step).bit_length()
                code, length = codes[size]
                bits.append(f"{code:0{length}b}")
                if size:
                    # Negative numbers are written as their ones' complement.
                    bits.append(f"{step if step > 0 else step + (1 << size) - 1:0{size}b}")
                bits.append("0")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    # A byte FF inside the data would be taken for a marker.
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def _ycc(colour: Colour) -> Colour:
    """Return luminance and colour differences around zero."""
    red, green, blue = colour
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(luminance - 128),
        round((blue - luminance) * 0.564),
        round((red - luminance) * 0.713),
    )


def landscape(seed: int, columns: int, rows: int) -> bytes:
    """Return a picture of a sky over hills; the same for the same *seed*, whatever its size."""
    rng = random.Random(seed)
    sky = [rng.randrange(90, 250) for _ in range(3)]
    land = [rng.randrange(20, 160) for _ in range(3)]
    peaks = [rng.uniform(0.3, 0.8) for _ in range(5)]
    sun = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3)
    blocks = [
        [
            _pixel((column + 0.5) / columns, (row + 0.5) / rows, sky, land, peaks, sun)
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    return jpeg(blocks)


def _pixel(
    x: float,
    y: float,
    sky: list[int],
    land: list[int],
    peaks: list[float],
    sun: tuple[float, float],
) -> Colour:
    where = x * (len(peaks) - 1)
    left = min(int(where), len(peaks) - 2)
    horizon = peaks[left] + (peaks[left + 1] - peaks[left]) * (where - left)
    if y > horizon:
        shade = 1.2 - 0.6 * y
        return _colour(land, shade)
    if (x - sun[0]) ** 2 + (y - sun[1]) ** 2 < 0.006:  # noqa: PLR2004 - the radius of the sun
        return 255, 236, 150
    return _colour(sky, 0.7 + 0.4 * y)


def _colour(base: list[int], factor: float) -> Colour:
    red, green, blue = (min(255, int(level * factor)) for level in base)
    return red, green, blue


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG, PNG or GIF; None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:  # noqa: PLR2004 - to the end of IHDR
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data[:4] == b"GIF8" and len(data) >= 10:  # noqa: PLR2004 - to the end of the screen size
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - every segment begins so
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004 - a frame
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + size
    return None
