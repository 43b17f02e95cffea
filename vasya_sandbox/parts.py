"""The parts of one upload in whatever order they come, a large one's on disk: a data centre of gigabytes fits on a laptop."""

from __future__ import annotations

import tempfile
import weakref
from bisect import bisect_right
from itertools import accumulate
from typing import Final

# Above it nothing is ever whole in memory.
IN_MEMORY_BYTES: Final = 16 << 20


class Parts:
    """What has come of an upload; a part that comes again replaces itself."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - lives as long as whoever reads it
        weakref.finalize(self, self._file.close)
        self._end = 0
        self._places: dict[int, tuple[int, int]] = {}

    def __contains__(self, index: int) -> bool:
        return index in self._places

    def __setitem__(self, index: int, part: bytes) -> None:
        self._file.seek(self._end)
        self._file.write(part)
        self._places[index] = self._end, len(part)
        self._end += len(part)

    def __getitem__(self, index: int) -> bytes:
        start, size_bytes = self._places[index]
        self._file.seek(start)
        return self._file.read(size_bytes)

    def size_bytes(self, index: int) -> int:
        """Return how large one part is."""
        return self._places[index][1]


class Stored:
    """The first *count* parts of an upload as one file that is read piece by piece."""

    def __init__(self, parts: Parts, count: int) -> None:
        self._parts = parts
        self._ends = list(accumulate(parts.size_bytes(index) for index in range(count)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(len(self))
        found = bytearray()
        index = bisect_right(self._ends, start)
        while start < stop:
            begins_at = self._ends[index - 1] if index else 0
            piece = self._parts[index][start - begins_at : stop - begins_at]
            found += piece
            start += len(piece)
            index += 1
        return bytes(found)
