"""The journal of a crash test: it stops between the database and the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.audit.entry import Entry, EntryKind
from vasya_server.audit.journal import Journal
from vasya_server.kill_points import KillPoint, stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.audit.journal import Keeping
    from vasya_server.clock import Clock
    from vasya_server.store.database import Entry as AnyEntry

_STOPS_AT: Final = {
    KillPoint.INSIDE_W1: EntryKind.INTENT,
    KillPoint.INSIDE_W2: EntryKind.OUTCOME,
}


def make_journal(keeping: Keeping, clock: Clock) -> Journal:
    """Return the journal, which stops where a crash test wants it to."""
    if keeping.stop_at is None:
        return Journal(keeping, clock)
    return StoppingJournal(keeping, clock, keeping.stop_at)


class StoppingJournal(Journal):
    """A journal that stops when a line of the kill point's kind is in the database and not yet in the file."""

    def __init__(self, keeping: Keeping, clock: Clock, stop_at: str) -> None:
        super().__init__(keeping, clock)
        self._stop_at = KillPoint(stop_at)
        self._is_due = False

    def number(self, entries: Sequence[AnyEntry]) -> None:
        """Give the next numbers, and notice whether the point is near."""
        kind = _STOPS_AT.get(self._stop_at)
        self._is_due |= any(isinstance(entry, Entry) and entry.kind is kind for entry in entries)
        super().number(entries)

    def append(self) -> bool:
        """Write to the file, unless this is where to stop."""
        if self._is_due:
            stop(self._stop_at)
        return super().append()
