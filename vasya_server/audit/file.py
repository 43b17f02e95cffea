"""The file of the log: appended to, made durable, rotated; what is done to it from outside is noticed (D-7.9)."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.audit.chain import MAX_LINE_BYTES, read_line

if TYPE_CHECKING:
    from pathlib import Path

LOG_FILE: Final = "audit.log"
_ROTATED: Final = re.compile(r"audit-(\d+)\.log")
_PRIVATE: Final = 0o600
_READ_ONLY: Final = 0o400
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# macOS has no fdatasync.
_sync_data = getattr(os, "fdatasync", os.fsync)


class LogMoved(Exception):
    """Another file stands where the log was, or none."""


class LogChanged(Exception):
    """The file is shorter or longer than this process left it.

    Args:
        is_shorter: It was truncated.
    """

    def __init__(self, *, is_shorter: bool) -> None:
        super().__init__()
        self.is_shorter = is_shorter


class LogFile:
    """The open file; one process has it, the one that has the database's writing connection.

    Args:
        rotate_bytes: A file that would grow beyond it is set aside first.
    """

    def __init__(self, folder: Path, rotate_bytes: int) -> None:
        self._folder = folder
        self._path = folder / LOG_FILE
        self._rotate_bytes = rotate_bytes
        self._handle: int | None = None
        self._size = 0
        self._has_rest = False

    @property
    def is_empty(self) -> bool:
        """Tell whether the file holds no line."""
        return self._size == 0

    def open(self) -> None:
        """Open the file, or make it.

        Raises:
            OSError: It cannot be, or is no regular file.
        """
        self.close()
        try:
            handle = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            handle = os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, _PRIVATE)
            _sync_folder(self._folder)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            raise OSError(f"{self._path} is no regular file")
        self._handle, self._size, self._has_rest = handle, found.st_size, False

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def check(self) -> None:
        """See that the file is still the one that was opened, as it was left.

        Raises:
            LogMoved: Its name leads elsewhere.
            LogChanged: It has another size.
            OSError: It cannot be looked at.
        """
        if self._handle is None:
            raise LogMoved
        try:
            named = self._path.lstat()
        except FileNotFoundError:
            raise LogMoved from None
        found = os.fstat(self._handle)
        if (named.st_ino, named.st_dev) != (found.st_ino, found.st_dev):
            raise LogMoved
        if self._has_rest:
            os.ftruncate(self._handle, self._size)
            self._has_rest = False
        elif found.st_size != self._size:
            raise LogChanged(is_shorter=found.st_size < self._size)

    def append(self, lines: bytes) -> None:
        """Write whole lines and see them on the disk; of a failure nothing remains in the file.

        Raises:
            OSError: They are not.
        """
        if self._size and self._size + len(lines) > self._rotate_bytes:
            self._rotate()
        if self._handle is None:
            raise OSError(f"{self._path} is not open")
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            _sync_data(self._handle)
        except OSError:
            self._has_rest = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._size)
                self._has_rest = False
            raise
        self._size += len(lines)

    def last_line(self) -> bytes | None:
        """Return the last whole line of the log, which may be in a file that was set aside; None: there is none.

        Raises:
            OSError: It cannot be read.
        """
        if self._handle is not None and (line := _last_line(self._handle)) is not None:
            return line
        rotated = sorted(
            (int(found[1]), path)
            for path in self._folder.iterdir()
            if (found := _ROTATED.fullmatch(path.name))
        )
        if not rotated:
            return None
        handle = os.open(rotated[-1][1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return _last_line(handle)
        finally:
            os.close(handle)

    def has_torn_line(self) -> bool:
        """Tell whether the file ends in the middle of a line."""
        return (
            self._handle is not None
            and self._size > 0
            and os.pread(self._handle, 1, self._size - 1) != b"\n"
        )

    def set_torn_line_aside(self, stamp: str) -> None:
        """Move what follows the last newline into a file of its own: it may be evidence, and it is no line.

        Raises:
            OSError: It cannot be.
        """
        if self._handle is None:
            raise OSError(f"{self._path} is not open")
        tail = _tail(self._handle)
        torn = tail[tail.rfind(b"\n") + 1 :]
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        aside = os.open(self._folder / f"audit.torn-{stamp}", flags, _PRIVATE)
        try:
            os.write(aside, torn)
            os.fsync(aside)
        finally:
            os.close(aside)
        _sync_folder(self._folder)
        self._size -= len(torn)
        os.ftruncate(self._handle, self._size)
        os.fsync(self._handle)

    def _rotate(self) -> None:
        """Set the file aside under the number of its first line and begin another."""
        if self._handle is None:
            raise OSError(f"{self._path} is not open")
        first = os.pread(self._handle, MAX_LINE_BYTES, 0).partition(b"\n")[0]
        try:
            aside = self._folder / f"audit-{read_line(first).seq}.log"
        except msgspec.MsgspecError as error:
            raise OSError(f"{self._path} does not begin with a line") from error
        if aside.exists():
            raise FileExistsError(f"{aside} is in the way")
        self._path.rename(aside)
        os.fchmod(self._handle, _READ_ONLY)
        self.open()
        _sync_folder(self._folder)


def _tail(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    length = min(size, 2 * MAX_LINE_BYTES)
    return os.pread(handle, length, size - length)


def _last_line(handle: int) -> bytes | None:
    whole = _tail(handle)
    whole = whole[: whole.rfind(b"\n") + 1]
    return whole[:-1].rpartition(b"\n")[2] if whole else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
