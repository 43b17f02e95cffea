"""Keep the sandbox's state in one file, shortly after it changes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from vasya_sandbox import state

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_sandbox.dc import DataCentre

# A burst of changes is written once; what a kill may lose stays below a second.
DEBOUNCE_SECS = 0.5


def write_private(path: Path, data: bytes) -> None:
    """Replace *path* by *data* in one step, readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


class Keeper:
    """Write the state of a data centre to *path* when it differs from what is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dc: DataCentre | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._written = b""

    def keep(self, dc: DataCentre) -> None:
        """Begin with *dc* and write it now."""
        self._dc = dc
        self.save()

    def touch(self) -> None:
        """Write soon."""
        if self._dc is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DEBOUNCE_SECS, self.save)

    def save(self) -> None:
        """Write now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._dc is None:
            return
        data = state.dump(self._dc.world, self._dc.key_records())
        if data != self._written:
            write_private(self._path, data)
            self._written = data
