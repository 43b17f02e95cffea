"""The lines of the log as they are in its files, over rotations, also while a server writes them."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SET_ASIDE: Final = re.compile(r"audit-([0-9]+)\.log")
# Longer than any line that we write; a longer one is somebody else's and is shown cut.
_MAX_LINE_BYTES: Final = 8192
_CHUNK_BYTES: Final = 1024 * 1024


def files(data_dir: Path) -> Iterator[Path]:
    """Give the files of the log, newest first."""
    from vasya_server.audit.file import LOG_FILE

    if (current := data_dir / LOG_FILE).is_file():
        yield current
    aside = {int(f[1]): p for p in data_dir.iterdir() if (f := _SET_ASIDE.fullmatch(p.name))}
    for first in sorted(aside, reverse=True):
        yield aside[first]


def lines(path: Path) -> Iterator[bytes]:
    """Give the lines of one file, oldest first."""
    with path.open("rb") as file:
        while raw := file.readline(_MAX_LINE_BYTES):
            yield raw.rstrip(b"\n")


class Reader:
    """Reads the newest lines, and then those that are written meanwhile.

    A file that is set aside is read to its end before the next one: it stays open under whatever name.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._handle: int | None = None
        self._offset = 0

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def newest(self, count: int) -> list[bytes]:
        """Return the newest *count* whole lines, oldest of them first."""
        self._handle = _open(next(files(self._data_dir), None))
        older, _ = self._others()
        found = deque(self.coming(), maxlen=count)
        while older and len(found) < count:
            found = deque([*lines(older.pop()), *found], maxlen=count)
        return list(found)

    def coming(self) -> Iterator[bytes]:
        """Give the whole lines that were not given yet."""
        while True:
            # Looked for first: once there is a newer file, nothing is added to this one any more.
            _, newer = self._others()
            while self._handle is not None and (chunk := self._chunk(self._handle)):
                yield from chunk.removesuffix(b"\n").split(b"\n")
            following = _open(newer[0] if newer else None)
            if following is None:
                return
            self.close()
            self._handle, self._offset = following, 0

    def _others(self) -> tuple[list[Path], list[Path]]:
        """Return the files before the open one and those after it, each oldest first.

        Where it was taken away, as by another program that rotates logs, only the newest is after it.
        """
        found = list(files(self._data_dir))[::-1]
        if self._handle is None:
            return [], found
        opened = os.fstat(self._handle)
        for place, path in enumerate(found):
            with contextlib.suppress(FileNotFoundError):  # set aside a moment ago
                if os.path.samestat(path.stat(), opened):
                    return found[:place], found[place + 1 :]
        return found[:-1], found[-1:]

    def _chunk(self, handle: int) -> bytes:
        """Return the next whole lines, or a piece of one that is longer than ours ever are."""
        held = os.pread(handle, _CHUNK_BYTES, self._offset)
        whole = held[: held.rfind(b"\n") + 1]
        if not whole and len(held) > _MAX_LINE_BYTES:
            whole = held
        self._offset += len(whole)
        return whole


def _open(path: Path | None) -> int | None:
    """Open a file of the log to be read; None where there is none, or something else in its place."""
    if path is None:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None
