"""Real bytes for the demo world: documents, a silent voice note, a sticker, a moving picture."""

from __future__ import annotations

import base64
import struct

# One pixel each, but complete and valid.
STICKER_WEBP = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
_OPUS_FRAME_SECS = 0.02
# A full-band frame that decodes to silence.
_OPUS_SILENCE = b"\xf8\xff\xfe"
_SAMPLES_PER_FRAME = 960


def gif() -> bytes:
    """Return a chequered GIF of 16 by 16 pixels.

    Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    """
    size, clear, end = 16, 4, 5
    pixels = [(x // 4 + y // 4) % 2 for y in range(size) for x in range(size)]
    codes = []
    # Clearing the table after every two pixels keeps all codes at three bits.
    for first, second in zip(pixels[::2], pixels[1::2], strict=True):
        codes += [clear, first, second]
    bits = sum(code << 3 * index for index, code in enumerate([*codes, end]))
    data = bits.to_bytes((3 * len(codes) + 3 + 7) // 8, "little")
    screen = struct.pack("<HHBBB", size, size, 0x80, 0, 0) + b"\x28\x50\xa0\xff\xd0\x40"
    frame = b"," + struct.pack("<HHHHB", 0, 0, size, size, 0)
    return b"GIF89a" + screen + frame + b"\x02" + bytes([len(data)]) + data + b"\x00;"


def pdf(lines: list[str]) -> bytes:
    """Return a one-page PDF that shows *lines*, which must be ASCII without brackets."""
    shown = "T* ".join(f"({line}) Tj " for line in lines)
    stream = f"BT /F1 14 Tf 72 760 Td 20 TL {shown}ET".encode("ascii")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Font<</F1 5 0 R>>>>",
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return data + head + table + tail % (len(objects) + 1, len(data))


def voice(secs: int) -> bytes:
    """Return *secs* of silence as Ogg Opus.

    Source: https://www.rfc-editor.org/rfc/rfc7845
    """
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 7) + b"sandbox" + struct.pack("<I", 0)
    pages = [_page(0, 2, 0, [head]), _page(1, 0, 0, [tags])]
    frames, per_page = int(secs / _OPUS_FRAME_SECS), 200
    for start in range(0, frames, per_page):
        end = min(start + per_page, frames)
        flags = 4 if end == frames else 0
        packets = [_OPUS_SILENCE] * (end - start)
        pages.append(_page(len(pages), flags, end * _SAMPLES_PER_FRAME, packets))
    return b"".join(pages)


def _page(sequence: int, flags: int, position: int, packets: list[bytes]) -> bytes:
    sizes = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, 1, sequence, 0, len(sizes))
    page = head + sizes + b"".join(packets)
    return page[:22] + struct.pack("<I", _crc(page)) + page[26:]


def _crc_table() -> list[int]:
    table = []
    for index in range(256):
        value = index << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def _crc(data: bytes) -> int:
    """Return Ogg's checksum, which is CRC-32 with the bits the other way round."""
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value
