"""The order of writing: numbers and chains lines inside the database's transactions, then appends them to the file.

A line is first stored with the change it records, then appended and synced, and only then is the change's caller told. So
the file never knows more than the database; what it lacks (at most what one failure kept from it) is in the database and
is appended before anything else. While it lacks something, or has been changed by somebody else, nothing new begins: units
are refused before anything of them is stored, but for acts that reduce risk and outcomes of what happened already (D-7.4).
"""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from vasya_server.audit.actions import Action
from vasya_server.audit.chain import NO_LINE_HASH, hash_of, read_line, stamp_of, write_line
from vasya_server.audit.entry import Entry, EntryKind
from vasya_server.audit.file import LogChanged, LogFile, LogMoved
from vasya_server.clock import to_ms
from vasya_server.crypto.derive import KeyedDigest
from vasya_server.errors import AuditUnavailable
from vasya_server.store import audit as rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.clock import Clock
    from vasya_server.store.database import Entry as AnyEntry
    from vasya_server.store.database import Read, Statement

_log: Final = logging.getLogger(__name__)


class Fault(StrEnum):
    """Why nothing that must be written down may begin."""

    NOT_OPEN = "not_open"
    UNWRITABLE = "unwritable"
    DISK_FULL = "disk_full"
    TRUNCATED = "truncated"
    CHANGED = "changed"


# Only a human mends these: going on would bury what was done to the log under new lines.
_LASTING: Final = frozenset({Fault.TRUNCATED, Fault.CHANGED})


