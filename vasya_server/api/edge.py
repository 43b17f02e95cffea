"""What every request passes before anything looks at what it wants: host, origin, sizes, and headers on the way out.

Litestar runs no middleware for unknown paths and wrong methods, so this wraps the whole application.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

from vasya_server.api.problems import refuse
from vasya_server.api.receiving import FRAME_BYTES
from vasya_server.api.refusals import (
    BodyTooLarge,
    HostNotAllowed,
    MalformedRequest,
    OriginNotAllowed,
    Overloaded,
    UnsupportedMediaType,
    UriTooLong,
)
from vasya_server.api.routes import BASE_PATH, OPERATIONS, Operation
from vasya_server.errors import VasyaError
from vasya_server.ids import new_request_id

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

    from vasya_server.settings import Settings

_log: Final = logging.getLogger("vasya.access")
REQUEST_ID: Final = "vasya.request_id"
_MAX_URI_BYTES: Final = 4096
_CLIENT_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_JSON: Final = re.compile(rb"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_OTHER_SITES: Final = {b"cross-site", b"same-site"}
SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Edge:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._origins = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._hosts = frozenset(host.encode() for host in settings.allowed_hosts)
        self._in_flight = 0
        self._uploads = re.compile("|".join(_pattern(o) for o in OPERATIONS if o.takes_file))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a request id; every answer gets the security headers (D-12.2)."""
        if scope["type"] == ScopeType.WEBSOCKET:  # there are none here: the handshake is refused
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here"})
            return
        request_id = _request_id(scope)
        scope["state"][REQUEST_ID] = request_id
        status, started = 0, time.perf_counter()

        async def send_hardened(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], *SECURITY_HEADERS]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._serve(scope, receive, send_hardened)
        finally:
            _note(scope, request_id, status, time.perf_counter() - started)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except VasyaError as error:
            await refuse(error, scope["state"][REQUEST_ID])(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1

    def _check(self, scope: HTTPScope) -> None:
        headers = scope["headers"]
        self._check_host([value for name, value in headers if name == b"host"], scope)
        self._check_origin(scope)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MAX_URI_BYTES:
            raise UriTooLong
        if self._in_flight >= self._settings.max_requests_in_flight:
            raise Overloaded
        is_upload = self._uploads.fullmatch(scope["path"]) is not None
        self._check_body(dict(headers), is_upload=is_upload)

    def _check_host(self, hosts: list[bytes], scope: HTTPScope) -> None:
        """Take only the names that this listener goes by: a page that rebinds DNS sends its own (D-3.5)."""
        port = (scope.get("server") or ("", None))[1]
        if len(hosts) == 1:
            name, _, said_port = hosts[0].lower().rpartition(b":")
            if name in {b"127.0.0.1", b"localhost", b"[::1]"} and said_port == str(port).encode():
                return
            if hosts[0].lower() in self._hosts:
                return
        raise HostNotAllowed

    def _check_origin(self, scope: HTTPScope) -> None:
        """Refuse browsers' cross-origin requests, preflights included, without any CORS header (D-3.6)."""
        if scope["method"] == "OPTIONS":
            raise OriginNotAllowed
        origins = [value.lower() for name, value in scope["headers"] if name == b"origin"]
        if any(origin not in self._origins for origin in origins):
            raise OriginNotAllowed
        for name, value in scope["headers"]:
            if name == b"sec-fetch-site" and value in _OTHER_SITES and not origins:
                raise OriginNotAllowed

    def _check_body(self, headers: dict[bytes, bytes], *, is_upload: bool) -> None:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise MalformedRequest
        is_chunked = b"transfer-encoding" in headers
        if is_chunked and b"content-length" in headers:  # request smuggling (D-12.3)
            raise MalformedRequest
        settings = self._settings
        if int(length) > (
            settings.upload_max_bytes + FRAME_BYTES if is_upload else settings.json_max_bytes
        ):
            raise BodyTooLarge
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedMediaType
        has_body = is_chunked or int(length) > 0
        if has_body and not is_upload and not _JSON.fullmatch(headers.get(b"content-type", b"")):
            raise UnsupportedMediaType


def _note(scope: HTTPScope, request_id: str, status: int, took_secs: float) -> None:
    """Log the request by its route's template: a path holds names and numbers of people (D-12.1)."""
    if _log.isEnabledFor(logging.INFO):
        fields = {
            "method": scope["method"],
            "route": scope.get("path_template", ""),
            "status": status,
            "ms": round(took_secs * 1000, 1),
            "request_id": request_id,
        }
        _log.info("request", extra=fields)


def _pattern(operation: Operation) -> str:
    return BASE_PATH + re.sub(r"{\w+}", "[^/]+", operation.path)


def _request_id(scope: HTTPScope) -> str:
    """Take the client's request id where it is harmless, else make one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _CLIENT_REQUEST_ID.fullmatch(value):
            return value.decode()
    return new_request_id()
