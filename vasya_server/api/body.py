"""Read a request body within its size and its time, whatever the client does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vasya_server.api.refusals import BodyTooLarge, MalformedRequest, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar.types import Receive

    from vasya_server.settings import Settings


async def read_all(receive: Receive, settings: Settings) -> bytes:
    """Return the whole body; a pause or a trickle ends it (D-12.4).

    Raises:
        BodyTooLarge: More came than `VASYA_JSON_MAX_BYTES`, announced or not.
        RequestTimeout: It paused or took longer than the settings allow.
        MalformedRequest: The client went away in the middle.
    """
    first = await _next(receive, settings.body_idle_secs)
    body, has_more = first
    if not has_more:
        return _bounded(body, settings)
    chunks = [body]
    size = len(body)
    try:
        async with asyncio.timeout(settings.body_total_secs):
            while has_more:
                chunk, has_more = await _next(receive, settings.body_idle_secs)
                chunks.append(chunk)
                size += len(chunk)
                if size > settings.json_max_bytes:
                    raise BodyTooLarge
    except TimeoutError as error:
        raise RequestTimeout from error
    return b"".join(chunks)


async def read_chunks(
    receive: Receive, *, idle_secs: float, max_bytes: int
) -> AsyncIterator[bytes]:
    """Yield the body as it comes in; a pause ends it, however long it takes in all.

    Raises:
        BodyTooLarge: More came than *max_bytes*, announced or not.
        RequestTimeout: It paused for longer than *idle_secs*.
        MalformedRequest: The client went away in the middle.
    """
    size_bytes, has_more = 0, True
    while has_more:
        chunk, has_more = await _next(receive, idle_secs)
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise BodyTooLarge
        if chunk:
            yield chunk


def _bounded(body: bytes, settings: Settings) -> bytes:
    if len(body) > settings.json_max_bytes:
        raise BodyTooLarge
    return body


async def _next(receive: Receive, idle_secs: float) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(idle_secs):
            message = await receive()
    except TimeoutError as error:
        raise RequestTimeout from error
    if message["type"] != "http.request":
        raise MalformedRequest
    return message["body"], message.get("more_body", False)
