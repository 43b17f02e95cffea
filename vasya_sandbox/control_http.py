"""The HTTP of the control port: one request in, nothing from a browser, refusals as JSON."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 1 << 20


class Refusal(Exception):
    """Answer with an error status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def tail(self) -> str:
        """The last part of the path: the id in a route that ends with `{id}`."""
        return self.path.rpartition("/")[2]

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


# What a route answers: a status, and what becomes its JSON.
Answer = tuple[HTTPStatus, Any]
Routes = dict[str, dict[str, "Callable[[Request], Answer]"]]


async def read(reader: asyncio.StreamReader) -> Request:
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


def refuse_browsers(request: Request) -> None:
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
