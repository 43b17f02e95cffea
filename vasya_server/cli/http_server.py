"""The web server: uvicorn, with what it leaves open closed (D-12.3, D-12.4)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from vasya_server.api.answer import CUT_OFF, PROBLEM_JSON, WHOLE_ANSWERS
from vasya_server.api.edge import SECURITY_HEADERS
from vasya_server.api.refusals import HeadersTooLarge, MalformedRequest, UriTooLong
from vasya_server.api.refusing import refuse
from vasya_server.errors import (
    ConfigurationInvalid,
    StartupRefused,
    VasyaError,
)
from vasya_server.ids import new_request_id

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from vasya_server.api.answer import Header
    from vasya_server.settings import Settings

    ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADER_LINES: Final = 100
KEEP_ALIVE_SECS: Final = 5
GRACE_SECS: Final = 5
_BACKLOG: Final = 1024
# How far a connection is answered ahead of a client that reads slowly. Left to itself Linux holds megabytes, which the
# client would go on getting after its key was revoked.
_SEND_AHEAD_BYTES: Final = 256 * 1024
# name, colon, space, value, CR, LF
_LINE_OVERHEAD_BYTES: Final = 4


class PortUnavailable(StartupRefused):
    """The port cannot be had: another program listens there, or only the administrator may."""

    code = "port_unavailable"
    detail = "The port cannot be opened."
    exit_code = 75


class GuardedProtocol(HttpToolsProtocol):
    """One connection, with a limit on how long and how large the headers of a request may be.

    uvicorn by itself keeps a silent or half-open request for ever and takes headers of any size. Two ways of saying
    where a body ends (request smuggling) are refused by its parser, which a test pins.

    The clock of an idle connection runs on beside its requests: uvicorn sets one for every answer, which costs as much as
    an agent key's check.
    """

    header_timeout_secs: ClassVar[float] = 10

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 — uvicorn's own signature
        super().__init__(*args, **kwargs)
        self._refusal: VasyaError | None = None
        self._header_timer: asyncio.TimerHandle | None = None
        # Between the end of a request's headers and the end of its body.
        self._is_in_body = False
        # What has come in since anything was made of it: half of the headers, blank lines, trailers.
        self._loose_bytes = 0
        # When the last answer was sent, by the loop's clock; None: something has come in since.
        self._idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start the clock: a client that connects and says nothing holds a socket, too."""
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks with the connection."""
        self._stop_header_timer()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; bound what is held of a line that never ends, and how long an unfinished request may take."""
        if self.transport.is_closing():
            return
        self._loose_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._loose_bytes > 2 * MAX_HEADER_BYTES:
            self._refusal = HeadersTooLarge()
            self.send_400_response("")
        # What belongs to no request in hand has stopped uvicorn's keep-alive clock and started none.
        is_pending = self._in_hand() is None if self._is_in_body else self._loose_bytes > 0
        if is_pending and self._header_timer is None:
            self._start_header_timer()

    def on_headers_complete(self) -> None:
        """Let the request in where its head is of a sensible size."""
        if len(self.url) > MAX_HEADER_BYTES:
            self._refuse(UriTooLong())
        size_bytes = 0
        for name, value in self.headers:
            size_bytes += len(name) + len(value) + _LINE_OVERHEAD_BYTES
        if len(self.headers) > MAX_HEADER_LINES or size_bytes > MAX_HEADER_BYTES:
            self._refuse(HeadersTooLarge())
        self._stop_header_timer()
        self._is_in_body = True
        super().on_headers_complete()
        # Its task has not begun yet.
        whole: Any = partial(_send_whole, self.cycle)  # uvicorn says what extensions may be
        cut_off: Any = self.transport.abort
        self.scope["extensions"] = {WHOLE_ANSWERS: whole, CUT_OFF: cut_off}
        # The request keeps its list. Trailers go into this one, so that no header appears after the checks.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which has limits of its own."""
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's body."""
        self._loose_bytes = 0
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the request that has come meanwhile, or note that the connection is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._start_idle_timer(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection once it has been idle for long enough."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left_secs = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_secs > 0:
            self._start_idle_timer(left_secs)
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 — uvicorn's text for people
        """Answer what cannot be served with a problem, then close; a request already in hand is finished first."""
        running = self._in_hand()
        if running is not None and not running.more_body:
            running.keep_alive = False
            self._stop_header_timer()
            return
        if running is None or not running.response_started:
            self.transport.write(_render(self._refusal or MalformedRequest()))
        self.transport.close()

    def _unset_keepalive_if_required(self) -> None:
        """Note that something has come in: uvicorn calls it then, to stop its clock."""
        self._idle_since = None

    def _start_idle_timer(self, secs: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(secs, self.timeout_keep_alive_handler)

    def _in_hand(self) -> RequestResponseCycle | None:
        """Return the request that is being answered; uvicorn's annotation leaves out that there may be none."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return None if cycle is None or cycle.response_complete else cycle

    def _refuse(self, error: VasyaError) -> None:
        """Leave the parser with *error* as the answer."""
        self._refusal = error
        raise error

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(self.header_timeout_secs, self._headers_overdue)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_overdue(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._start_header_timer()
        else:
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server under our signal handling, telling when it listens and when it is about to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], Awaitable[None]],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        await self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is open for long, or all of the grace would go by with waiting for it; then stop."""
        self._on_stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: uvicorn would re-raise them at the end, so that a clean stop looked like a kill."""
        yield


def _send_whole(
    cycle: RequestResponseCycle, status: int, headers: Sequence[Header], body: bytes
) -> bool:
    """Send the whole answer to a request in one piece; return False where the client has not read what it was sent before.

    It is what uvicorn's own `send` does, in two calls and with two searches for every header line.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        return False  # uvicorn's own waits: a client that asks and does not read must not fill our memory
    # It leads back to the cycle, and only the garbage collector would part them.
    del cycle.scope["extensions"]
    if cycle.disconnected:
        return True
    lines = [name + b": " + value + b"\r\n" for name, value in (*cycle.default_headers, *headers)]
    if (b"connection", b"close") in headers:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise RuntimeError("internal error: a header would become two")
    told = b"" if cycle.scope["method"] == "HEAD" else body
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join((STATUS_LINE[status], head, b"\r\n", told)))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def make_server(
    app: ASGIApp,
    settings: Settings,
    on_listening: Callable[[], Awaitable[None]],
    on_stopping: Callable[[], None] = lambda: None,
) -> Server:
    """Configure uvicorn for one process, no proxy and no words of its own."""

    class Protocol(GuardedProtocol):
        header_timeout_secs = settings.header_timeout_secs

    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="none",  # the caller has started it
        ws="none",
        lifespan="off",
        workers=1,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECS,
        timeout_graceful_shutdown=GRACE_SECS,
        backlog=_BACKLOG,
    )
    return Server(config, on_listening, on_stopping)


