"""A loopback HTTP port to watch the sandbox and to make things happen in it. Everything is JSON."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from vasya_sandbox import fanout
from vasya_sandbox.faults import Fault
from vasya_sandbox.records import Channel, Group, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message, Peer

_log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 1 << 20
# A person types a request by hand in less.
READ_SECS = 30
MAX_MESSAGES = 1000


class Refusal(Exception):
    """Answer with an error status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Send(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody's phone sends *text*."""

    sender: int | str = msgspec.field(name="from")
    to: int | str
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def number(self, name: str, default: int | None = None) -> int:
        """Return a query parameter that must be a whole number.

        Raises:
            Refusal: It is missing or is not one.
        """
        text = self.query.get(name)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number") from error


class Control:
    """The control port of one data centre."""

    def __init__(self, dc: DataCentre) -> None:
        self._dc = dc
        self._server: asyncio.Server | None = None
        self.url = ""
        self._routes: dict[str, dict[str, Callable[[Request], tuple[HTTPStatus, Any]]]] = {
            "/state": {"GET": self._state},
            "/faults": {"POST": self._add_fault, "DELETE": self._clear_faults},
            "/send": {"POST": self._send},
            "/drop": {"POST": self._drop},
            "/messages": {"GET": self._messages},
            "/requests": {"GET": self._requests},
            "/reset-counters": {"POST": self._reset_counters},
        }

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any free one.

        Raises:
            ValueError: *host* is not a loopback address.
            OSError: The port is taken.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not a loopback address")
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_HEAD_BYTES)
        bound = self._server.sockets[0].getsockname()
        self.url = f"http://[{host}]:{bound[1]}" if ":" in host else f"http://{host}:{bound[1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    # HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECS):
                status, answer = await self._answer(reader)
                body = b"" if status is HTTPStatus.NO_CONTENT else msgspec.json.encode(answer)
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            _log.info("a control connection went away: %r", error)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, Any]:
        try:
            request = await _read(reader)
            _refuse_browsers(request)
            methods = self._routes.get(request.path)
            if methods is None:
                raise Refusal(HTTPStatus.NOT_FOUND, f"there is no {request.path}")
            if request.method not in methods:
                known = ", ".join(methods)
                raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.path} takes {known}")
            return methods[request.method](request)
        except Refusal as refusal:
            return refusal.status, {"error": str(refusal)}
        except (msgspec.MsgspecError, ValueError) as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}

    # Routes

    def _state(self, _request: Request) -> tuple[HTTPStatus, Any]:
        dc = self._dc
        return HTTPStatus.OK, {
            "requests": dict(dc.requests),
            "unknown": dict(dc.unserved),
            "handlerErrors": dict(dc.handler_errors),
            "connections": dc.connections,
            "sessions": dc.live_sessions,
        }

    def _add_fault(self, request: Request) -> tuple[HTTPStatus, Any]:
        fault = msgspec.json.decode(request.body, type=Fault)
        self._dc.faults.add(fault)
        return HTTPStatus.CREATED, fault

    def _clear_faults(self, _request: Request) -> tuple[HTTPStatus, Any]:
        self._dc.faults.clear()
        return HTTPStatus.NO_CONTENT, None

    def _send(self, request: Request) -> tuple[HTTPStatus, Any]:
        send = msgspec.json.decode(request.body, type=Send)
        if not send.text:
            raise Refusal(HTTPStatus.BAD_REQUEST, "text must not be empty")
        sender, peer = self._user(send.sender), self._peer(send.to)
        if isinstance(peer, Group | Channel):
            member = peer.members.get(sender.id)
            if member is None or not member.is_inside:
                raise Refusal(HTTPStatus.BAD_REQUEST, f"{send.sender} is not in {peer.title}")
            if isinstance(peer, Channel) and peer.is_broadcast and not member.is_admin:
                raise Refusal(HTTPStatus.BAD_REQUEST, f"only admins post in {peer.title}")
        posted = self._dc.world.post(sender, peer, send.text)
        fanout.publish(self._dc, posted.notices)
        self._dc.changed()
        copies = posted.message.copies
        box_owner = peer.peer_id if isinstance(peer, Channel) else sender.id
        return HTTPStatus.CREATED, {
            "id": copies[box_owner],
            "ids": {str(owner): message_id for owner, message_id in copies.items()},
        }

    def _drop(self, _request: Request) -> tuple[HTTPStatus, Any]:
        return HTTPStatus.OK, {"dropped": self._dc.drop_connections()}

    def _messages(self, request: Request) -> tuple[HTTPStatus, Any]:
        viewer = self._user(request.query.get("user", ""))
        peer = self._peer(request.query.get("chat", ""))
        limit = request.number("limit", 20)
        if not 1 <= limit <= MAX_MESSAGES:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {MAX_MESSAGES}")
        world = self._dc.world
        newest = world.ids(viewer, peer)[-limit:][::-1]
        found = [(message_id, world.message(viewer, peer, message_id)) for message_id in newest]
        shown = [_show(viewer, message_id, message) for message_id, message in found if message]
        return HTTPStatus.OK, {"messages": shown}

    def _requests(self, request: Request) -> tuple[HTTPStatus, Any]:
        since = request.number("since", 0)
        return HTTPStatus.OK, [
            {"n": noted.n, "method": noted.method, "userId": noted.user_id, "at": noted.at}
            for noted in self._dc.requests_since(since)
        ]

    def _reset_counters(self, _request: Request) -> tuple[HTTPStatus, Any]:
        self._dc.reset_counters()
        return HTTPStatus.NO_CONTENT, None

    def _peer(self, name: int | str) -> Peer:
        """Find a chat by its marked id or its username."""
        world = self._dc.world
        text = str(name)
        is_number = text.removeprefix("-").isdecimal()
        found = world.peer(int(text)) if is_number else world.by_username(text)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"there is no chat {text!r}")
        return found

    def _user(self, name: int | str) -> User:
        found = self._peer(name)
        if not isinstance(found, User):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name!r} is not a user")
        return found


