"""What a file has to be described by, so that Telegram's apps play it: read off its frame as it passes, nothing is decoded.

An MP4 video has its size and length in a few bytes that may stand behind gigabytes of pictures, a voice note its length in
its last page. What does not say them is a file like any other.

Source: ISO/IEC 14496-12, sections 4.2, 8.2.2 and 8.3.2 (boxes, mvhd, tkhd); https://www.rfc-editor.org/rfc/rfc7845
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from vasya_server.sessions.uploads import Shape

if TYPE_CHECKING:
    from collections.abc import Generator

_HEAD_BYTES: Final = 64
# By so many it can be told what it is.
_TELLING_BYTES: Final = 8
_OGG_PAGE: Final = b"OggS"
# The largest page; the last one is in so many bytes.
_PAGE_BYTES: Final = 65_307
_OPUS_HEAD_AT: Final = 28
_OPUS_RATE: Final = 48_000
_CONTAINERS: Final = frozenset({b"moov", b"trak"})
_READ: Final = frozenset({b"mvhd", b"tkhd"})
_MAX_BOX_BYTES: Final = 256
_BOX_HEAD_BYTES: Final = 8
_TO_THE_END, _LARGE_SIZE = 0, 1
# From the end of a tkhd: the first two of its matrix, and width and height in 16.16.
_MATRIX_AT, _SIZE_AT = -44, -8


class Outline:
    """A file that passes, and what has been seen of its shape."""

    def __init__(self) -> None:
        self.head = b""
        self._tail = b""
        self._movie = _Movie()

    def pass_by(self, chunk: bytes) -> None:
        """Take notice of the next bytes."""
        if len(self.head) < _HEAD_BYTES:
            if len(self.head) < _TELLING_BYTES:  # nothing was made of these yet
                self.head, chunk = b"", self.head + chunk
            self.head = (self.head + chunk)[:_HEAD_BYTES]
            if len(self.head) < _TELLING_BYTES:
                return
        if self.head.startswith(_OGG_PAGE):
            self._tail = (self._tail + chunk)[-_PAGE_BYTES:]
        elif self.head[4:8] == b"ftyp":
            self._movie.pass_by(chunk)

    def shape(self, mime_type: str) -> Shape | None:
        """Return what a file of that type, which has passed, is shown as; None: as a file."""
        match mime_type:
            case "image/gif" if self.head.startswith(b"GIF8"):
                return Shape("gif")
            case "video/mp4":
                return self._movie.shape
            case "audio/ogg" | "audio/opus":
                return self._voice()
        return None

    def _voice(self) -> Shape | None:
        """Return a voice note: Opus of one channel; what has two is music."""
        opus = self.head[_OPUS_HEAD_AT:]
        page = self._tail[self._tail.rfind(_OGG_PAGE) :]
        if (
            not opus.startswith(b"OpusHead")
            or opus[9:10] != b"\x01"
            or len(page) < _BOX_HEAD_BYTES + 6
        ):
            return None
        (pre_skip,) = struct.unpack_from("<H", opus, 10)
        (samples,) = struct.unpack_from("<q", page, 6)
        secs = (samples - pre_skip) / _OPUS_RATE
        return Shape("voice", duration_secs=secs) if secs > 0 else None


class _Movie:
    """The boxes of an MP4 file; those that matter are read, all others are skipped as they pass."""

    def __init__(self) -> None:
        self._width = self._height = 0
        self._duration_secs = 0.0
        self._held = bytearray()
        self._reading: Generator[int, bytes, None] | None = self._read()
        # How many bytes come next: read together where it is positive, skipped where it is negative.
        self._wanted = next(self._reading)

    @property
    def shape(self) -> Shape | None:
        if not (self._width and self._height and self._duration_secs):
            return None
        return Shape("video", self._width, self._height, self._duration_secs)

    def pass_by(self, chunk: bytes) -> None:
        at = 0
        while self._reading is not None and at < len(chunk):
            if self._wanted < 0:
                skipped = min(-self._wanted, len(chunk) - at)
                self._wanted += skipped
                at += skipped
                if not self._wanted:
                    self._go_on(b"")
                continue
            taken = chunk[at : at + self._wanted - len(self._held)]
            self._held += taken
            at += len(taken)
            if len(self._held) == self._wanted:
                said, self._held = bytes(self._held), bytearray()
                self._go_on(said)

    def _go_on(self, said: bytes) -> None:
        if self._reading is not None:
            try:
                self._wanted = self._reading.send(said)
            except StopIteration:
                self._reading = None

    def _read(self) -> Generator[int, bytes, None]:
        """Walk over the boxes; what a container holds comes like what stands behind it."""
        while True:
            size, kind = struct.unpack(">I4s", (yield _BOX_HEAD_BYTES))
            left = size - _BOX_HEAD_BYTES
            if size == _LARGE_SIZE:
                left = struct.unpack(">Q", (yield _BOX_HEAD_BYTES))[0] - 2 * _BOX_HEAD_BYTES
            if size == _TO_THE_END or left < 0:
                return
            if kind in _CONTAINERS or not left:
                continue
            if kind in _READ and left <= _MAX_BOX_BYTES:
                self._note(kind, (yield left))
            else:
                yield -left

    def _note(self, kind: bytes, box: bytes) -> None:
        try:
            if kind == b"mvhd":
                form, at = (">IQ", 20) if box[0] else (">II", 12)
                scale, length = struct.unpack_from(form, box, at)
                self._duration_secs = length / scale if scale else 0.0
                return
            width, height = (each >> 16 for each in struct.unpack(">II", box[_SIZE_AT:]))
            is_upright = any(box[_MATRIX_AT : _MATRIX_AT + 4])
        except (struct.error, IndexError):
            return  # too short to be what it says
        if width and height and not self._width:
            self._width, self._height = (width, height) if is_upright else (height, width)
