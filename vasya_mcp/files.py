"""The two folders of the adapter's machine that a model reaches: one to send from, one to save to (D-11.8).

An injected prompt would ask for `~/.ssh/id_ed25519`: only plain files below the upload folder are sent, and what is saved
gets a name of ours.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Telegram's own limit for accounts without Premium.
_MAX_BYTES: Final = 2 << 30
_MODE: Final = 0o600


class FileRefused(Exception):
    """A file that is not sent, or that cannot be saved, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where files are taken from and saved to; None: nothing is."""

    uploads: Path | None = None
    downloads: Path | None = None


@contextlib.contextmanager
def open_files(
    folders: Folders, names: Sequence[str]
) -> Iterator[list[tuple[str, tuple[str, IO[bytes]]]]]:
    """Open files of the upload folder, as the parts of a form.

    Raises:
        FileRefused: One of them may not be sent.
    """
    if folders.uploads is None:
        raise FileRefused(
            "No upload folder is set: the owner sets VASYA_UPLOAD_DIR for the adapter."
        )
    root = folders.uploads.resolve()
    with contextlib.ExitStack() as opened:
        parts = []
        for name in names:
            file = opened.enter_context(_open(root, name))
            parts.append(("file", (Path(name).name, file)))
        yield parts


def _open(root: Path, name: str) -> IO[bytes]:
    asked = Path(name)
    path = root / asked
    if any(part.startswith(".") for part in asked.parts) or asked.is_absolute():
        raise FileRefused(
            f"{name}: only files below the upload folder, and no hidden ones, are sent."
        )
    # No link anywhere on the way: what was looked at is what is opened.
    if path.resolve() != path:
        raise FileRefused(f"{name}: links are not followed.")
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileRefused(f"{name}: there is no such file in the upload folder.") from error
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_BYTES:
        os.close(number)
        raise FileRefused(f"{name}: only plain files of at most 2 GiB are sent.")
    return os.fdopen(number, "rb")


def create(folders: Folders, suffix: str) -> tuple[Path, IO[bytes]]:
    """Create a new file in the download folder, which nobody else can read.

    Raises:
        FileRefused: It cannot be created.
    """
    if folders.downloads is None:
        raise FileRefused(
            "No download folder is set: the owner sets VASYA_DOWNLOAD_DIR for the adapter."
        )
    path = folders.downloads.resolve() / f"telegram-{secrets.token_hex(8)}{suffix}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return path, os.fdopen(os.open(path, flags, _MODE), "wb")
    except OSError as error:
        raise FileRefused("The download folder takes no file.") from error
