"""A writer in a process of its own, as a server starts it, for tests of what it writes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vasya_server.audit.journal import Keeping
from vasya_server.cli.writer import apart

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.store.apart import Apart


@dataclass
class Losses:
    """How often a server would have left because its writer had ended."""

    count: int = field(default=0)

    def note(self) -> None:
        self.count += 1


def writer_for(folder: Path, losses: Losses | None = None, keeping: Keeping | None = None) -> Apart:
    """Return how the writer is started; without *keeping* its journal is one that nobody resumes."""
    kept = keeping or Keeping(
        folder=os.fsencode(folder),
        mac_key=bytes(32),
        boot="0" * 16,
        rotate_bytes=2**26,
        min_free_bytes=0,
    )
    return apart((losses or Losses()).note).for_journal(kept)
