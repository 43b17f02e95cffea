"""A disk that takes no more, as far as this process and those it has started are concerned."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Let no file be written beyond its first byte; reading goes on."""
    with files_end_at(1):
        yield


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let no file grow beyond *size* bytes: what a full disk looks like to a program, for root too."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in _processes()}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def with_children(pid: int) -> list[int]:
    """Return *pid* and the processes that its main thread has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *map(int, children.split())]


def _processes() -> list[int]:
    assert threading.current_thread() is threading.main_thread()
    return with_children(os.getpid())
