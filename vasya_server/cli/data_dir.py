"""The directory that holds everything: private to one user, and held by one process at a time."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import logging
import os
import resource
import secrets
import stat
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import ConfigurationInvalid, DataDirLocked
from vasya_server.settings.files import read_small

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_FILE: Final = ".lock"
ID_FILE: Final = "instance-id"
EMBEDDED_FILE: Final = "embedded.json"
PRIVATE_DIR: Final = 0o700
PRIVATE_FILE: Final = 0o600
MAX_ID_BYTES: Final = 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data dir that this process holds.

    Args:
        instance_id: Random name of the data dir, made once; the keychain's entry is filed under it.
        boot_id: Random name of this start of the process.
    """

    path: Path
    instance_id: str
    boot_id: str


class Embedded(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a local program reaches the running server: the content of `embedded.json` (D-3.3).

    Args:
        token: None in JWT mode, which has no token of its own.
    """

    url: str
    port: int
    pid: int
    boot_id: str
    token: str | None = None


def harden_process() -> None:
    """Keep secrets in memory out of other people's files: private by default, no core dumps, no tracing (D-4.10)."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@contextlib.contextmanager
def held(path: Path) -> Iterator[DataDir]:
    """Make or check the data dir and lock it until the block ends; the kernel frees the lock of a dead process.

    Raises:
        ConfigurationInvalid: It is not a directory of this user's alone, and cannot be made one.
        DataDirLocked: Another process holds it.
    """
    _make_private(path)
    descriptor = _open_lock(path / LOCK_FILE)
    try:
        boot_id = secrets.token_hex(8)
        _lock(descriptor, path, boot_id)
        _clean(path)
        yield DataDir(path, _instance_id(path, boot_id), boot_id)
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """Return the process id of whoever holds the data dir, or None where nobody does."""
    try:
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(descriptor)
    finally:
        os.close(descriptor)
    return None


def faults_of(path: Path) -> list[str]:
    """Return what is not private about an existing data dir, a clause each."""
    faults = []
    for entry, found in _entries(path):
        if stat.S_ISLNK(found.st_mode):
            faults.append(f"{entry} is a symbolic link")
        elif found.st_uid != os.getuid():
            faults.append(f"{entry} belongs to another user (uid {found.st_uid})")
        elif found.st_mode & _OTHERS:
            faults.append(f"{entry} is open to others (mode {stat.S_IMODE(found.st_mode):o})")
    return faults


def publish(data_dir: DataDir, url: str, port: int, token: str | None) -> None:
    """Write `embedded.json` over the one of a dead process."""
    told = Embedded(url=url, port=port, pid=os.getpid(), boot_id=data_dir.boot_id, token=token)
    _put(data_dir.path / EMBEDDED_FILE, msgspec.json.encode(told), data_dir.boot_id)


def withdraw(data_dir: DataDir) -> None:
    """Remove `embedded.json`: the token in it dies with the process."""
    (data_dir.path / EMBEDDED_FILE).unlink(missing_ok=True)


def published(path: Path) -> Embedded | None:
    """Return what the running server has published, or None where there is nothing, or nothing of use."""
    try:
        return msgspec.json.decode((path / EMBEDDED_FILE).read_bytes(), type=Embedded)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        if path.is_symlink():
            raise ConfigurationInvalid(
                f"The data dir {path} is a symbolic link: whoever can change the link decides where secrets go.",
                remedy="Name the directory itself with --data-dir or VASYA_DATA_DIR.",
            )
        _close_to_others(path)
    except OSError as error:
        raise ConfigurationInvalid(
            f"The data dir {path} cannot be made or opened: {error.strerror}.",
            remedy="Choose a directory that this user may write to with --data-dir or VASYA_DATA_DIR.",
        ) from error
    if faults := faults_of(path):
        raise ConfigurationInvalid(
            f"The data dir is not private: {'; '.join(faults)}.",
            remedy=f"Give it to the user who runs Vasya: chown -R {os.getuid()} {path} && chmod -R go= {path}",
        )


def _close_to_others(path: Path) -> None:
    """Take group's and others' rights from what is ours; links and foreign entries are left to `faults_of`."""
    for entry, found in _entries(path):
        is_ours = found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode)
        if is_ours and found.st_mode & _OTHERS:
            entry.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
            _log.warning("a file of the data dir was open to other users, and is private now")


