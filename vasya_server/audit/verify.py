"""Whether the log is whole and genuine, found out without any of the code that writes it.

Lines are parsed by another parser, written anew by another encoder, and their MACs computed from the bytes of the file, so
that a mistake in the writer cannot hide behind the same mistake here. Memory does not grow with the log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOG: Final = "audit.log"
_SET_ASIDE: Final = re.compile(r"audit-([1-9][0-9]*)\.log")
_MAX_LINE_BYTES: Final = 8192
_ZEROS: Final = "0" * 64


class Reason(StrEnum):
    """What is wrong with the first bad line."""

    MAC = "mac"
    PREV = "prev"
    SEQ = "seq"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Heads:
    """What the database says of a chain: the last number given, the last that must be in the file, and the last hash.

    Args:
        line_hash: None for an owner's own sequence, which the whole log's chain carries.
    """

    seq: int
    written_seq: int
    line_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result.

    Args:
        verified: How many lines are good, counted from the first.
        waiting: How many lines of a running server are in the database and about to be appended.
    """

    verified: int
    first_bad_seq: int | None = None
    reason: Reason | None = None
    waiting: int = 0

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.reason is None


@dataclass(slots=True)
class Walk:
    """How far the files are good: state of one walk through them.

    Args:
        owner: Whose own sequence is followed; None follows the whole log.
    """

    owner: str | None = None
    seq: int = 0
    line_hash: str = _ZEROS
    fault: Reason | None = None


def walk(folder: Path, mac_key: bytes, owner: str | None = None) -> Walk:
    """Read every file of the log in order, up to the first line that is not what it should be."""
    state = Walk(owner)
    try:
        with ExitStack() as stack:
            for file in _files(folder, stack):
                for raw in _lines(file):
                    state.fault = _take(state, raw, mac_key)
                    if state.fault is not None:
                        return state
    except OSError:
        state.fault = Reason.UNREADABLE
    return state


def judge(walked: Walk, before: Heads, after: Heads) -> Verdict:
    """Weigh what the files hold against what the database says.

    Args:
        before: Read before the walk: what the files had to hold by then.
        after: Read after it: what they could hold at most, because a line is in the database first.
    """
    if walked.fault is not None:
        return Verdict(walked.seq, walked.seq + 1, walked.fault)
    if walked.seq < before.written_seq:
        return Verdict(walked.seq, walked.seq + 1, Reason.TRUNCATED)
    if walked.seq > after.seq:
        return Verdict(after.seq, after.seq + 1, Reason.SEQ)
    if walked.seq == after.seq and after.line_hash not in {None, walked.line_hash}:
        return Verdict(max(walked.seq - 1, 0), max(walked.seq, 1), Reason.PREV)
    return Verdict(walked.seq, waiting=after.seq - walked.seq)


def _files(folder: Path, stack: ExitStack) -> Iterator[IO[bytes]]:
    """Open the files of the log, oldest first; one that is set aside meanwhile is neither missed nor read twice."""
    newest = _open(folder / _LOG, stack)
    aside = sorted(
        (int(found[1]), path)
        for path in folder.iterdir()
        if (found := _SET_ASIDE.fullmatch(path.name))
    )
    for _, path in aside:
        file = _open(path, stack)
        if file is not None and not (newest and _is_same(file, newest)):
            yield file
            file.close()
    if newest is not None:
        yield newest


def _open(path: Path, stack: ExitStack) -> IO[bytes] | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        return None
    file = stack.enter_context(os.fdopen(handle, "rb"))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(f"{path} is no regular file")
    return file


def _is_same(one: IO[bytes], other: IO[bytes]) -> bool:
    return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Give every line; a last one without its newline is being written, or was never finished, and is none."""
    while raw := file.readline(_MAX_LINE_BYTES + 1):
        if raw.endswith(b"\n"):
            yield raw[:-1]
        elif len(raw) > _MAX_LINE_BYTES:
            yield raw


def _take(state: Walk, raw: bytes, mac_key: bytes) -> Reason | None:
    """Advance *state* by one line, or say why it cannot be the next."""
    fields = _canonical(raw)
    is_genuine = fields is not None and _has_mac(fields, mac_key)
    if state.owner is not None:
        return _take_own(state, fields, is_genuine=is_genuine)
    if fields is None or not is_genuine:
        return Reason.MAC
    if fields.get("seq") != state.seq + 1:
        return Reason.SEQ
    if fields.get("prev") != state.line_hash:
        return Reason.PREV
    state.seq += 1
    state.line_hash = hashlib.sha256(raw).hexdigest()
    return None


def _take_own(state: Walk, fields: dict[str, object] | None, *, is_genuine: bool) -> Reason | None:
    """Follow one owner's sequence; what other owners' lines are like is not told."""
    actor = fields.get("actor") if fields is not None else None
    if fields is None or not isinstance(actor, dict) or actor.get("owner") != state.owner:
        return None
    if not is_genuine:
        return Reason.MAC
    if fields.get("oseq") != state.seq + 1:
        return Reason.SEQ
    state.seq += 1
    return None


def _canonical(raw: bytes) -> dict[str, object] | None:
    """Return the fields of a line that is written in the one way in which lines are written."""
    if len(raw) >= _MAX_LINE_BYTES:
        return None
    try:
        fields = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or _written(fields) != raw:
        return None
    return fields


def _has_mac(fields: dict[str, object], mac_key: bytes) -> bool:
    mac = fields.get("mac")
    rest = {name: value for name, value in fields.items() if name != "mac"}
    expected = hmac.new(mac_key, _written(rest), hashlib.sha256).hexdigest()
    return isinstance(mac, str) and mac.isascii() and hmac.compare_digest(mac, expected)


def _written(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
