"""The transport: the one way to a socket, and how often it may be taken.

Telethon builds its connections (the first, those after a migration, those of exported and CDN senders) from one class;
whatever address a session, a `dcOption` or Telethon's own default names, it is checked here before a socket exists.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from telethon.network import ConnectionTcpFull, ConnectionTcpMTProxyRandomizedIntermediate
from telethon.network.connection.connection import Connection

from vasya_server.telegram.errors import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.telegram.proxy import MtProxy, Proxy

# Telethon alone has been seen to dial 2,000 times a second; a restart of 500 accounts takes ten seconds at this rate.
_CONNECTS_PER_SEC: Final = 50
_BURST: Final = 10
_FIRST_PAUSE_SECS: Final = 0.5
_LONGEST_PAUSE_SECS: Final = 15.0


class ConnectBucket:
    """How often this process may dial, in all: a token bucket whose takers are served in turn."""

    def __init__(self, per_sec: float = _CONNECTS_PER_SEC, burst: int = _BURST) -> None:
        self._interval_secs = 1 / per_sec
        self._tolerance_secs = burst / per_sec
        self._due_at = 0.0
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait until a connection may be dialled; who gives up waiting has taken nothing."""
        async with self._turn:
            earliest = time.monotonic() - self._tolerance_secs
            self._due_at = max(self._due_at, earliest)
            if (wait_secs := self._due_at + self._interval_secs - time.monotonic()) > 0:
                await asyncio.sleep(wait_secs)
            self._due_at += self._interval_secs


def pause_secs(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return how long to wait before the next dial: none after the first failure, then full jitter.

    A connection that worked and broke is dialled again at once; what fails twice is left alone for ever longer, and at a
    random moment, so that all accounts of a restarted data centre do not come back in lock-step.
    """
    if failures <= 1:
        return 0.0
    ceiling = min(_LONGEST_PAUSE_SECS, _FIRST_PAUSE_SECS * 2.0 ** min(failures - 2, 10))
    return uniform(0, ceiling)


class Rules(Protocol):
    """Who says which address may be dialled, how often, and through what."""

    bucket: ConnectBucket
    proxy: Proxy | None
    mtproxy: MtProxy | None

    def allows(self, host: str, port: int) -> bool:
        """Tell whether this address may be dialled."""


class Guarded(Connection):
    """What every transport does, whatever its codec: ask the rules first."""

    rules: ClassVar[Rules]

    def __init__(self, ip: str, port: int, dc_id: int, **options: Any) -> None:
        if not self.rules.allows(ip, port):
            raise AddressRefused("this data centre's address may not be dialled")
        super().__init__(ip, port, dc_id, **options)
        # When bytes last came in (monotonic): what has been silent since a request was written is taken for dead.
        self.received_at = 0.0

    async def connect(self, timeout: float | None = None, ssl: object = None) -> None:  # noqa: ASYNC109 — Telethon's signature
        """Take a turn, then dial."""
        await self.rules.bucket.take()
        await super().connect(timeout=timeout, ssl=ssl)

    async def _connect(self, timeout: float | None = None, ssl: object = None) -> None:  # noqa: ASYNC109 — Telethon's signature
        if (proxy := self.rules.proxy) is None:
            await super()._connect(timeout=timeout, ssl=ssl)
            return
        async with asyncio.timeout(timeout):
            self._reader, self._writer = await proxy.open(self._ip, self._port)
        self._codec = self.packet_codec(self)
        self._init_conn()
        await self._writer.drain()

    async def disconnect(self) -> None:
        """Close at once: a peer that reads nothing must not delay it, and one that was cancelled leaves no socket."""
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect()
        # A failed write ends the reader without a word, and whoever waits for a packet would wait for ever.
        if self._recv_queue.empty():
            self._recv_queue.put_nowait((None, ConnectionResetError("disconnected")))

    async def _recv(self) -> bytes:
        packet: bytes = await super()._recv()
        self.received_at = time.monotonic()
        return packet


class _MtProxied(Guarded, ConnectionTcpMTProxyRandomizedIntermediate):
    """The transport through an MTProto proxy, which Telethon wants to be told by every caller anew."""

    def __init__(self, ip: str, port: int, dc_id: int, **options: Any) -> None:
        super().__init__(ip, port, dc_id, **{**options, "proxy": self.rules.mtproxy})

    @classmethod
    def address_info(cls, _proxy: object) -> tuple[str, int]:
        """Return where the proxy is."""
        if cls.rules.mtproxy is None:
            raise AddressRefused("there is no MTProto proxy")
        return cls.rules.mtproxy.host, cls.rules.mtproxy.port


class _Direct(Guarded, ConnectionTcpFull):
    """Telegram's TCP transport, directly or through a tunnel."""


def guarded_by(rules: Rules) -> type[Guarded]:
    """Make the transport class of one endpoint; Telethon wants a class, not a factory."""
    base = _MtProxied if rules.mtproxy else _Direct
    return type("VasyaConnection", (base,), {"rules": rules})
