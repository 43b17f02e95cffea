"""`vasya-server doctor`: looks for what is unsafe or unreachable, and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import platform
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from vasya_server import __version__
from vasya_server.cli import EX_REFUSED
from vasya_server.cli.data_dir import ID_FILE, MAX_ID_BYTES, faults_of, holder, published
from vasya_server.cli.standard_files import answer
from vasya_server.errors import KeychainLocked, MasterKeyMismatch, StartupRefused, VasyaError
from vasya_server.settings import load
from vasya_server.settings.files import read_small

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.crypto.master_key import KeySource, MasterKey
    from vasya_server.settings import Settings

_CLOCK_TOLERANCE_SECS: Final = 60
_SCAN_CHUNK_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 512
# A Telethon StringSession, and the head of the SQLite file that Telethon keeps sessions in.
_SESSION_STRING: Final = re.compile(
    rb"(?<![A-Za-z0-9_=-])1[A-Za-z0-9_-]{350,370}={0,2}(?![A-Za-z0-9_=-])"
)
_SESSION_TABLE: Final = re.compile(rb"CREATE TABLE sessions \(\s*dc_id")
_PACKAGES: Final = ("telethon", "cryptg", "cryptography", "litestar", "uvicorn", "msgspec")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    result: Literal["ok", "warn", "fail"]
    says: str


def run(flags: dict[str, str | None], *, is_json: bool) -> int:
    """Look at everything, print a line each; return 1 where something failed."""
    # A copy: nothing that is said here must take the secrets from a later command of the same process.
    settings = load(dict(os.environ), flags)
    checks = list(_checks(settings))
    if is_json:
        answer(msgspec.json.encode({"checks": checks}).decode())
    else:
        for check in checks:
            answer(f"{check.result:4}  {check.name}: {check.says}")
    return EX_REFUSED if any(check.result == "fail" for check in checks) else 0


def _checks(settings: Settings) -> Iterator[Check]:
    yield _versions()
    yield _bind_address(settings)
    yield from _data_dir(settings)
    yield _key(settings)
    yield _plaintext(settings.data_dir)
    yield _clock(settings.data_dir)
    yield _reachability(settings)


def _bind_address(settings: Settings) -> Check:
    if settings.may_leave_loopback:
        return _ok("bind address", f"{settings.host}, behind a proxy as {settings.public_url}")
    return _ok("bind address", f"{settings.host} is a loopback address")


def _ok(name: str, says: str) -> Check:
    return Check(name=name, result="ok", says=says)


def _warn(name: str, says: str) -> Check:
    return Check(name=name, result="warn", says=says)


def _fail(name: str, says: str) -> Check:
    return Check(name=name, result="fail", says=says)


def _versions() -> Check:
    parts = [f"vasya {__version__}", f"Python {platform.python_version()}"]
    missing = []
    for name in _PACKAGES:
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return _fail("versions", f"not installed: {', '.join(missing)}")
    return _ok("versions", ", ".join(parts))


def _data_dir(settings: Settings) -> Iterator[Check]:
    path = settings.data_dir
    if not path.exists():
        yield _ok("data dir", f"{path} is not there yet; the first start makes it")
        return
    if path.is_symlink() or not path.is_dir():
        yield _fail("data dir", f"{path} is not a directory of its own")
        return
    faults = faults_of(path)
    yield _fail("data dir", "; ".join(faults)) if faults else _ok("data dir", f"{path} is private")
    pid = holder(path)
    told = published(path)
    if pid is None:
        yield (
            _warn("server", "a killed server left embedded.json; the next start removes it")
            if told
            else _ok("server", "none is running")
        )
    elif told is not None and told.pid == pid:
        yield _ok("server", f"process {pid} serves {told.url}")
    else:
        yield _warn("server", f"process {pid} holds the data dir and serves no requests")


def _key(settings: Settings) -> Check:
    """Say where the master key is, whether it is the one, and whether anything can be done when it is lost."""
    from vasya_server.crypto.keychain import OsKeychain
    from vasya_server.crypto.master_key import load_master_key

    name = "master key"
    instance = _instance(settings.data_dir)
    try:
        key, source = load_master_key(
            settings, data_dir_id=instance, may_create=False, keychain=OsKeychain()
        )
    except KeychainLocked as refusal:
        return _warn(name, refusal.detail)
    except VasyaError as refusal:
        if (
            not instance
            and settings.session_master_key is None
            and settings.session_master_key_file is None
        ):
            return _unmade_key(refusal)
        return _fail(name, refusal.detail)
    try:
        sealed = _sealed_by(key, settings.data_dir)
    except VasyaError as refusal:
        return _fail(name, refusal.detail)
    finally:
        key.close()
    return _kept(settings, source, sealed)


def _instance(data_dir: Path) -> str:
    try:
        return read_small(data_dir / ID_FILE, MAX_ID_BYTES).decode("ascii", "replace").strip()
    except OSError:  # nobody has started here, or the check of the data dir says why not
        return ""


def _sealed_by(key: MasterKey, data_dir: Path) -> str:
    """Return what the key is to the data dir, in words.

    Raises:
        MasterKeyMismatch: It sealed nothing here, and another did.
        StorageFailed: The database cannot be read.
    """
    from vasya_server.gateway import DATABASE_FILE
    from vasya_server.sessions.key_check import is_key_of

    path = data_dir / DATABASE_FILE
    is_right = is_key_of(path, key) if path.is_file() else None
    if is_right is None:
        return "nothing is sealed here yet"
    if not is_right:
        raise MasterKeyMismatch
    return "it is the one that sealed this data dir"


def _kept(settings: Settings, source: KeySource, sealed: str) -> Check:
    """Say where a key that fits is kept."""
    from vasya_server.crypto.master_key import KeySource

    name = "master key"
    if source is KeySource.KEYCHAIN:
        return _warn(
            name,
            f"{sealed}. It is in this user's keychain and, as far as Vasya knows, nowhere else: back the keychain up, "
            "or every account has to log in again when it is lost",
        )
    file = settings.session_master_key_file
    if file is not None and file.is_relative_to(settings.data_dir):
        return _fail(name, f"{file} is inside the data dir: whoever copies the one has the other")
    where = f"the file {file}" if file is not None else "the environment"
    return _ok(
        name,
        f"from {where}; {sealed}. Vasya keeps no copy of it, so keep one apart from the data dir",
    )


def _unmade_key(refusal: VasyaError) -> Check:
    """Tell a first start that will make a key in the keychain from one that cannot."""
    if isinstance(refusal, MasterKeyMismatch):
        return _ok("master key", "the first start makes one in the keychain")
    return _fail("master key", refusal.detail)


def _plaintext(data_dir: Path) -> Check:
    """Look for sessions that are not sealed: in the data dir by content, where commands are typed by name."""
    found = [path for path, _ in _files(data_dir) if _holds_session(path)]
    found += [path for path in Path.cwd().glob("*.session") if path.is_file()]
    if found:
        listed = ", ".join(sorted({str(path) for path in found}))
        return _fail(
            "plaintext",
            f"{listed}: whoever reads it is the account; import it if you need it, then delete it",
        )
    return _ok("plaintext", "no unsealed session in the data dir or the present directory")


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            with contextlib.suppress(FileNotFoundError):  # a running server's own files come and go
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path, found


def _holds_session(path: Path) -> bool:
    if path.suffix == ".session":
        return True
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_SCAN_CHUNK_BYTES):
                seen = tail + chunk
                if _SESSION_STRING.search(seen) or _SESSION_TABLE.search(seen):
                    return True
                tail = seen[-_OVERLAP_BYTES:]
    except OSError:  # gone meanwhile, or not ours to read, which the check of permissions reports
        return False
    return False


def _clock(data_dir: Path) -> Check:
    """Compare the clock with what it said when the data dir was last written: Telegram refuses one that is far off."""
    newest = max((found.st_mtime for _, found in _files(data_dir)), default=0.0)
    ahead = newest - time.time()
    if ahead > _CLOCK_TOLERANCE_SECS:
        return _fail(
            "clock", f"{ahead:.0f} s behind the newest file of the data dir: set it by NTP"
        )
    if time.time() < Path(__file__).stat().st_mtime - _CLOCK_TOLERANCE_SECS:
        return _fail("clock", "earlier than the installation of this program: set it by NTP")
    return _ok(
        "clock",
        time.strftime("%Y-%m-%d %H:%M:%S UTC, later than everything written here", time.gmtime()),
    )


def _reachability(settings: Settings) -> Check:
    from vasya_server.telegram.endpoint import Endpoint

    name = "telegram"
    if (proxy := settings.telegram_proxy_url) is not None:
        address = urlsplit(proxy.reveal())
        what, host, port = "the proxy", address.hostname or "", address.port or 1080
    else:
        try:
            home = Endpoint(settings).home
        except StartupRefused as refusal:
            return _fail(name, refusal.detail)
        what, host, port = (
            f"data centre {home.dc_id} at {home.host}:{home.port}",
            home.host,
            home.port,
        )
    begun = time.monotonic()
    try:
        asyncio.run(_dial(host, port, settings.connect_deadline_secs))
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or "no answer in time"
        return _fail(name, f"{what} cannot be reached: {reason}")
    return _ok(name, f"{what} accepts connections ({1000 * (time.monotonic() - begun):.0f} ms)")


async def _dial(host: str, port: int, deadline_secs: float) -> None:
    async with asyncio.timeout(deadline_secs):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
