"""A loopback HTTP port to watch the sandbox and to make things happen in it. Everything is JSON.

Its routes are described in docs/sandbox.md.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from vasya_sandbox import scheduling
from vasya_sandbox.behaviour import Behaviour
from vasya_sandbox.control_http import (
    MAX_HEAD_BYTES,
    Answer,
    Refusal,
    Request,
    Routes,
    read,
    refuse_browsers,
)
from vasya_sandbox.control_people import People
from vasya_sandbox.control_traffic import Traffic
from vasya_sandbox.faults import Fault
from vasya_sandbox.records import Group

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message, Peer, User

_log = logging.getLogger(__name__)

# A person types a request by hand in less.
READ_SECS = 30
MAX_MESSAGES = 100_000


class Forget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server forgets the past of a user's box or a channel's; null is everybody's."""

    box: int | str | None


class Due(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time of what a user has scheduled has come, in one chat or everywhere."""

    user: int | str
    chat: int | str | None = None


class Control:
    """The control port of one data centre."""

    def __init__(self, dc: DataCentre) -> None:
        self._dc = dc
        self._server: asyncio.Server | None = None
        self.url = ""
        self._people = People(dc)
        self._traffic = Traffic(self._people)
        self._routes: Routes = {
            "/state": {"GET": self._state},
            "/faults": {"POST": self._add_fault, "DELETE": self._clear_faults},
            "/behaviour": {"GET": self._behaviour, "POST": self._behave},
            "/forget": {"POST": self._forget},
            "/drop": {"POST": self._drop},
            "/due": {"POST": self._due},
            "/messages": {"GET": self._messages},
            "/requests": {"GET": self._requests},
            "/reset-counters": {"POST": self._reset_counters},
            **self._people.routes,
            **self._traffic.routes,
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
        """Stop listening, and all traffic."""
        await self._traffic.stop()
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

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            request = await read(reader)
            refuse_browsers(request)
            parent = request.path.rpartition("/")[0]
            methods = self._routes.get(request.path) or self._routes.get(f"{parent}/{{id}}")
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

    def _state(self, _request: Request) -> Answer:
        dc = self._dc
        return HTTPStatus.OK, {
            "requests": dict(dc.requests),
            "unknown": dict(dc.unserved),
            "handlerErrors": dict(dc.handler_errors),
            "connections": dc.connections,
            "sessions": dc.live_sessions,
        }

    def _add_fault(self, request: Request) -> Answer:
        fault = msgspec.json.decode(request.body, type=Fault)
        self._dc.faults.add(fault)
        return HTTPStatus.CREATED, fault

    def _clear_faults(self, _request: Request) -> Answer:
        self._dc.faults.clear()
        return HTTPStatus.NO_CONTENT, None

    def _behaviour(self, _request: Request) -> Answer:
        return HTTPStatus.OK, self._dc.behaviour

    def _behave(self, request: Request) -> Answer:
        self._dc.behaviour = msgspec.json.decode(request.body, type=Behaviour)
        return HTTPStatus.OK, self._dc.behaviour

    def _forget(self, request: Request) -> Answer:
        forget = msgspec.json.decode(request.body, type=Forget)
        world = self._dc.world
        owners: list[Peer] = [*world.users.values(), *world.channels.values()]
        if forget.box is not None:
            owners = [self._people.peer(forget.box)]
        boxes = [owner.box for owner in owners if not isinstance(owner, Group)]
        if not boxes:
            raise Refusal(HTTPStatus.BAD_REQUEST, "a basic group has no box of its own")
        for box in boxes:
            box.forget()
        self._dc.changed()
        return HTTPStatus.OK, {"pts": {str(box.owner): box.pts for box in boxes}}

    def _drop(self, _request: Request) -> Answer:
        return HTTPStatus.OK, {"dropped": self._dc.drop_connections()}

    def _due(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Due)
        user = self._people.user(act.user)
        box = scheduling.outbox(self._dc.world, user)
        due = list(box.waiting.values())
        if act.chat is not None:
            due = box.within(self._people.peer(act.chat).peer_id)
        sent = scheduling.send_due(self._dc, user, due)
        return HTTPStatus.OK, {"sent": {str(was): now for was, now in sent.items()}}

    def _messages(self, request: Request) -> Answer:
        viewer = self._people.user(request.query.get("user", ""))
        peer = self._people.peer(request.query.get("chat", ""))
        limit = request.number("limit", 20)
        if not 1 <= limit <= MAX_MESSAGES:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {MAX_MESSAGES}")
        world = self._dc.world
        newest = world.ids(viewer, peer)[-limit:][::-1]
        found = [(message_id, world.message(viewer, peer, message_id)) for message_id in newest]
        shown = [_show(viewer, message_id, message) for message_id, message in found if message]
        return HTTPStatus.OK, {"messages": shown}

    def _requests(self, request: Request) -> Answer:
        since = request.number("since", 0)
        return HTTPStatus.OK, [
            {"n": noted.n, "method": noted.method, "userId": noted.user_id, "at": noted.at}
            for noted in self._dc.requests_since(since)
        ]

    def _reset_counters(self, _request: Request) -> Answer:
        self._dc.reset_counters()
        return HTTPStatus.NO_CONTENT, None


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
