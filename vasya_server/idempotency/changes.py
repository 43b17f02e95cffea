"""Who waits for an action to change, and is told when it does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Changes:
    """The waiters of every action: one that nobody waits for costs nothing."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def following(self, action_id: str) -> Iterator[asyncio.Event]:
        """Yield what is set at the action's next change: begin to follow before looking, and no change is missed."""
        changed = asyncio.Event()
        waiters = self._waiters.setdefault(action_id, set())
        waiters.add(changed)
        try:
            yield changed
        finally:
            waiters.discard(changed)
            if not waiters:
                self._waiters.pop(action_id, None)

    def tell(self, action_id: str) -> None:
        """Tell whoever waits for the action that it stands otherwise now."""
        for changed in self._waiters.get(action_id, ()):
            changed.set()
