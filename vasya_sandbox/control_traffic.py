"""Traffic at a steady rate, sent by somebody's phone in the background."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from vasya_sandbox.control_http import Answer, Refusal, Request, Routes
from vasya_sandbox.control_people import ids

if TYPE_CHECKING:
    from vasya_sandbox.control_people import Name, People
    from vasya_sandbox.records import Peer, User

MAX_PER_SECOND = 2_000
MAX_MESSAGES = 60_000
MAX_STREAMS = 8
MAX_REMEMBERED = 64
# Between two ticks everything else has its turn.
TICK_SECS, TICK_MESSAGES = 0.005, 50


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A stream of messages to be sent.

    Args:
        sender: Who.
        to: One chat, or several that take turns.
        text: What; every text is followed by a space and its number, from 1 on over all chats.
        per_second: The rate, above 0 and up to 2,000.
        seconds: For how long; or
        count: how many messages, up to 60,000.
    """

    sender: int | str = msgspec.field(name="from")
    to: int | str | Annotated[list[int | str], Meta(min_length=1)]
    text: Annotated[str, Meta(min_length=1)]
    per_second: Annotated[float, Meta(gt=0, le=MAX_PER_SECOND)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_MESSAGES)] | None = None

    def __post_init__(self) -> None:
        """Refuse an order without one end.

        Raises:
            ValueError: With the reason.
        """
        if (self.seconds is None) is (self.count is None):
            raise ValueError("either seconds or count")
        if not 1 <= self.total <= MAX_MESSAGES:
            raise ValueError(f"1 to {MAX_MESSAGES} messages, not {self.total}")

    @property
    def total(self) -> int:
        """How many messages it comes to."""
        return self.count or round(self.per_second * (self.seconds or 0))


class Stream:
    """One order being carried out."""

    def __init__(self, people: People, order: Order, sender: User, peers: list[Peer]) -> None:
        self._people = people
        self._order = order
        self._sender = sender
        self._peers = peers
        self._sent = 0
        self._last_ids = dict.fromkeys((peer.peer_id for peer in peers), 0)
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._secs = 0.0
        self.task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        total = self._order.total
        while self._sent < total:
            self._secs = self._loop.time() - self._started_at
            due = min(total, 1 + int(self._secs * self._order.per_second))
            for _ in range(min(due - self._sent, TICK_MESSAGES)):
                self._send_one()
            await asyncio.sleep(0 if self._sent < due else TICK_SECS)
        self._secs = self._loop.time() - self._started_at

    def _send_one(self) -> None:
        peer = self._peers[self._sent % len(self._peers)]
        self._sent += 1
        sent = self._people.post(self._sender, peer, f"{self._order.text} {self._sent}")
        self._last_ids[peer.peer_id] = ids(sent, self._sender, peer)["id"]

    def show(self) -> dict[str, Any]:
        """Return how far it is; ids are those that the sender knows."""
        turns = len(self._peers)
        return {
            "sent": self._sent,
            "total": self._order.total,
            "isDone": self._sent == self._order.total or self.task.done(),
            "elapsedSecs": round(self._secs, 3),
            "chats": [
                {
                    "chat": peer.peer_id,
                    "sent": (self._sent - index + turns - 1) // turns,
                    "lastId": self._last_ids[peer.peer_id],
                }
                for index, peer in enumerate(self._peers)
            ],
        }


class Traffic:
    """The streams of one data centre."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._streams: dict[str, Stream] = {}
        self._last_id = 0
        self.routes: Routes = {
            "/traffic": {"POST": self._start},
            "/traffic/{id}": {"GET": self._show, "DELETE": self._stop},
        }

    async def stop(self) -> None:
        """Stop every stream."""
        tasks = [stream.task for stream in self._streams.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _start(self, request: Request) -> Answer:
        order = msgspec.json.decode(request.body, type=Order)
        people = self._people
        sender = people.user(order.sender)
        names: list[Name] = order.to if isinstance(order.to, list) else [order.to]
        peers = [people.peer(name) for name in names]
        for peer in peers:
            people.require_writer(sender, peer)
        if len({peer.peer_id for peer in peers}) < len(peers):
            raise Refusal(HTTPStatus.BAD_REQUEST, "a chat is named twice")
        running = [stream for stream in self._streams.values() if not stream.task.done()]
        if len(running) >= MAX_STREAMS:
            raise Refusal(HTTPStatus.CONFLICT, f"{MAX_STREAMS} streams run already")
        self._last_id += 1
        key = str(self._last_id)
        self._streams[key] = Stream(people, order, sender, peers)
        self._forget_old()
        return HTTPStatus.ACCEPTED, {"id": key}

    def _forget_old(self) -> None:
        over = len(self._streams) - MAX_REMEMBERED
        done = [key for key, stream in self._streams.items() if stream.task.done()]
        for key in done[: max(0, over)]:
            del self._streams[key]

    def _show(self, request: Request) -> Answer:
        return HTTPStatus.OK, {"id": request.tail, **self._stream(request).show()}

    def _stop(self, request: Request) -> Answer:
        stream = self._stream(request)
        stream.task.cancel()
        return HTTPStatus.OK, {"id": request.tail, **stream.show(), "isDone": True}

    def _stream(self, request: Request) -> Stream:
        found = self._streams.get(request.tail)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"there is no traffic {request.tail}")
        return found
