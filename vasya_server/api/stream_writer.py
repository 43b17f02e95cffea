"""Write an answer piece by piece to a client that may be slow, but not stuck."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import Send

    from vasya_server.api.answer import Header

_FAREWELL_SECS: Final = 0.5


class StreamWriter:
    """Writes to the client; one that takes nothing for too long is given up.

    Args:
        stuck_secs: How long is too long.
    """

    def __init__(self, send: Send, stuck_secs: float, media_type: bytes) -> None:
        self._send = send
        self._stuck_secs = stuck_secs
        self._media_type = media_type
        self._has_begun = False

    async def begin(self, common: Sequence[Header], piece: bytes) -> None:
        """Send the headers, with those that all answers have, and the first piece."""
        headers = [
            *common,
            (b"content-type", self._media_type),
            (b"x-accel-buffering", b"no"),
        ]
        await self._send(
            {"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers}
        )
        self._has_begun = True
        await self.write(piece)

    async def write(self, piece: bytes) -> None:
        """Write *piece* once the client has taken enough of what came before.

        Raises:
            TimeoutError: It does not.
        """
        async with asyncio.timeout(self._stuck_secs):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, last: bytes) -> bool:
        """Write the last piece, which says why it ends; return False where the client takes nothing."""
        if not self._has_begun:
            return False
        try:
            async with asyncio.timeout(_FAREWELL_SECS):
                await self._send({"type": "http.response.body", "body": last, "more_body": False})
        except TimeoutError:
            return False
        return True
