from __future__ import annotations

import struct

import pytest

from vasya_sandbox import images, world_demo_files

RED, BLUE, GREY = (200, 30, 40), (10, 40, 220), (128, 128, 128)


def decode(data: bytes) -> list[list[tuple[int, int, int]]]:
    """Decode a JPEG of flat blocks as its tables say, independently of the encoder."""
    segments, at = {}, 2
    tables: dict[int, dict[tuple[int, int], int]] = {}
    while data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segments[data[at + 1]] = data[at + 4 : at + 2 + size]
        at += 2 + size
    at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    body = segments[0xC4]
    while body:
        counts, code, index = body[1:17], 0, 17
        table = tables.setdefault(body[0], {})
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                table[length, code] = body[index]
                code, index = code + 1, index + 1
            code <<= 1
        body = body[index:]
    height, width = struct.unpack(">HH", segments[0xC0][1:5])
    scan = data[at:-2].replace(b"\xff\x00", b"\xff")
    bits = iter(f"{int.from_bytes(scan, 'big'):0{8 * len(scan)}b}")

    def symbol(table: dict[tuple[int, int], int]) -> int:
        code = length = 0
        while (length, code) not in table:
            code, length = code << 1 | int(next(bits)), length + 1
        return table[length, code]

    rows: list[list[tuple[int, int, int]]] = []
    before = [0, 0, 0]
    for _ in range(height // 8):
        rows.append([])
        for _ in range(width // 8):
            for part in range(3):
                size = symbol(tables[0x00])
                text = "".join(next(bits) for _ in range(size))
                value = int(text or "0", 2)
                before[part] += value if text[:1] != "0" else value - (1 << size) + 1
                assert symbol(tables[0x10]) == 0
            y, cb, cr = before[0] * segments[0xDB][1] / 8 + 128, *before[1:]
            rgb = (y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb)
            rows[-1].append((round(rgb[0]), round(rgb[1]), round(rgb[2])))
    return rows


def test_jpeg_holds_the_colours_it_was_given() -> None:
    given = [[RED, BLUE, GREY], [BLUE, GREY, RED]]
    for row, expected in zip(decode(images.jpeg(given)), given, strict=True):
        for colour, wanted in zip(row, expected, strict=True):
            assert all(abs(a - b) <= 3 for a, b in zip(colour, wanted, strict=True))


def test_landscape_is_the_same_for_the_same_seed() -> None:
    assert images.landscape(3, 5, 4) == images.landscape(3, 5, 4)
    assert images.landscape(3, 5, 4) != images.landscape(4, 5, 4)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (images.landscape(1, 5, 4), (40, 32)),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x07\x00\x00\x00\x09", (7, 9)),
        (world_demo_files.gif(), (16, 16)),
        (b"", None),
        (b"\xff\xd8\xff\xe0\x00\x10", None),
        (b"%PDF-1.4", None),
    ],
    ids=["jpeg", "png", "gif", "empty", "cut", "pdf"],
)
def test_dimensions(data: bytes, size: tuple[int, int] | None) -> None:
    assert images.dimensions(data) == size


def test_gif_decodes_to_its_chequers() -> None:
    data = world_demo_files.gif()
    at = data.index(b"\x02", 29)
    stream = int.from_bytes(data[at + 2 : at + 2 + data[at + 1]], "little")
    codes = [stream >> 3 * index & 7 for index in range(385)]
    pixels = [code for code in codes if code < 2]
    assert codes[-1] == 5
    assert pixels == [(x // 4 + y // 4) % 2 for y in range(16) for x in range(16)]