def bind(host: str, port: int, *, may_leave_loopback: bool = False) -> socket.socket:
    """Bind an address and return the socket; it is kept, so that nobody else gets the port in between (D-3.4).

    Raises:
        ConfigurationInvalid: The address that the kernel gave is not a loopback one and has to be (D-3.1).
        PortUnavailable: The port is taken or forbidden.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Every connection that it accepts inherits it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_AHEAD_BYTES)
        listener.bind(address)
        if not (may_leave_loopback or _address_of(listener).is_loopback):
            raise ConfigurationInvalid(f"VASYA_HOST {host!r} did not lead to a loopback address.")
    except OSError as error:
        listener.close()
        raise PortUnavailable(
            f"Port {port} on {host} cannot be opened: {error.strerror}.",
            remedy="Choose another with --port; 0 picks a free one.",
        ) from error
    except ConfigurationInvalid:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address under which a bound socket is reached from this machine, without a path."""
    host, port, *_ = listener.getsockname()
    if _address_of(listener).is_unspecified:  # every address, loopback's among them
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _address_of(listener: socket.socket) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])


def _render(error: VasyaError) -> bytes:
    """Return the whole answer to a request that never became one."""
    request_id = new_request_id()
    refusal = refuse(error, request_id)
    headers = [
        *SECURITY_HEADERS,
        (b"content-type", PROBLEM_JSON),
        (b"content-length", b"%d" % len(refusal.body)),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
    ]
    lines = [b"%s: %s\r\n" % header for header in headers]
    return STATUS_LINE[refusal.status] + b"".join(lines) + b"\r\n" + refusal.body
