"""What every request passes before anything looks at what it wants: host, origin, sizes, and headers on the way out.

Every answer leaves through here, whoever made it: refusals, bugs, and what a stop cut short included.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Final, TypeVar

from litestar.enums import ScopeType

from vasya_server.api.event_poll import LongPoll
from vasya_server.api.forms import is_form
from vasya_server.api.incoming import Incoming
from vasya_server.api.limiting import limit_headers
from vasya_server.api.receiving import FRAME_BYTES, max_form_bytes
from vasya_server.api.refusals import (
    BodyTooLarge,
    HostNotAllowed,
    MalformedRequest,
    OriginNotAllowed,
    Overloaded,
    UnsupportedMediaType,
    UriTooLong,
)
from vasya_server.api.refusing import refuse, refuse_bug
from vasya_server.api.routes import OPERATIONS
from vasya_server.errors import ShuttingDown, VasyaError
from vasya_server.ids import new_request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import TypeAlias

    from litestar.types import HTTPScope, LifeSpanScope, Receive, Scope, Send

    from vasya_server.api.answer import Answer, Header
    from vasya_server.api.event_stream import EventStream
    from vasya_server.api.file_answer import FileAnswer
    from vasya_server.api.history_lines import HistoryLines
    from vasya_server.api.mcp import McpAnswer
    from vasya_server.settings import Settings

    Made: TypeAlias = Answer | FileAnswer | EventStream | HistoryLines | McpAnswer
    Serve: TypeAlias = Callable[[Incoming], Awaitable[Made | LongPoll]]

A = TypeVar("A")
_log: Final = logging.getLogger("vasya.access")
_bugs: Final = logging.getLogger("vasya.api")
_MAX_URI_BYTES: Final = 4096
_MAX_LENGTH_DIGITS: Final = 20
_CLIENT_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_JSON: Final = re.compile(rb"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_OTHER_SITES: Final = {b"cross-site", b"same-site"}
_LOOPBACK_NAMES: Final = (b"127.0.0.1", b"localhost", b"[::1]")
SECURITY_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Edge:
    """The ASGI application.

    Args:
        serve: Answers what is let in.
        guests: What answers instead, by its path.
    """

    def __init__(self, serve: Serve, settings: Settings) -> None:
        self._serve = serve
        self.guests: dict[str, Serve] = {}
        self._settings = settings
        self._origins = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._hosts = frozenset(host.encode() for host in settings.allowed_hosts)
        self._in_flight = 0
        self._uploads = re.compile("|".join(o.pattern for o in OPERATIONS if o.takes_file))
        self._forms = re.compile("|".join(o.pattern for o in OPERATIONS if o.takes_form))

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Receive, send: Send) -> None:
        """Refuse or serve; every answer gets the security headers and the request's id (D-12.2)."""
        if (
            scope["type"] == "lifespan"
        ):  # the gateway is open already, and who opened it will close it
            return
        if scope["type"] == ScopeType.WEBSOCKET:  # there are none here: the handshake is refused
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here"})
            return
        started = time.perf_counter()
        headers = list(scope["headers"])
        fields = dict(headers)
        request = Incoming(
            scope, fields, receive, _request_id(fields), is_plain=len(fields) == len(headers)
        )
        answer = await self._begin(request, fields)
        if isinstance(answer, LongPoll):
            answer = await self._wait(answer, request)
        left = limit_headers(request.verdicts)
        common = (*SECURITY_HEADERS, *left, (b"x-request-id", request.request_id.encode()))
        try:
            await answer.send(request, common, send)
        finally:
            if _log.isEnabledFor(logging.INFO):
                _note(request, answer.status, time.perf_counter() - started)

    async def _begin(self, request: Incoming, fields: Mapping[bytes, bytes]) -> Made | LongPoll:
        """Return the answer, or what waits for one: that is no request in flight any more (D-12.3)."""
        self._in_flight += 1
        try:
            self._check(request, fields)
            serve = self.guests.get(request.scope["path"], self._serve)
            return await serve(request)
        except BaseException as error:  # noqa: BLE001 — what is no answer is raised again there
            return _refusal(error, request.request_id)
        finally:
            self._in_flight -= 1

    @staticmethod
    async def _wait(poll: LongPoll, request: Incoming) -> Answer:
        try:
            return await poll.answer(request)
        except BaseException as error:  # noqa: BLE001 — as above
            return _refusal(error, request.request_id)

    def _check(self, request: Incoming, fields: Mapping[bytes, bytes]) -> None:
        scope = request.scope
        self._check_host(request.lines(b"host"), scope)
        self._check_origin(request, fields)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MAX_URI_BYTES:
            raise UriTooLong
        if self._in_flight > self._settings.max_requests_in_flight:
            raise Overloaded
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._check_body(request, fields)
        elif b"content-encoding" in fields:
            _check_encoding(fields)

    def _check_host(self, hosts: Sequence[bytes], scope: HTTPScope) -> None:
        """Take only the names that this listener goes by: a page that rebinds DNS sends its own (D-3.5)."""
        if len(hosts) == 1:
            host = hosts[0].lower()
            name, _, said_port = host.rpartition(b":")
            port = (scope.get("server") or ("", None))[1]
            if name in _LOOPBACK_NAMES and said_port == b"%d" % (port or 0):
                return
            if host in self._hosts:
                return
        raise HostNotAllowed

    def _check_origin(self, request: Incoming, fields: Mapping[bytes, bytes]) -> None:
        """Refuse browsers' cross-origin requests, preflights included, without any CORS header (D-3.6)."""
        if request.scope["method"] == "OPTIONS":
            raise OriginNotAllowed
        if b"origin" in fields:
            if any(line.lower() not in self._origins for line in request.lines(b"origin")):
                raise OriginNotAllowed
        elif b"sec-fetch-site" in fields and _OTHER_SITES.intersection(
            request.lines(b"sec-fetch-site")
        ):
            raise OriginNotAllowed

    def _check_body(self, request: Incoming, fields: Mapping[bytes, bytes]) -> None:
        length = fields.get(b"content-length", b"0")
        # Python refuses to read numbers of thousands of digits, zeros in front included.
        if not length.isdigit() or len(length) > _MAX_LENGTH_DIGITS:
            raise MalformedRequest
        is_chunked = b"transfer-encoding" in fields
        if is_chunked and b"content-length" in fields:  # request smuggling (D-12.3)
            raise MalformedRequest
        brings_files, max_bytes = self._largest_body(request)
        if int(length) > max_bytes:
            raise BodyTooLarge
        _check_encoding(fields)
        has_body = is_chunked or int(length) > 0
        if has_body and not brings_files:
            declared = fields.get(b"content-type", b"")
            if declared != b"application/json" and not _JSON.fullmatch(declared):
                raise UnsupportedMediaType

    def _largest_body(self, request: Incoming) -> tuple[bool, int]:
        """Tell whether the body may be another than JSON, and how large it may be."""
        settings = self._settings
        if self._uploads.fullmatch(request.path):
            return True, settings.upload_max_bytes + FRAME_BYTES
        if is_form(request) and self._forms.fullmatch(request.path):
            return True, max_form_bytes(settings)
        return False, settings.json_max_bytes


