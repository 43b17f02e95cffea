"""The journal of a crash test: it stops between the database and the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.audit.entry import Entry, EntryKind
from vasya_server.audit.journal import Journal
from vasya_server.kill_points import KillPoint, stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.store.database import Entry as AnyEntry
    from vasya_server.store.database import Statement

_STOPS_AT: Final = {
    KillPoint.INSIDE_W1.value: EntryKind.INTENT,
    KillPoint.INSIDE_W2.value: EntryKind.OUTCOME,
}


class StoppingJournal(Journal):
    """A journal that stops when a line of the kill point's kind is in the database and not yet in the file."""

    stop_at: str | None = None
    _is_due = False

    def number(self, entries: Sequence[AnyEntry]) -> Sequence[Statement]:
        """Give the next numbers, and notice whether the point is near."""
        kind = _STOPS_AT.get(self.stop_at or "")
        self._is_due |= any(isinstance(e, Entry) and e.kind is kind for e in entries)
        return super().number(entries)

    def append(self) -> bool:
        """Write to the file, unless this is where to stop."""
        if self._is_due and self.stop_at is not None:
            stop(KillPoint(self.stop_at))
        return super().append()
