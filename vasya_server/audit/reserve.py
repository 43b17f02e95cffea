"""Room for acts that must not wait for a disk: a file whose megabyte is taken when there is still enough (D-7.10).

Writing inside it needs no new block. A record is `u32be length, payload, HMAC-SHA256`; a length of zero ends the list.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from typing import TYPE_CHECKING, Final, cast

import msgspec

from vasya_server.audit.entry import Entry
from vasya_server.crypto.derive import Purpose
from vasya_server.store.database import Query, Statement

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Value

RESERVE_FILE: Final = "audit.reserve"
_SIZE: Final = 1024 * 1024
_LENGTH_BYTES: Final = 4
_MAC_BYTES: Final = 32
_END: Final = bytes(_LENGTH_BYTES)
_PRIVATE: Final = 0o600


class _Statement(msgspec.Struct, frozen=True, array_like=True):
    text: str
    params: dict[str, object]  # a msgspec union cannot hold text beside bytes
    expect: int | None


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A unit that could not be stored: its entry, and its statements as they were given."""

    entry: Entry
    statements: tuple[_Statement, ...]

    @staticmethod
    def of(entry: Entry, statements: tuple[Statement, ...]) -> Kept:
        """Take down a unit."""
        return Kept(
            entry, tuple(_Statement(s.query.text, dict(s.params), s.expect) for s in statements)
        )

    def bound(self) -> list[Statement]:
        """Return the statements as the store takes them."""
        return [
            Statement(Query(s.text), cast("dict[str, Value]", s.params), s.expect)
            for s in self.statements
        ]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Kept).decode


class Reserve:
    """The file; a copy that somebody changed ends at the first record that is not ours."""

    def __init__(self, folder: Path, key: MasterKey) -> None:
        self._path = folder / RESERVE_FILE
        self._key = key.derive(Purpose.AUDIT_MAC, "reserve")
        self._handle: int | None = None
        self._end = 0

    def open(self) -> list[Kept]:
        """Take the room, and return what an earlier process left in it.

        Raises:
            OSError: There is no room, or the file is not ours to use.
        """
        self.close()
        self._end = 0
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        self._handle = os.open(self._path, flags, _PRIVATE)
        size = os.fstat(self._handle).st_size
        if size < _SIZE:
            # Zeros and not a hole: a hole takes its blocks only when it is written, when there are none.
            if os.pwrite(self._handle, bytes(_SIZE - size), size) < _SIZE - size:
                raise OSError(f"there is no room for {self._path}")
            os.fsync(self._handle)
        return self._read(self._handle)

    def keep(self, unit: Kept) -> None:
        """Write *unit* behind the others, durably.

        Raises:
            OSError: It cannot be, or the room is used up.
        """
        if self._handle is None:
            raise OSError(f"{self._path} is not open")
        payload = _encode(unit)
        record = len(payload).to_bytes(_LENGTH_BYTES, "big") + payload + self._mac(payload)
        if self._end + len(record) + len(_END) > _SIZE:
            raise OSError(f"{self._path} is used up")
        os.pwrite(self._handle, record + _END, self._end)
        os.fsync(self._handle)
        self._end += len(record)

    def clear(self) -> None:
        """Forget what was kept: it is stored.

        Raises:
            OSError: It cannot be.
        """
        if self._handle is not None and self._end:
            os.pwrite(self._handle, bytes(self._end), 0)
            os.fsync(self._handle)
            self._end = 0

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _read(self, handle: int) -> list[Kept]:
        held, found = os.pread(handle, _SIZE, 0), []
        while (length := int.from_bytes(held[self._end : self._end + _LENGTH_BYTES], "big")) > 0:
            begin = self._end + _LENGTH_BYTES
            payload = held[begin : begin + length]
            mac = held[begin + length : begin + length + _MAC_BYTES]
            if not hmac.compare_digest(mac, self._mac(payload)):
                break
            with contextlib.suppress(msgspec.MsgspecError):
                found.append(_decode(payload))
            self._end = begin + length + _MAC_BYTES
        return found

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")