def _refusal(error: BaseException, request_id: str) -> Answer:
    """Return the answer that *error* is, whatever it is: a client needs to know whether it may retry."""
    match error:
        case VasyaError():
            return refuse(error, request_id)
        case asyncio.CancelledError():
            # A stop ended it. Its cause, where it has one, tells what became of a change that was under way.
            cause = error.__cause__
            return refuse(cause if isinstance(cause, VasyaError) else ShuttingDown(), request_id)
        case Exception():
            # The cause goes to the log, without any variable; the client gets the id alone.
            _bugs.error("bug in a handler", exc_info=error, extra={"request_id": request_id})
            return refuse_bug(request_id)
    raise error


def _check_encoding(fields: Mapping[bytes, bytes]) -> None:
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType


def _note(request: Incoming, status: int, took_secs: float) -> None:
    """Log the request by its route's template: a path holds names and numbers of people (D-12.1)."""
    fields = {
        "method": request.scope["method"],
        "route": request.route,
        "status": status,
        "ms": round(took_secs * 1000, 1),
        "request_id": request.request_id,
    }
    _log.info("request", extra=fields)


def _request_id(fields: Mapping[bytes, bytes]) -> str:
    """Take the client's request id where it is harmless, else make one."""
    given = fields.get(b"x-request-id")
    if given is not None and _CLIENT_REQUEST_ID.fullmatch(given):
        return given.decode()
    return new_request_id()
