"""The one place that dials addresses of strangers: it resolves, looks at every address, and connects to what it has seen.

What is connected to is an address and not the name, so that nobody can answer once for the check and otherwise for the
connection (DNS rebinding); TLS above it is still checked for the name (D-10.5).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import httpcore

from vasya_server.errors import OutboundFailed, OutboundRefused
from vasya_server.outbound.addresses import is_loopback, is_public

if TYPE_CHECKING:
    from vasya_server.outbound.addresses import Address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Iterable[str]]]

# A name with a thousand addresses must not make this server knock at a thousand doors.
_MAX_DIALS: Final = 3
_DIAL_SECS: Final = 5.0


async def resolved(host: str, port: int) -> list[str]:
    """Ask the system for every address of *host*; one with a scope says so after a `%`.

    Raises:
        OutboundFailed: The name does not resolve.
    """
    loop = asyncio.get_running_loop()
    try:
        rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed("dns") from None
    return [_address_text(*row[4]) for row in rows]


def _address_text(address: str | int, _port: object, _flow: int = 0, scope: int = 0) -> str:
    text = str(address)
    return f"{text}%{scope}" if scope and "%" not in text else text


def resolved_with(names: Iterable[tuple[str, str]]) -> Resolve:
    """Make a resolver that has its own answers for some names, and the system's for all others."""
    answers: dict[str, list[str]] = {}
    for name, address in names:
        answers.setdefault(name, []).append(address)

    async def resolve(host: str, port: int) -> Iterable[str]:
        return answers[host] if host in answers else await resolved(host, port)

    return resolve


@dataclass
class Guard(httpcore.AsyncNetworkBackend):
    """Connects to a host where all of its addresses may be dialled, and nowhere where one may not; for one attempt.

    A context: at its end what was connected is closed. httpcore leaves that open where a deadline falls into a handshake,
    and so a silent server could take one descriptor after the other.

    Args:
        network: What opens the sockets; it is given addresses alone.
        is_public_allowed: False where the URL is one that loopback alone may have.
    """

    resolve: Resolve
    network: httpcore.AsyncNetworkBackend
    is_public_allowed: bool
    is_loopback_allowed: bool
    _stream: httpcore.AsyncNetworkStream | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        if self._stream is not None:
            await self._stream.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — httpcore's signature; the caller's deadline is over all
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve *host* once, and connect to the first of its addresses that takes the connection.

        Raises:
            OutboundRefused: One of its addresses may not be dialled.
            OutboundFailed: It has none, or none could be connected to.
        """
        failure: OutboundFailed | None = None
        for address in (await self._vetted(host, port))[:_MAX_DIALS]:
            try:
                self._stream = await self.network.connect_tcp(
                    str(address), port, timeout or _DIAL_SECS, local_address, socket_options
                )
                return self._stream
            except httpcore.ConnectTimeout:
                failure = OutboundFailed("timeout")
            except httpcore.ConnectError:
                failure = OutboundFailed("connect")
        raise failure or OutboundFailed("dns")

    async def _vetted(self, host: str, port: int) -> list[Address]:
        texts = dict.fromkeys(await self.resolve(host, port))
        addresses = [ipaddress.ip_address(text) for text in texts]
        if not all(map(self._may_dial, addresses)):
            raise OutboundRefused("private_address")
        return addresses

    def _may_dial(self, address: Address) -> bool:
        if is_loopback(address):
            return self.is_loopback_allowed
        return self.is_public_allowed and is_public(address)
