"""How a command reaches the gateway: over HTTP where a server runs, else the same API inside this process.

Either way it is one request to one path, so that a command is written once and obeys what every client obeys.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from vasya_server.api.routes import BASE_PATH
from vasya_server.cli import EX_NEEDS_HUMAN, EX_UNREACHABLE
from vasya_server.cli.data_dir import holder, published
from vasya_server.cli.refusals import ApiRefused, Problem
from vasya_server.errors import ConfigurationInvalid, DataDirLocked, VasyaError
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Longer than the longest deadline that the server itself keeps.
_ANSWER_SECS: Final = 90
_IN_PROCESS_HOST: Final = ("127.0.0.1", 1)
T = TypeVar("T")


class ServerUnreachable(VasyaError):
    """A server holds the data dir and does not answer."""

    code = "server_unreachable"
    detail = "The server that holds the data dir does not answer."
    exit_code = EX_UNREACHABLE


class TokenNeeded(VasyaError):
    """JWT mode, where a command has no token but the caller's own."""

    code = "token_needed"
    detail = "This server takes JWTs, and VASYA_TOKEN holds none."
    exit_code = EX_NEEDS_HUMAN


class AnswerUnreadable(VasyaError):
    """The server answered with something else than this program knows."""

    code = "answer_unreadable"
    detail = "The server's answer is not one that this version of vasya-server knows."


class Exchange(Protocol):
    """One request and its answer, over whatever."""

    async def __call__(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Return the status and the body."""


@dataclass(frozen=True, slots=True)
class Api:
    """The gateway's REST API, as a command calls it."""

    exchange: Exchange

    async def get(self, path: str, into: type[T]) -> T:
        """Read *path*."""
        return _read(await self._ask("GET", path, None), into)

    async def post(self, path: str, body: object, into: type[T]) -> T:
        """Send *body* and read the answer."""
        return _read(await self._ask("POST", path, body), into)

    async def patch(self, path: str, body: object, into: type[T]) -> T:
        """Change what *body* names and read how it stands then."""
        return _read(await self._ask("PATCH", path, body), into)

    async def delete(self, path: str, into: type[T]) -> T:
        """Delete what is at *path* and read what became of it; `type(None)` where nothing is said."""
        return _read(await self._ask("DELETE", path, None), into)

    async def _ask(self, method: str, path: str, body: object) -> bytes:
        sent = None if body is None else msgspec.json.encode(body)
        status, answer = await self.exchange(method, BASE_PATH + path, sent)
        if status < http.client.MULTIPLE_CHOICES:
            return answer
        try:
            problem = msgspec.json.decode(answer, type=Problem)
        except msgspec.MsgspecError:
            problem = Problem()
        raise ApiRefused(status, problem)


def _read(answer: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(answer or b"null", type=into)
    except msgspec.MsgspecError as error:
        raise AnswerUnreadable(
            remedy="Use the vasya-server that runs the server, or restart the server with this one."
        ) from error


@contextlib.asynccontextmanager
async def open_api(flags: dict[str, str | None], token: str | None = None) -> AsyncIterator[Api]:
    """Reach the server that holds the data dir, or open the data dir in this process.

    Args:
        token: What to call with; `VASYA_TOKEN` when None, and in embedded mode the server's own where that is not set.

    Raises:
        ConfigurationInvalid: `VASYA_TOKEN` cannot be a token.
        TokenNeeded: It is JWT mode, and there is none.
        DataDirLocked: A command, or a server that has not come up yet, holds it.
        StartupRefused: As for `serve`.
    """
    settings = load(dict(os.environ), flags)
    token = token or os.environ.get("VASYA_TOKEN") or None
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ConfigurationInvalid("VASYA_TOKEN is no token: it holds more than printable ASCII.")
    pid = holder(settings.data_dir)
    if pid is None:
        async with _open_in_process(flags, token if settings.auth_mode == "jwt" else None) as api:
            yield api
        return
    told = published(settings.data_dir)
    if told is None or told.pid != pid:
        raise DataDirLocked(
            f"Another Vasya process (pid {pid}) holds the data dir {settings.data_dir} and takes no requests.",
            remedy="Wait until it is done, or stop it.",
        )
    yield Api(_Remote(told.url, _needed(token or told.token)))


def api_at(url: str, token: str) -> Api:
    """Return the API of the server there."""
    return Api(_Remote(url, token))


def _needed(token: str | None) -> str:
    if token is None:
        raise TokenNeeded(
            remedy="Make one with vasya-server token create --owner …, and put it into VASYA_TOKEN."
        )
    return token


@contextlib.asynccontextmanager
async def _open_in_process(flags: dict[str, str | None], token: str | None) -> AsyncIterator[Api]:
    """Open the data dir, to call it with *token* in JWT mode and as its one owner in embedded mode."""
    from vasya_server.app import create_app
    from vasya_server.auth.embedded import EmbeddedToken
    from vasya_server.cli.serve import prepared
    from vasya_server.clock import SystemClock
    from vasya_server.gateway import open_gateway

    with prepared(flags) as ready:
        is_embedded = ready.settings.auth_mode == "embedded"
        bearer = EmbeddedToken.make() if is_embedded else _needed(token)
        async with open_gateway(
            ready.settings,
            clock=SystemClock(),
            key=ready.key,
            token=EmbeddedToken(bearer) if is_embedded else None,
        ) as gateway:
            yield Api(_InProcess(create_app(gateway, is_command=True), bearer))


@dataclass(frozen=True, slots=True)
class _Remote:
    url: str
    token: str

    async def __call__(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        return await asyncio.to_thread(self._exchange, method, path, body)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=_ANSWER_SECS
        )
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerUnreachable(
                f"The server at {self.url} does not answer.",
                remedy="Look at its log, or stop it and repeat the command.",
            ) from error
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _InProcess:
    app: Any
    token: str

    async def __call__(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        host, port = _IN_PROCESS_HOST
        target, _, query = path.partition("?")
        headers = [
            (b"host", f"{host}:{port}".encode()),
            (b"authorization", f"Bearer {self.token}".encode()),
        ]
        if body is not None:
            headers += [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(target),
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "server": _IN_PROCESS_HOST,
            "client": None,
            "state": {},
        }
        answer = _Answer(body or b"")
        await self.app(scope, answer.receive, answer.send)
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # The application answers what a stop cuts short; a command that is told to stop takes no answer.
            raise asyncio.CancelledError
        return answer.status, bytes(answer.body)


class _Answer:
    """Both ends of one ASGI request."""

    def __init__(self, request_body: bytes) -> None:
        self.status = 0
        self.body = bytearray()
        self._request_body: bytes | None = request_body
        self._is_done = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if (body := self._request_body) is not None:
            self._request_body = None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._is_done.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.body += message.get("body", b"")
        if not message.get("more_body"):
            self._is_done.set()
