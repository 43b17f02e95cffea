"""One client session on a key: message ids, packing, and what must be sent again.

Source: https://core.telegram.org/mtproto/description
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from vasya_sandbox import dispatch, service
from vasya_sandbox.errors import RpcError
from vasya_sandbox.packing import CONTAINER, GZIP, MESSAGE, split_container, unpack
from vasya_sandbox.transport import BrokenPeer, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vasya_sandbox.authorization import Authorization
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User
    from vasya_sandbox.transport import Wire

# The last two bits of a server's message id.
ANSWER, PUSH = 1, 3

# Message ids are times; a client's clock may be this far off.
MAX_AGE_SECS, MAX_LEAD_SECS = 300, 30

# Telethon gives up on longer containers.
CONTAINER_MESSAGES, CONTAINER_BYTES = 100, 1_000_000
# Telethon acknowledges with its next request or after a minute: room for a busy minute.
UNACKED_MESSAGES, UNACKED_BYTES = 4096, 4 << 20
REMEMBERED_REQUESTS = 2048

_RPC_RESULT = struct.pack("<I", 0xF35C6D01)


@dataclass(slots=True, eq=False)
class Outgoing:
    """A message to the client, kept until it is acknowledged."""

    msg_id: int
    seq: int
    body: bytes
    # The state of the user's box once this has arrived.
    pts: int | None = None
    # The request that it answers.
    request_id: int | None = None
    # The channels it has news of.
    channels: frozenset[int] = frozenset()
    is_resent: bool = False


@dataclass(slots=True)
class Remembered:
    """A request that came in: what became of it, and what was told to wait for it."""

    answer_id: int | None = None
    is_failed: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)


class Session:
    """One client session: message ids, packing, and what must be sent again."""

    def __init__(self, dc: DataCentre, auth: Authorization, session_id: int) -> None:
        self.dc = dc
        self.auth = auth
        self.id = session_id
        self.wire: Wire | None = None
        # Wants pushes. A session that is not logged in sets it to wait for a QR login.
        self.updates = False
        # Was brought up to date since it connected; from then on pushes keep it so.
        self.is_subscribed = False
        # Was told to fetch the difference: what it acknowledges says nothing until it has.
        self.is_behind = False
        self.unacked: dict[int, Outgoing] = {}
        # Dropped something unacknowledged for want of room.
        self.has_forgotten = False
        self.requests: dict[int, Remembered] = {}
        # Only of new sessions: server ids must grow, so a live clock cannot jump.
        self._skew_secs = dc.skew_secs
        self._is_new = True
        self._content_sent = 0
        self._last_id = 0
        self._highest_seen = 0
        self._out: list[Outgoing] = []
        self._out_bytes = 0
        self._unacked_bytes = 0

    @property
    def user(self) -> User:
        """Who is logged in.

        Raises:
            RpcError: Nobody is.
        """
        if self.auth.user is None:
            raise RpcError(401, "AUTH_KEY_UNREGISTERED")
        return self.auth.user

    @property
    def is_connected(self) -> bool:
        """Whether something can reach the client now."""
        return self.wire is not None and self.wire.is_open

    @property
    def now(self) -> float:
        """The time as this session is told it."""
        return self.dc.clock() + self._skew_secs

    # Coming and going

    def answers(self, auth: Authorization, wire: Wire) -> bool:
        """Tell whether this is a session of *auth* that answers on *wire*."""
        return self.auth is auth and self.wire is wire

    def attach(self, wire: Wire) -> None:
        """Answer on *wire* from now on, beginning with what was not acknowledged."""
        if self.wire is not None:
            self.wire.sessions.discard(self)
        self.wire = wire
        wire.sessions.add(self)
        self.resend(list(self.unacked.values()))

    def detach(self) -> None:
        """Note that the client is gone; it may come back to this session or to a new one."""
        self.wire = None
        self.flush()
        for message in self.unacked.values():
            self.auth.missed_channels |= message.channels
        self.unsubscribe()

    def destroy(self) -> None:
        """Forget the session."""
        if self.wire is not None:
            self.wire.sessions.discard(self)
            self.detach()
        del self.auth.sessions[self.id]

    def unsubscribe(self) -> None:
        """Push nothing until the client calls again."""
        self.updates = self.is_subscribed = False

    def change_user(self) -> None:
        """Forget what the key's former user was sent."""
        self.unsubscribe()
        self.is_behind = self.has_forgotten = False
        for message in [*self._out, *self.unacked.values()]:
            message.pts, message.channels = None, frozenset()

    def drop(self) -> None:
        """Break the connection under the client."""
        if self.wire is not None:
            self.wire.abort()

    def known_pts(self, delivered_pts: int) -> int:
        """Return the state of the box that this client has, or is being sent again."""
        if self.has_forgotten:
            return delivered_pts
        sent = [message.pts for message in self.unacked.values() if message.pts is not None]
        return max([delivered_pts, *sent])

    # Outgoing

    def queue(
        self,
        body: bytes,
        *,
        kind: int = PUSH,
        is_content: bool = True,
        pts: int | None = None,
        request_id: int | None = None,
        channels: frozenset[int] = frozenset(),
    ) -> int:
        """Send *body* with the next flush; returns its message id."""
        seq = self._content_sent * 2 + is_content
        self._content_sent += is_content
        msg_id = self._next_id(kind)
        self._out.append(Outgoing(msg_id, seq, body, pts, request_id, channels))
        self._out_bytes += len(body)
        if self._out_bytes > CONTAINER_BYTES:
            self.flush()
        else:
            self.dc.flush_soon(self)
        return msg_id

    def answer(
        self, msg_id: int, body: bytes, *, pts: int | None = None, is_failed: bool = False
    ) -> None:
        """Send the serialised result of the request *msg_id*."""
        remembered = self.requests.get(msg_id) or self._remember(msg_id)
        remembered.is_failed = is_failed
        remembered.answer_id = self.queue(
            _RPC_RESULT + struct.pack("<q", msg_id) + body, kind=ANSWER, pts=pts, request_id=msg_id
        )
        waiting, remembered.waiting = remembered.waiting, []
        for call in waiting:
            call()

    def refuse(self, msg_id: int, error: RpcError) -> None:
        """Answer the request *msg_id* with an error."""
        self.answer(msg_id, bytes(types.RpcError(error.code, error.message)), is_failed=True)

    def resend(self, messages: list[Outgoing]) -> None:
        """Send *messages* once more, under their own ids."""
        again = [message for message in messages if message not in self._out]
        for message in again:
            message.is_resent = True
        self._out[:0] = again
        if again:
            self.dc.flush_soon(self)

    def flush(self) -> None:
        """Send everything queued, in as few packets as the client takes."""
        out, self._out, self._out_bytes = self._out, [], 0
        for message in out:
            if message.seq & 1 and not message.is_resent:
                self._keep(message)
        start = 0
        while start < len(out) and self.is_connected and self.wire:
            end, size_bytes = start, 0
            while end < len(out) and end - start < CONTAINER_MESSAGES:
                size_bytes += len(out[end].body)
                if end > start and size_bytes > CONTAINER_BYTES:
                    break
                end += 1
            self.wire.send(self.auth.seal(self.id, self._pack(out[start:end]), self.dc.clock()))
            start = end

    def _pack(self, messages: list[Outgoing]) -> bytes:
        parts = [MESSAGE.pack(m.msg_id, m.seq, len(m.body)) + m.body for m in messages]
        if len(parts) == 1 and not messages[0].is_resent:
            return parts[0]
        # A message sent again travels in a container, whose fresh id passes the client's age check.
        body = CONTAINER + struct.pack("<i", len(parts)) + b"".join(parts)
        return MESSAGE.pack(self._next_id(PUSH), self._content_sent * 2, len(body)) + body

    def _keep(self, message: Outgoing) -> None:
        """Remember *message* until it is acknowledged, within bounds."""
        self.unacked[message.msg_id] = message
        self._unacked_bytes += len(message.body)
        while len(self.unacked) > UNACKED_MESSAGES or self._unacked_bytes > UNACKED_BYTES:
            oldest = self.unacked.pop(next(iter(self.unacked)))
            self._unacked_bytes -= len(oldest.body)
            self.has_forgotten = True
            # Asked for again, it is handled again.
            self.requests.pop(oldest.request_id or 0, None)

    def _next_id(self, kind: int) -> int:
        self._last_id = max(int(self.now * 2**32) & ~3, (self._last_id & ~3) + 4) | kind
        return self._last_id

    # Incoming

    def accept(self, salt: int, msg_id: int, seq: int, body: bytes) -> None:
        """Take one decrypted message, or tell the client what is wrong with its salt or clock.

        Raises:
            BrokenPeer: The message is malformed.
        """
        if not self.auth.accepts_salt(salt, self.dc.clock()):
            notice = types.BadServerSalt(msg_id, seq, 48, self.auth.salt(self.dc.clock()))
            self.queue(bytes(notice), is_content=False)
            return
        age_secs = self.now - (msg_id >> 32)
        code = 18 if msg_id & 3 else 16 if age_secs > MAX_AGE_SECS else 0
        if code or age_secs < -MAX_LEAD_SECS:
            self.queue(bytes(types.BadMsgNotification(msg_id, seq, code or 17)), is_content=False)
            return
        if self._is_new:
            self._is_new = False
            unique_id = secrets.randbits(63)
            salt = self.auth.salt(self.dc.clock())
            self.queue(bytes(types.NewSessionCreated(msg_id, unique_id, salt)))
        if body[:4] == CONTAINER:
            for inner_id, inner_body in split_container(body):
                self._receive(inner_id, inner_body)
                if not self.is_connected:
                    return
        else:
            self._receive(msg_id, body)

    def _receive(self, msg_id: int, body: bytes) -> None:
        if msg_id in self.requests:
            self._answer_again(self.requests[msg_id])
            return
        self._highest_seen = max(self._highest_seen, msg_id)
        if body[:4] == GZIP:
            body = unpack(body)
        if body[:4] in (CONTAINER, GZIP):
            raise BrokenPeer("a container or a packed message inside another")
        try:
            message = parse(body)
        except BrokenPeer:
            constructor = int.from_bytes(body[:4], "little")
            self.refuse(msg_id, RpcError(400, f"INPUT_METHOD_INVALID_{constructor}_0"))
            return
        serve = service.SERVED.get(type(message))
        if serve is not None:
            serve(self, msg_id, message)
            return
        self._remember(msg_id)
        dispatch.serve(self, msg_id, message)

    def _answer_again(self, remembered: Remembered) -> None:
        """Serve a request that came twice: the first answer, unless it is under way or was received."""
        message = self.unacked.get(remembered.answer_id or 0)
        if message is not None:
            self.resend([message])

    def _remember(self, msg_id: int) -> Remembered:
        if len(self.requests) >= REMEMBERED_REQUESTS:
            del self.requests[next(iter(self.requests))]
        remembered = self.requests[msg_id] = Remembered()
        return remembered

    def acknowledge(self, msg_ids: list[int]) -> None:
        """Forget what has arrived, and remember how far the user's box has."""
        for msg_id in msg_ids:
            message = self.unacked.pop(msg_id, None)
            if message is None:
                continue
            self._unacked_bytes -= len(message.body)
            if message.pts is not None:
                self.dc.delivered(self.auth, message.pts)

    def state_of(self, msg_id: int) -> int:
        """Return what is known of a client's message.

        Source: https://core.telegram.org/mtproto/service_messages_about_messages
        """
        remembered = self.requests.get(msg_id)
        if remembered is not None:
            return 4 | 32 | (64 if remembered.answer_id else 0)
        if msg_id > self._highest_seen:
            return 3
        return 2 if self.requests and msg_id > next(iter(self.requests)) else 1


def progress(updates: Iterable[Any]) -> tuple[int | None, frozenset[int]]:
    """Return how far *updates* move the user's own box, and which channels they move."""
    pts: int | None = None
    channels: set[int] = set()
    for update in updates:
        if (step := getattr(update, "pts", None)) is None:
            continue
        peer = getattr(getattr(update, "message", None), "peer_id", None)
        moved = getattr(update, "channel_id", None) or getattr(peer, "channel_id", None)
        if moved is None:
            pts = max(pts or 0, step)
        else:
            channels.add(moved)
    return pts, frozenset(channels)