def _entries(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Walk the directory and everything in it, without following links."""
    yield path, path.lstat()
    for folder, folders, files in os.walk(path, followlinks=False):
        for name in (*folders, *files):
            entry = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):  # a running server's own files come and go
                yield entry, entry.lstat()


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError as error:
        raise ConfigurationInvalid(
            f"The lock file {path} cannot be opened: {error.strerror}."
        ) from error


def _lock(descriptor: int, path: Path, boot_id: str) -> None:
    """Take the lock for as long as the descriptor is open, and say in the file who has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _pid_in(descriptor)
        raise DataDirLocked(
            f"Another Vasya process (pid {pid}) holds the data dir {path}.",
            remedy="Stop that process, or name another directory with --data-dir.",
        ) from error
    except OSError as error:
        # ENOLCK, EOPNOTSUPP: some network file systems; two servers there would kill each other's sessions.
        raise ConfigurationInvalid(
            f"The data dir {path} is on a file system without locks: {error.strerror}.",
            remedy="Put the data dir on a local disk.",
        ) from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode({"pid": os.getpid(), "bootId": boot_id}), 0)
    except OSError as error:
        raise ConfigurationInvalid(
            f"The data dir {path} cannot be written: {error.strerror}."
        ) from error


def _pid_in(descriptor: int) -> int:
    """Return the process id written in a held lock file; 0 in the instant before it is written."""
    written = os.pread(descriptor, 256, 0)
    try:
        return int(msgspec.json.decode(written, type=dict[str, int | str])["pid"])
    except (msgspec.MsgspecError, KeyError):
        return 0


def _clean(path: Path) -> None:
    """Remove what a killed process left behind: its token is dead, its drafts are nobody's."""
    for left in (*path.glob(f"{EMBEDDED_FILE}*"), *path.glob(f"{ID_FILE}.*")):
        left.unlink()


def _instance_id(folder: Path, boot_id: str) -> str:
    """Return the id of the data dir, making it where there is none, or an unusable one under which nothing is filed.

    Raises:
        ConfigurationInvalid: It is unusable and something is sealed, or it cannot be read or written.
    """
    path = folder / ID_FILE
    try:
        return str(uuid.UUID(read_small(path, MAX_ID_BYTES).decode("ascii").strip()))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigurationInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except (
        ValueError
    ) as error:  # empty or torn, where power was lost in the moment of the first start
        from vasya_server.gateway import DATABASE_FILE

        if (folder / DATABASE_FILE).exists():
            raise ConfigurationInvalid(
                f"{path} does not hold the id of this data dir, in which sessions are sealed already.",
                remedy="Restore it from a backup: a keychain files the master key under that id.",
            ) from error
    made = str(uuid.uuid4())
    _put(path, made.encode() + b"\n", boot_id)
    return made


def _put(target: Path, content: bytes, boot_id: str) -> None:
    """Write a private file, whole or not at all, over what is there.

    Raises:
        ConfigurationInvalid: The disk is full, or does not let us.
    """
    draft = target.with_name(f"{target.name}.{boot_id}")
    try:
        _write_new(draft, content)
        draft.rename(target)
        _sync_directory(target.parent)
    except OSError as error:
        raise ConfigurationInvalid(f"{target} cannot be written: {error.strerror}.") from error


def _write_new(path: Path, content: bytes) -> None:
    """Write a private file that did not exist, to the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has nothing to sync
            raise
    finally:
        os.close(descriptor)
