"""`vasya-server serve`: everything that can refuse does so before the port opens, and a stop loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import resource
import select
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.cli import logs
from vasya_server.cli.data_dir import DataDir, harden_process, held, publish, withdraw
from vasya_server.cli.standard_files import answer
from vasya_server.errors import ConfigurationInvalid
from vasya_server.settings import Settings, load

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    from vasya_server.cli.http_server import Server
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.gateway import Gateway

    Announce = Callable[[Gateway, str, str], Awaitable[None]]
    """Tell whoever waits that the gateway listens: gateway, URL, token (empty in JWT mode)."""

_STDIN_DEADLINE_SECS: Final = 10
_STDIN_MAX_BYTES: Final = 64 * 1024
_COLLECT_AFTER_OBJECTS: Final = 20_000
# Beside the clients' sockets: accounts' connections, storage, logs.
_OTHER_FILES: Final = 1024
# Closing accounts and storage takes milliseconds; whatever hangs then is not waited for.
_CLOSE_SECS: Final = 5

_log = logging.getLogger(__name__)


class StdinSecrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a parent process hands over on standard input (D-3.3)."""

    token: str | None = None
    master_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A process that holds its data dir and its key, and has opened nothing else."""

    settings: Settings
    data_dir: DataDir
    key: MasterKey


def run(flags: dict[str, str | None], *, reads_stdin: bool) -> int:
    """Serve until a signal; return the exit code."""
    if reads_stdin:
        secrets = _read_secrets()
        flags |= {"VASYA_LOCAL_TOKEN": secrets.token, "SESSION_MASTER_KEY": secrets.master_key}
    with prepared(flags) as ready:
        return serve(ready, _print_listening)


@contextlib.contextmanager
def prepared(
    flags: dict[str, str | None], environ: MutableMapping[str, str] = os.environ
) -> Iterator[Prepared]:
    """Harden the process, read the settings, hold the data dir and load the key, in this order.

    Raises:
        StartupRefused: One of them is missing, wrong, unsafe or in use.
        KeychainLocked: The key's keychain asks for its owner.
    """
    harden_process()
    logs.set_up()
    settings = load(environ, flags)
    refuse_workers(environ)
    with held(settings.data_dir) as data_dir:
        key = _master_key(settings, data_dir)
        refuse_shared_secret(settings, key)
        try:
            yield Prepared(settings=settings, data_dir=data_dir, key=key)
        finally:
            key.close()


def refuse_workers(environ: MutableMapping[str, str]) -> None:
    """Refuse what would start a second process: two connections with one session end it for good (D-13.2).

    Raises:
        ConfigurationInvalid: `WEB_CONCURRENCY` asks for several workers.
    """
    # Litestar reads these by itself and would show tracebacks, or open a debugger, to clients (D-12.5).
    for name in ("LITESTAR_DEBUG", "LITESTAR_PDB"):
        environ.pop(name, None)
    if environ.get("WEB_CONCURRENCY", "1") not in {"", "0", "1"}:
        raise ConfigurationInvalid(
            "WEB_CONCURRENCY asks for several worker processes, and an account's session lives in exactly one.",
            remedy="Unset WEB_CONCURRENCY.",
        )


def refuse_shared_secret(settings: Settings, key: MasterKey) -> None:
    """Refuse a JWT secret that is the master key: whoever may issue tokens could open every session (D-2.3).

    Raises:
        ConfigurationInvalid: It is.
    """
    from vasya_server.crypto.master_key import is_written_as

    given = (settings.jwt_secret, settings.jwt_secret_previous)
    if any(is_written_as(key, secret.reveal()) for secret in given if secret):
        raise ConfigurationInvalid(
            "A JWT secret is the session master key: whoever may issue tokens could open every session.",
            remedy="Make a secret of its own: openssl rand -base64 48",
        )


def serve(ready: Prepared, announce: Announce) -> int:
    """Run the event loop until the server has stopped; return the exit code."""
    import uvloop

    import vasya_server.app  # noqa: F401 — and with it nearly everything that is never given up

    logs.keep_access(is_on=ready.settings.access_log == "on")
    allow_connections(ready.settings)
    _tell_what_is_not_enforced(ready.settings)
    calm_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(ready, announce))


async def _serve(ready: Prepared, announce: Announce) -> int:
    from vasya_server.app import create_app
    from vasya_server.auth.embedded import EmbeddedToken
    from vasya_server.cli.http_server import bind, make_server, url_of
    from vasya_server.cli.writer import apart
    from vasya_server.clock import SystemClock
    from vasya_server.gateway import open_gateway

    settings = ready.settings
    token = _embedded_token(settings)
    stop = _Stop(ready.data_dir)
    try:
        async with (
            asyncio.timeout(None) as stop.deadline,
            open_gateway(
                settings,
                clock=SystemClock(),
                key=ready.key,
                token=EmbeddedToken(token) if token else None,
                apart=apart(functools.partial(_leave, ready.data_dir)),
            ) as gateway,
        ):
            may_leave = settings.may_leave_loopback
            listener = bind(settings.host, settings.port, may_leave_loopback=may_leave)
            url = url_of(listener)

            async def on_listening() -> None:
                publish(ready.data_dir, url, listener.getsockname()[1], token)
                await announce(gateway, url, token or "")

            server = make_server(create_app(gateway), settings, on_listening, gateway.streams.stop)
            await stop.serve(server, listener)
            withdraw(ready.data_dir)
            stop.give(_CLOSE_SECS)
    except TimeoutError:
        if not stop.deadline.expired():
            raise
        _log.error("closing took too long; the process leaves without it")
        return 1
    finally:
        withdraw(ready.data_dir)
    return 0


def _leave(data_dir: DataDir) -> None:
    """Leave at once: the process that writes has ended, and what is stored only the next start finds out."""
    _log.critical(
        "the process that writes has ended; the server leaves, and finds out at its next start what is stored"
    )
    with contextlib.suppress(OSError):
        withdraw(data_dir)
    logging.shutdown()
    os._exit(1)


def _embedded_token(settings: Settings) -> str | None:
    """Return the token that opens everything to whoever has it; in JWT mode there is none."""
    from vasya_server.auth.embedded import EmbeddedToken

    if settings.auth_mode == "jwt":
        return None
    return settings.local_token.reveal() if settings.local_token else EmbeddedToken.make()


def _tell_what_is_not_enforced(settings: Settings) -> None:
    """Say what a token need not prove because nobody set it (D-2.5)."""
    if settings.auth_mode != "jwt":
        return
    if settings.jwt_issuer is None:
        _log.warning("JWT_ISSUER is not set: tokens of every issuer with the secret are taken")
    if settings.jwt_audience is None:
        _log.warning("JWT_AUDIENCE is not set: tokens that name an audience are refused")
    if settings.jwt_max_lifetime_secs is None:
        _log.warning("JWT_MAX_LIFETIME_SECS is not set: tokens may live for any time")


def allow_connections(settings: Settings) -> None:
    """Let the process have a socket for every stream and every request, as far as it may (D-12.3)."""
    wanted = settings.streams_max + settings.max_requests_in_flight + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    if most < wanted:
        _log.warning("this process may open %d files, and all streams would take %d", most, wanted)


def calm_collector() -> None:
    """Have the garbage collector look at what requests leave behind, and not at the program again and again.

    What is there when the server starts stays until it ends; of what requests make almost everything goes by its
    reference count, and a page of messages alone makes more objects than the interpreter's default waits for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)


