"""The folder of a demo that keeps nothing: gone when it ends and, where it was killed, when the next one starts.

A mark in the folder is locked for as long as its demo lives. The kernel frees the lock of a dead process, so a mark that
can be locked means a folder that nobody uses any more. A folder that a person names never has a mark.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vasya_server.cli.data_dir import PRIVATE_FILE, holder

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA: Final = "data"
SANDBOX: Final = "sandbox"
MARK: Final = "demo.pid"
_PREFIX: Final = "vasya-demo-"


@contextlib.contextmanager
def fresh() -> Iterator[Path]:
    """Make a folder for the block alone, and remove those that killed demos have left."""
    _remove_left()
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    mark = _mark(root)
    try:
        yield root
    finally:
        shutil.rmtree(root)
        os.close(mark)


def keep(data_dir: Path) -> None:
    """Take the mark off where a person names the data dir of an earlier demo: it is theirs from now on."""
    (data_dir.parent / MARK).unlink(missing_ok=True)


def _mark(root: Path) -> int:
    """Lock a mark with our process id, and only then give it the name by which it is looked for."""
    draft = root / f"{MARK}.draft"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    draft.rename(root / MARK)
    return descriptor


def _remove_left() -> None:
    for root in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(
            OSError
        ):  # another's, no demo's, in use, or being removed by another demo
            _remove(root)


def _remove(root: Path) -> None:
    """Remove the folder of a dead demo.

    Raises:
        OSError: It is not that, or somebody uses it.
    """
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError
    mark = os.open(root / MARK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if holder(root / DATA) is None:
            shutil.rmtree(root)
    finally:
        os.close(mark)