def _show(viewer: User, message_id: int, message: Message) -> dict[str, Any]:
    """Return what a witness needs to know of a message."""
    return {
        "id": message_id,
        "from": message.sender,
        "isOutgoing": message.author_id == viewer.id,
        "text": message.text,
        "at": message.at,
        "editedAt": message.edited_at or None,
        "media": None if message.media is None else type(message.media).__name__,
    }


async def _read(reader: asyncio.StreamReader) -> Request:
    """Read one request.

    Raises:
        Refusal: It is not HTTP, or too large.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long a head") from error
    first, *lines = head.split("\r\n")[:-2]
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise Refusal(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request")
    pairs = [line.partition(":") for line in lines]
    names = Counter(name.lower() for name, _, _ in pairs)
    if names["host"] > 1 or names["content-length"] > 1 or names["transfer-encoding"]:
        raise Refusal(HTTPStatus.BAD_REQUEST, "an ambiguous request")
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise Refusal(HTTPStatus.BAD_REQUEST, "a wrong Content-Length")
    if int(length) > MAX_BODY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large a body")
    body = await reader.readexactly(int(length))
    target = urlsplit(words[1])
    query = {name: values[-1] for name, values in parse_qs(target.query).items()}
    return Request(words[0], target.path, query, headers, body)


def _refuse_browsers(request: Request) -> None:
    """Refuse requests that a web page caused.

    A page that rebinds its name to 127.0.0.1 sends that name as Host; a page that posts a form to
    the port sends its Origin.
    """
    host, _, port = request.headers.get("host", "").rpartition(":")
    try:
        is_loopback = ipaddress.ip_address(host.strip("[]")).is_loopback and port.isdecimal()
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Refusal(HTTPStatus.FORBIDDEN, "Host must be a loopback address and a port")
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        raise Refusal(HTTPStatus.FORBIDDEN, "not from a browser")
