"""The data centre: its keys, its connections, and who is told of what."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs
from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl import types

from vasya_sandbox import handlers, scheduling, update_forms, views
from vasya_sandbox.authorization import Authorization, mint_key
from vasya_sandbox.behaviour import Behaviour
from vasya_sandbox.faults import FaultPlan, method_name
from vasya_sandbox.handshake import RsaKey, serve_plain
from vasya_sandbox.records import CHANNEL_MARK
from vasya_sandbox.session import Session, progress
from vasya_sandbox.transport import UNKNOWN_AUTH_KEY, BrokenPeer, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vasya_sandbox.dispatch import SendKey
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User
    from vasya_sandbox.state import KeyRecord

_log = logging.getLogger(__name__)

# Thousands of clients of a load test connect at once.
BACKLOG = 1024
# A client that comes back uses its last session or a new one; older ones are never heard of again.
DETACHED_SESSIONS = 4
REQUEST_LOG_ENTRIES = 10_000


class NotedRequest(NamedTuple):
    """One entry of the request log; *at* is seconds since 1970."""

    n: int
    method: str
    user_id: int | None
    at: float


class DataCentre:
    """A Telegram data centre on loopback.

    Args:
        world: What it serves.
        clock: Seconds since 1970.
        on_change: Called when something worth keeping may have changed.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Callable[[], float] = time.time,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        handlers.load()
        self.world = world
        if world.private_key:
            self.rsa_key = RsaKey.load(world.private_key)
        else:
            self.rsa_key = RsaKey.generate()
            world.private_key = self.rsa_key.private_pem
        self.clock = clock
        self.dc_id: int = world.dc_id
        self.address = ("127.0.0.1", 0)
        # How wrong the clock is that new sessions and new keys are told.
        self.skew_secs = 0.0
        self.keys: dict[int, Authorization] = {}
        self.faults = FaultPlan()
        self.behaviour = Behaviour()
        # What a delayed request is still sending; a repeat of it is a duplicate.
        self.in_flight: set[SendKey] = set()
        # A test of a client fails when one of these is not empty.
        self.unserved: Counter[str] = Counter()
        self.handler_errors: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.broken_peers = 0
        self._on_change = on_change or (lambda: None)
        self._request_log: deque[NotedRequest] = deque(maxlen=REQUEST_LOG_ENTRIES)
        self._request_count = 0
        # In the order of login, which is what getAuthorizations shows.
        self._by_user: dict[int, dict[Authorization, None]] = {}
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._is_deserted = asyncio.Event()
        self._is_deserted.set()
        self._dirty: set[Session] = set()
        self._flush_is_due = False
        self._timers: set[asyncio.TimerHandle] = set()

    # Starting and stopping

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any free one.

        Raises:
            ValueError: *host* is not a loopback address.
            OSError: The port is taken.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not a loopback address")
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Wire(self), host, port, backlog=BACKLOG)
        self.address = self._server.sockets[0].getsockname()[:2]
        scheduling.arm(self)

    async def stop(self) -> None:
        """Hang up on everyone and stop listening; `start` works again, with the same keys."""
        if self._server is None:
            return
        self._server.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.in_flight.clear()
        self.drop_connections()
        await self._is_deserted.wait()
        await self._server.wait_closed()
        self._server = None

    def drop_connections(self) -> int:
        """Break every connection; returns how many there were."""
        for wire in self._wires:
            wire.abort()
        return len(self._wires)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._wires)

    @property
    def live_sessions(self) -> int:
        """How many sessions are connected."""
        return sum(len(wire.sessions) for wire in self._wires)

    # What wires call

    def wire_opened(self, wire: Wire) -> None:
        """Learn of a new connection."""
        self._wires.add(wire)
        self._is_deserted.clear()

    def wire_lost(self, wire: Wire) -> None:
        """Keep what the sessions of a lost connection did not acknowledge."""
        self._wires.discard(wire)
        if not self._wires:
            self._is_deserted.set()
        for session in tuple(wire.sessions):
            session.detach()

    def log_broken_peer(self, error: BrokenPeer) -> None:
        """Say why a connection is dropped."""
        self.broken_peers += 1
        _log.warning("dropped a connection: %s", error)

    def packet(self, wire: Wire, packet: bytes) -> None:
        """Serve one packet.

        Raises:
            BrokenPeer: To drop the connection.
        """
        self._flush_is_due = True
        key_id = int.from_bytes(packet[:8], "little")
        if not key_id:
            now = self.clock() + self.skew_secs
            wire.handshake, key, answer = serve_plain(self.rsa_key, wire.handshake, packet, now)
            if key is not None:
                self.add_key(key)
            if answer is not None:
                wire.send(answer)
            return
        auth = self.keys.get(key_id)
        if auth is None:
            wire.refuse(UNKNOWN_AUTH_KEY)
            return
        salt, session_id, msg_id, seq, body = auth.open(packet)
        session = wire.session
        if session is None or session.id != session_id or not session.answers(auth, wire):
            session = self._attach(wire, auth, session_id)
        session.accept(salt, msg_id, seq, body)

    def flush(self) -> None:
        """Send what was queued since the last time."""
        self._flush_is_due = False
        dirty, self._dirty = self._dirty, set()
        for session in dirty:
            session.flush()

    def flush_soon(self, session: Session) -> None:
        """Send what *session* has queued at the end of this wake-up."""
        self._dirty.add(session)
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _attach(self, wire: Wire, auth: Authorization, session_id: int) -> Session:
        session = auth.sessions.get(session_id)
        if session is None:
            detached = [other for other in auth.sessions.values() if other.wire is None]
            for other in detached[: -DETACHED_SESSIONS + 1]:
                other.destroy()
            session = auth.sessions[session_id] = Session(self, auth, session_id)
        session.attach(wire)
        wire.session = session
        return session

    # Keys

    def add_key(self, key: AuthKey) -> Authorization:
        """Accept *key* from now on, with nobody logged in."""
        auth = Authorization(key, created_at=int(self.clock()), on_user=self._index)
        self.keys[key.key_id] = auth
        self.changed()
        return auth

    def key_records(self) -> list[KeyRecord]:
        """Return what a restart has to bring back of every key."""
        return [auth.record() for auth in self.keys.values()]

    def restore_keys(self, records: Iterable[KeyRecord]) -> None:
        """Accept the keys that `key_records` returned, with whoever was logged in."""
        for record in records:
            user = None if record.user_id is None else self.world.user(record.user_id)
            self.add_key(AuthKey(record.key)).restore(record, user)

    def lose_key(self, auth: Authorization) -> None:
        """Forget a key as if it had never been exchanged."""
        self.keys.pop(auth.key.key_id, None)
        auth.user = None
        for session in auth.sessions.values():
            if session.wire is not None:
                session.wire.refuse(UNKNOWN_AUTH_KEY)
        self.changed()

    def mint(self, user: User, *, is_stable: bool = False) -> str:
        """Return a Telethon session string on which *user* is logged in: no handshake, no code.

        Args:
            user: Who is logged in.
            is_stable: Give the same key every time, over restarts too, until it is logged out.
        """
        key = mint_key(user.id, self.world.secret if is_stable else None)
        auth = self.keys.get(key.key_id)
        if auth is None:
            auth = self.add_key(key)
            auth.user = user
        elif auth.user is not user:
            return self.mint(user)
        session = StringSession()
        session.set_dc(self.dc_id, *self.address)
        session.auth_key = auth.key
        return str(session.save())

    def authorizations_of(self, user: User) -> list[Authorization]:
        """Return the keys on which *user* is logged in, the oldest login first."""
        return list(self._by_user.get(user.id, ()))

    def log_out(self, auth: Authorization) -> None:
        """Forget who is logged in on a key; the key itself stays."""
        auth.user = auth.pending = None

    def _index(self, auth: Authorization, before: User | None) -> None:
        if before is not None:
            self._by_user[before.id].pop(auth, None)
        if auth.user is not None:
            self._by_user.setdefault(auth.user.id, {})[auth] = None

    # Pushes

    def push(
        self,
        user: User,
        updates: Sequence[Any],
        *,
        users: Iterable[Any] = (),
        chats: Iterable[Any] = (),
        skip: Session | None = None,
    ) -> None:
        """Tell every session of *user* of *updates*, built for that user.

        Args:
            updates: TL updates, in the order of their pts.
            users: The users they mention.
            chats: The groups and channels they mention.
            skip: The session whose own answer carries them.
        """
        pts, channels = progress(updates)
        short_for = user.id if self.behaviour.short_updates else 0
        body = update_forms.packed(updates, users, chats, self.clock(), short_for=short_for)
        for auth in self._by_user.get(user.id, ()):
            is_told = skip is not None and skip.auth is auth
            for session in auth.sessions.values():
                if session.updates and session is not skip:
                    is_told = True
                    if self._loses_push():
                        continue
                    arrived = None if session.is_behind else pts
                    session.queue(body, pts=arrived, channels=channels)
            if not is_told:
                auth.missed_channels |= channels
        self.changed()

    def _loses_push(self) -> bool:
        if left := self.behaviour.lose_pushes:
            self.behaviour = structs.replace(self.behaviour, lose_pushes=left - 1)
        return left > 0

    def push_authorization(self, auth: Authorization, updates: Any) -> None:
        """Tell every session of one key that wants to hear, logged in or not."""
        body = bytes(updates)
        for session in auth.sessions.values():
            if session.updates:
                session.queue(body)

    def resume(self, session: Session) -> None:
        """Bring a session that just called up to date, and push to it from now on.

        Clients do not ask for what they missed while they were away: they rely on this.
        """
        auth, user = session.auth, session.user
        session.updates = session.is_subscribed = True
        if auth.delivered_pts is None:
            auth.delivered_pts = user.box.pts
        since = session.known_pts(auth.delivered_pts)
        session.has_forgotten = False
        updates: list[Any] = []
        users: list[Any] = []
        chats: list[Any] = []
        if since < user.box.pts:
            missed = views.resume_updates(self.world, user, since)
            if missed is None:
                session.is_behind = True
                session.queue(bytes(types.UpdatesTooLong()))
            else:
                updates, users, chats = (list(part) for part in missed)
        channels, auth.missed_channels = frozenset(auth.missed_channels), set()
        if channels:
            updates += [types.UpdateChannelTooLong(channel_id) for channel_id in sorted(channels)]
            marked = [-CHANNEL_MARK - channel_id for channel_id in channels]
            chats += views.entities(self.world, user, marked)["chats"]
        if updates:
            pts = None if session.is_behind else user.box.pts
            body = update_forms.packed(updates, users, chats, self.clock())
            session.queue(body, pts=pts, channels=channels)

    def delivered(self, auth: Authorization, pts: int) -> None:
        """Note that a client has everything up to *pts*."""
        if auth.delivered_pts is not None and pts > auth.delivered_pts:
            auth.delivered_pts = pts
            self.changed()

    # Bookkeeping

    def note_request(self, auth: Authorization, request_type: type) -> None:
        """Count a request and log it."""
        method = method_name(request_type)
        now = self.clock()
        auth.active_at = int(now)
        self._request_count += 1
        self.requests[method] += 1
        user_id = auth.user.id if auth.user else None
        self._request_log.append(NotedRequest(self._request_count, method, user_id, now))

    def requests_since(self, n: int = 0) -> list[NotedRequest]:
        """Return the logged requests numbered above *n*, the oldest first."""
        return [noted for noted in self._request_log if noted.n > n]

    def reset_counters(self) -> None:
        """Count anew; the request log and its numbers go on."""
        self.unserved.clear()
        self.handler_errors.clear()
        self.requests.clear()

    def changed(self) -> None:
        """Say that something worth keeping may have changed."""
        self._on_change()

    def call_later(self, secs: float, act: Callable[[], None]) -> None:
        """Run *act* after *secs*, unless stopped before."""

        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(secs, run)
        self._timers.add(timer)