_NOTHING_STORED: Final = rows.HeadRow(seq=0, line_hash=NO_LINE_HASH, written_seq=0)


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How a log is kept; it can be handed to another process.

    Args:
        folder: As the system encodes it.
        mac_key: What `Purpose.AUDIT_MAC` derives.
        boot: Names this start of the process in every line.
        rotate_bytes: A file that would grow beyond it is set aside first.
        min_free_bytes: With less than this free on the disk nothing new begins, so that outcomes still find room.
        stop_at: Where a crash test stops (kill_points.py).
    """

    folder: bytes
    mac_key: bytes
    boot: str
    rotate_bytes: int
    min_free_bytes: int
    stop_at: str | None = None

    def __repr__(self) -> str:
        return "Keeping(…)"


class _Numbered(NamedTuple):
    seq: int
    owner: str | None
    raw: bytes
    line_hash: bytes
    row: rows.Line | None = None


class Journal:
    """The one writer of the log, where batches are written and nowhere else."""

    def __init__(self, keeping: Keeping, clock: Clock) -> None:
        self._folder = Path(os.fsdecode(keeping.folder))
        self._mac = KeyedDigest(keeping.mac_key)
        self._clock = clock
        self._boot = keeping.boot
        self._min_free_bytes = keeping.min_free_bytes
        self._file = LogFile(self._folder, keeping.rotate_bytes)
        self._fault: Fault | None = Fault.NOT_OPEN
        self._head = _Numbered(0, None, b"", NO_LINE_HASH)
        self._owners: dict[str, int] = {}
        self._batch: list[_Numbered] = []
        self._outbox: list[bytes] = []
        self._owed: list[Action] = []
        self._paid = 0
        self._has_begun = False
        self._is_asked = False
        self._stamp, self._at_ms = "", 0
        self._written_seq = 0
        self._noted_seq = 0
        self._noting_seq = 0

    @property
    def fault(self) -> Fault | None:
        """Return why mutations stop, or None where they do not; any thread may ask."""
        return self._fault

    def ask(self) -> None:
        """Have the next batch look at the file, whatever it writes; any thread may ask."""
        self._is_asked = True

    def resume(self, read: Read) -> None:
        """Open the file, see that it goes with the database, and append what only the database holds.

        A line that a killed process left torn is set aside; anything else that is missing or added is a fault.
        """
        stored = next(iter(read(rows.HEAD, rows.HeadRow)), _NOTHING_STORED)
        above = read(rows.LINES_ABOVE_WRITTEN, rows.LineRow)
        self._owners = {
            row.owner_id: row.own_seq for row in read(rows.OWNER_HEADS, rows.OwnerHeadRow)
        }
        self._head = _Numbered(stored.seq, None, b"", stored.line_hash)
        self._outbox = [row.line for row in above]
        self._written_seq = self._noted_seq = self._noting_seq = stored.written_seq
        self._fault = None
        if len(self._outbox) == stored.seq - stored.written_seq:
            self._look()
        else:
            self._fail(Fault.CHANGED)

    def begin(self, *, has_entries: bool) -> None:
        """Begin a batch; look at the file where there is something to write, and number lines of our own."""
        self._paid = 0
        at = self._clock.now()
        self._stamp, self._at_ms = stamp_of(at), to_ms(at)
        is_idle = not (has_entries or self._outbox or self._owed or self._is_asked)
        if (is_idle and self._fault is None) or self._fault is Fault.NOT_OPEN:
            return
        self._is_asked = False
        self._look()
        if self._fault in _LASTING:
            return
        self._paid = len(self._owed)
        self.number([Entry(kind=EntryKind.SYSTEM, action=act) for act in self._owed])

    def admit(self, entries: Sequence[AnyEntry]) -> None:
        """Let a unit with *entries* into the batch.

        Raises:
            AuditUnavailable: The log cannot be written and not all of them may wait.
        """
        if self._fault is None:
            return
        if self._fault is Fault.NOT_OPEN or not all(entry.may_wait for entry in entries):
            raise AuditUnavailable

    def number(self, entries: Sequence[AnyEntry]) -> None:
        """Give *entries* the next numbers of the chain."""
        last = self._batch[-1] if self._batch else self._head
        for entry in entries:
            if not isinstance(entry, Entry):
                raise TypeError(type(entry))
            last = self._line(entry, last)
            self._batch.append(last)

    def end(self) -> Sequence[Statement]:
        """Return the statements that store the lines, and where the chain stands, where the database does not know it."""
        if not self._batch:
            return self._note(self._head) if self._written_seq != self._noted_seq else ()
        return [
            rows.ADD_LINE.bind_many([line.row for line in self._batch if line.row is not None]),
            *self._note(self._batch[-1]),
            *(
                rows.PUT_OWNER_HEAD.bind(owner_id=owner, own_seq=self._owners[owner])
                for owner in {line.owner for line in self._batch if line.owner is not None}
            ),
        ]

    def undo(self) -> None:
        """Free every number of the batch."""
        while self._batch:
            owner = self._batch.pop().owner
            if owner is not None:
                self._owners[owner] -= 1
        self._noting_seq = self._noted_seq

    def append(self) -> bool:
        """Bring the lines of the committed batch into the file; tell whether all that is stored is there."""
        self._noted_seq = self._noting_seq
        if self._batch:
            self._head = self._batch[-1]
            self._outbox += [line.raw for line in self._batch]
            del self._owed[: self._paid]
            self._batch.clear()
        if self._fault in _LASTING:
            return False
        try:
            self._empty_outbox()
        except OSError as error:
            self._fail(Fault.UNWRITABLE, error)
        return not self._outbox

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._fault = Fault.NOT_OPEN

    def _line(self, entry: Entry, last: _Numbered) -> _Numbered:
        """Return the line of *entry* behind *last*."""
        seq, owner = last.seq + 1, entry.actor.owner
        own_seq = None
        if owner is not None:
            own_seq = self._owners[owner] = self._owners.get(owner, 0) + 1
        raw = write_line(
            entry,
            mac=self._mac,
            boot=self._boot,
            stamp=self._stamp,
            seq=seq,
            own_seq=own_seq,
            prev=last.line_hash,
        )
        row = rows.Line(
            seq, owner, own_seq, self._at_ms, entry.action, entry.account_id, entry.key_id, raw
        )
        return _Numbered(seq, owner, raw, hash_of(raw), row)

    def _note(self, head: _Numbered) -> Sequence[Statement]:
        self._noting_seq = written = self._written_seq
        noted = rows.PUT_HEAD.bind(seq=head.seq, line_hash=head.line_hash, written_seq=written)
        return (noted,)

    def _look(self) -> None:
        """Find out whether the log can be written, and write what waits."""
        if self._fault in _LASTING:
            return
        try:
            try:
                self._file.check()
            except LogMoved:
                self._open()
            if self._fault in _LASTING:
                return
            self._empty_outbox()
            self._fault = Fault.DISK_FULL if self._is_disk_full() else None
        except LogChanged as change:
            self._fail(Fault.TRUNCATED if change.is_shorter else Fault.CHANGED)
        except OSError as error:
            self._fail(Fault.UNWRITABLE, error)

    def _open(self) -> None:
        """Open the file, and see that it ends with the line that the database expects, or with one still to be noted.

        A log that is taken away under a running server (by logrotate, say) is begun anew, and its chain goes on; at a
        start the same is a fault.
        """
        self._file.open()
        if self._has_begun and self._file.is_empty:
            self._owed.append(Action.LOG_REOPENED)
            return
        raw = self._file.last_line()
        try:
            seq = read_line(raw).seq if raw is not None else 0
        except msgspec.MsgspecError:
            self._fail(Fault.CHANGED)
            return
        if seq < self._written_seq:
            self._fail(Fault.TRUNCATED)
        elif seq > self._head.seq or (hash_of(raw) if raw else NO_LINE_HASH) != self._hash_at(seq):
            self._fail(Fault.CHANGED)
        else:
            del self._outbox[: seq - self._written_seq]
            self._written_seq = seq
            if self._file.has_torn_line():
                self._file.set_torn_line_aside(self._clock.now().strftime("%Y%m%dT%H%M%S%fZ"))
                self._owed.append(Action.LOG_TORN)
            self._has_begun = True

    def _hash_at(self, seq: int) -> bytes:
        """Return the hash of line *seq*, which is the last that is written or one in the outbox."""
        following = self._outbox[seq - self._written_seq :]
        return bytes.fromhex(read_line(following[0]).prev) if following else self._head.line_hash

    def _empty_outbox(self) -> None:
        if self._outbox:
            self._file.append(b"".join(raw + b"\n" for raw in self._outbox))
            self._outbox.clear()
        self._written_seq = self._head.seq

    def _is_disk_full(self) -> bool:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize < self._min_free_bytes

    def _fail(self, fault: Fault, error: OSError | None = None) -> None:
        if self._fault is not fault:
            _log.error("the audit log is not available: %s", fault.value, exc_info=error)
        self._fault = fault