class _Stop:
    """What SIGTERM and SIGINT do: the first asks, the second does not ask."""

    def __init__(self, data_dir: DataDir) -> None:
        self.server: Server | None = None
        self.is_asked = False
        self.deadline: asyncio.Timeout
        self._data_dir = data_dir
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, functools.partial(self._receive, number))

    async def serve(self, server: Server, listener: socket.socket) -> None:
        """Serve until a signal asks to stop, or has asked already."""
        self.server = server
        server.should_exit = self.is_asked
        await server.serve([listener])

    def give(self, secs: float) -> None:
        """Let the rest take *secs* seconds and no longer."""
        self.deadline.reschedule(self._loop.time() + secs)

    def _receive(self, number: int) -> None:
        if self.is_asked:
            withdraw(self._data_dir)
            os._exit(128 + number)
        self.is_asked = True
        if self.server is not None:
            self.server.should_exit = True


async def _print_listening(_gateway: Gateway, url: str, _token: str) -> None:
    answer(f"LISTENING {url}")


def _master_key(settings: Settings, data_dir: DataDir) -> MasterKey:
    from vasya_server.crypto.keychain import OsKeychain
    from vasya_server.crypto.master_key import load_master_key
    from vasya_server.gateway import DATABASE_FILE

    key, _ = load_master_key(
        settings,
        data_dir_id=data_dir.instance_id,
        may_create=not (data_dir.path / DATABASE_FILE).exists(),
        keychain=OsKeychain(),
    )
    return key


def _read_secrets() -> StdinSecrets:
    """Read one JSON line from standard input and put nothing in its place.

    Raises:
        ConfigurationInvalid: None came within ten seconds, or it is not what was promised.
    """
    line = bytearray()
    give_up_at = time.monotonic() + _STDIN_DEADLINE_SECS
    while not line.endswith(b"\n") and len(line) <= _STDIN_MAX_BYTES:
        if not select.select([0], [], [], max(0.0, give_up_at - time.monotonic()))[0]:
            raise ConfigurationInvalid(
                f"No line with the secrets came on standard input within {_STDIN_DEADLINE_SECS} s."
            )
        if not (chunk := os.read(0, 4096)):
            break
        line += chunk
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        return msgspec.json.decode(line, type=StdinSecrets)
    except msgspec.MsgspecError as error:
        # The decoder's own words may quote the line.
        raise ConfigurationInvalid(
            'Standard input must hold one JSON line {"token": "…", "master_key": "…"}, both optional.'
        ) from error
