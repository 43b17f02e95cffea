"""Which part of a file a request asks for (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.api.refusals import RangeNotSatisfiable

if TYPE_CHECKING:
    from vasya_server.api.incoming import Incoming

# One range: several in one answer are sent by nobody who resumes a download, and cost many small reads.
_RANGE: Final = re.compile(
    rb"bytes=[ \t]*(?P<first>\d{0,18})-(?P<last>\d{0,18})[ \t]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, from *start* up to *stop*."""

    start: int
    stop: int
    size_bytes: int

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return self.stop - self.start

    @property
    def content_range(self) -> bytes:
        """Say which part of how many bytes it is."""
        return b"bytes %d-%d/%d" % (self.start, self.stop - 1, self.size_bytes)


def entity_tag(version: str) -> bytes:
    """Return the strong validator of the bytes that *version* names."""
    return b'"%b"' % version.encode()


def is_known(request: Incoming, tag: bytes) -> bool:
    """Tell whether the client has these bytes already (If-None-Match)."""
    known = b",".join(request.lines(b"if-none-match"))
    return any(each.strip().removeprefix(b"W/") in {tag, b"*"} for each in known.split(b","))


def wanted_part(request: Incoming, size_bytes: int, tag: bytes) -> Part | None:
    """Return the part that is asked for; None: the whole.

    Several ranges, and what is no range at all, are answered with the whole, as is one of a file that has changed since
    (If-Range): the client would join parts of two files.

    Raises:
        RangeNotSatisfiable: The file has no such part.
    """
    said = request.lines(b"range")
    found = _RANGE.fullmatch(said[0]) if len(said) == 1 else None
    if found is None or not (found["first"] or found["last"]):
        return None
    if any(condition.strip() != tag for condition in request.lines(b"if-range")):
        return None
    if not found["first"]:
        start, stop = max(size_bytes - int(found["last"]), 0), size_bytes
    else:
        start = int(found["first"])
        if found["last"] and int(found["last"]) < start:
            return None
        stop = min(int(found["last"]) + 1, size_bytes) if found["last"] else size_bytes
    if start >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return Part(start, stop, size_bytes)
