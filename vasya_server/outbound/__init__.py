"""HTTP to addresses that callers name: whoever can name one must reach nothing that they could not reach without us (D-10.5).

One connection per request, HTTP/1.1, no redirects, no cookies, no proxy of the environment; nothing is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import httpcore

from vasya_server import __version__
from vasya_server.errors import OutboundFailed, OutboundRefused
from vasya_server.outbound.dialling import Guard, resolved_with
from vasya_server.outbound.urls import OutboundUrl, UrlRules, checked_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from vasya_server.outbound.dialling import Resolve
    from vasya_server.settings import Settings

__all__ = [
    "Outbound",
    "OutboundAnswer",
    "OutboundFailed",
    "OutboundFile",
    "OutboundRefused",
    "OutboundUrl",
    "UrlRules",
    "checked_url",
]

# What h11 would have a server answer, where the fault is in the size of headers.
_HEADERS_TOO_LARGE: Final = 431


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What the other server said, whichever status it has; a redirect is an answer like any other.

    Args:
        headers: By lower-case name; several of one name are joined by commas.
        body: At most as many bytes as were asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class OutboundFile:
    """A file that comes in from another server.

    Args:
        name: The last part of the URL's path; may be empty.
        headers: As of `OutboundAnswer`.
        size_bytes: As the server says; None where it does not.
    """

    name: str
    headers: Mapping[str, str]
    size_bytes: int | None
    chunks: AsyncIterator[bytes]


class Outbound:
    """The one HTTP client to addresses that callers name.

    Args:
        resolve: Answers for names, where the settings' own way is not wanted.
        network: What opens the sockets to addresses that were found good.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        resolve: Resolve | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._rules = UrlRules.of(settings)
        self._resolve = resolve or resolved_with(settings.outbound_hosts)
        self._network = network or httpcore.AnyIOBackend()
        self._ca_pem = settings.outbound_ca_file
        self._tls: ssl.SSLContext | None = None

    def check(self, url: str) -> str:
        """Return *url* in its one spelling; nothing is resolved.

        Raises:
            OutboundRefused: It breaks a rule; the detail says which.
        """
        return str(checked_url(url, self._rules))

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        deadline_secs: float,
        max_answer_bytes: int = 65_536,
    ) -> OutboundAnswer:
        """Send *body* to *url* once.

        Args:
            headers: Beside Host, User-Agent, Connection and Content-Length, which are not the caller's.
            deadline_secs: For everything, from the name's resolution to the answer's last byte.
            max_answer_bytes: What is more of the answer is not read.

        Raises:
            OutboundRefused: The URL breaks a rule, or its host has an address that is not public.
            OutboundFailed: There was no whole answer; the request may have arrived.
        """
        target = checked_url(url, self._rules)
        with _failures():
            async with (
                asyncio.timeout(deadline_secs),
                self._asked("POST", target, headers, body) as response,
            ):
                return OutboundAnswer(
                    status=response.status,
                    headers=_joined(response.headers),
                    body=await _read(response, max_answer_bytes),
                )

    @contextlib.asynccontextmanager
    async def fetch(
        self, url: str, *, idle_secs: float, deadline_secs: float
    ) -> AsyncIterator[OutboundFile]:
        """Ask for the file at *url*, and yield it while it comes in.

        Args:
            idle_secs: How long the server may say nothing.
            deadline_secs: For everything, to the end of the block.

        Raises:
            OutboundRefused: The URL breaks a rule, its host has an address that is not public, or there is no file at it.
            OutboundFailed: There was no whole answer.
        """
        target, headers = checked_url(url, self._rules), {"Accept-Encoding": "identity"}
        with _failures():
            async with (
                asyncio.timeout(deadline_secs),
                self._asked("GET", target, headers, idle_secs=idle_secs) as response,
            ):
                yield _file_in(target, response)

    @contextlib.asynccontextmanager
    async def _asked(
        self,
        method: str,
        url: OutboundUrl,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        idle_secs: float | None = None,
    ) -> AsyncIterator[httpcore.Response]:
        target = httpcore.URL(
            scheme=url.scheme.encode(),
            host=url.host.encode(),
            port=url.port,
            target=url.target.encode(),
        )
        sent: list[tuple[bytes | str, bytes | str]] = [
            ("Host", url.authority),
            ("User-Agent", f"Vasya/{__version__}"),
            ("Connection", "close"),
            *headers.items(),
        ]
        async with (
            Guard(
                self._resolve,
                self._network,
                is_public_allowed=not url.is_loopback_only,
                is_loopback_allowed=self._rules.is_loopback_allowed,
            ) as guard,
            httpcore.AsyncHTTPConnection(
                target.origin, await self._trust(), network_backend=guard
            ) as connection,
            connection.stream(
                *(method, target),
                headers=sent,
                content=body,
                extensions={"timeout": {"connect": idle_secs, "read": idle_secs}},
            ) as response,
        ):
            yield response

    async def _trust(self) -> ssl.SSLContext:
        """Return whose certificates are good; read once, when the first request needs it."""
        if self._tls is None:
            context = await asyncio.to_thread(httpcore.default_ssl_context)
            if self._ca_pem is not None:
                context.load_verify_locations(cadata=self._ca_pem)
            self._tls = context
        return self._tls


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Say what went wrong in our own words."""
    try:
        yield
    except (TimeoutError, httpcore.TimeoutException):
        raise OutboundFailed("timeout") from None
    except (httpcore.ConnectError, ssl.SSLError):
        raise OutboundFailed("tls") from None  # TCP's own failures are the guard's
    except (httpcore.RemoteProtocolError, httpcore.NetworkError) as error:
        hint = getattr(error.__cause__, "error_status_hint", None)
        raise OutboundFailed("too_large" if hint == _HEADERS_TOO_LARGE else "protocol") from None


def _file_in(url: OutboundUrl, response: httpcore.Response) -> OutboundFile:
    """Return the file that an answer holds.

    Raises:
        OutboundRefused: It redirects, or there is no file for whoever has no cookies.
        OutboundFailed: The server has trouble of its own.
    """
    status, headers = response.status, _joined(response.headers)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise OutboundRefused("redirects")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OutboundRefused("no_file")
    if status != HTTPStatus.OK or headers.get("content-encoding", "identity") != "identity":
        raise OutboundFailed("no_file")
    length = headers.get("content-length", "")
    return OutboundFile(
        name=unquote(url.target.partition("?")[0].rpartition("/")[2]),
        headers=headers,
        size_bytes=int(length) if length.isdigit() else None,
        chunks=response.aiter_stream(),
    )


async def _read(response: httpcore.Response, max_bytes: int) -> bytes:
    """Read until there are *max_bytes*; leaving a body unread closes its connection."""
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
