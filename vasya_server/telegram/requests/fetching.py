"""A file on its way from Telegram: several pieces are asked for at a time, and only those are in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import TelegramError, TelegramUnavailable
from vasya_server.telegram.files import moved_to

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from vasya_server.telegram.view import AccountView

# Pieces of this size, at multiples of it, never cross a boundary of 1 MiB, which Telegram refuses.
PIECE_BYTES: Final = 512 * 1024
# Asked for beside the one that is being sent: hides Telegram's way there and back, and bounds what a client who does
# not read makes this server hold.
AHEAD: Final = 4
_REFERENCE_REFUSED: Final = "FILE_REFERENCE_"
# A reference lives for hours, and a file stays where it is: what is refused after that will go on being refused.
_SECOND_LOOKS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """Where a file lies.

    Args:
        kind: `photo`, `video`, …, as in the message's media; `thumb` for a small picture of it.
        file_name: As its sender wrote it, unchecked.
        mime_type: As its sender claimed.
        data: A small picture that came with the message.
    """

    location: Any
    dc_id: int
    kind: str
    size_bytes: int
    mime_type: str
    file_name: str | None = None
    data: bytes | None = None

    @property
    def version(self) -> str:
        """Name these bytes and no others: Telegram never changes what an id stands for."""
        named = f"{self.location.id} {self.location.thumb_size} {self.size_bytes}"
        return hashlib.sha256(named.encode()).hexdigest()[:32]


class Fetching:
    """Fetches a file, or a part of it; its reference is renewed where Telegram lets it expire on the way.

    Args:
        renew: Looks again at what names the file.
    """

    def __init__(
        self, account: AccountView, file: RemoteFile, renew: Callable[[], Awaitable[RemoteFile]]
    ) -> None:
        self.file = file
        self._files = account.runtime.files
        self._renew = renew
        self._mending = asyncio.Lock()

    async def begin(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        """Return what yields the bytes from *start* up to *stop*, their first piece fetched already.

        Whatever is wrong is wrong with the first piece, while it can still be said in the answer.

        Raises:
            TelegramError: Telegram does not give it.

        Source: https://core.telegram.org/method/upload.getFile
        """
        pieces = self._pieces(start, stop)
        first = await anext(pieces, b"")
        return _with(first, pieces)

    async def _pieces(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        if self.file.data is not None:
            yield self.file.data[start:stop]
            return
        asked: deque[asyncio.Task[bytes]] = deque()
        offsets = iter(range(start - start % PIECE_BYTES, stop, PIECE_BYTES))
        at = start
        try:
            while at < stop:
                # One until Telegram has given something: most of what it refuses it refuses at once.
                while len(asked) < (1 if at == start else AHEAD):
                    if (offset := next(offsets, None)) is None:
                        break
                    asked.append(asyncio.create_task(self._piece(offset, len(asked) + 1)))
                piece = await asked.popleft()
                skipped = at % PIECE_BYTES
                piece = piece[skipped : skipped + stop - at]
                at += len(piece)
                yield piece
        finally:
            for task in asked:
                task.cancel()
            if asked:
                await asyncio.wait(asked)

    async def _piece(self, offset: int, turn: int) -> bytes:
        """Fetch one piece, which is whole, wherever the file has gone and however often its reference has changed.

        Args:
            turn: How many share the line with it, itself included: a slow one takes its time for each.
        """
        attempts = 0
        while True:
            file = self.file
            try:
                piece = await self._ask(file, offset, turn)
            except TelegramError as error:
                attempts += 1
                if attempts > _SECOND_LOOKS or not await self._has_mended(file, error):
                    raise
            else:
                if len(piece) < min(PIECE_BYTES, file.size_bytes - offset):
                    raise TelegramUnavailable(detail="Telegram has less of this file than it said.")
                return piece

    async def _has_mended(self, refused: RemoteFile, error: TelegramError) -> bool:
        """Find out anew where the file lies, once for all pieces that were refused; False: that is not what is wrong."""
        dc_id = moved_to(error)
        if dc_id is None and not (error.rpc_name or "").startswith(_REFERENCE_REFUSED):
            return False
        async with self._mending:
            if self.file is not refused:
                return True
            if dc_id is not None:
                self.file = replace(refused, dc_id=dc_id)
                return True
            renewed = await self._renew()
            if renewed.version != refused.version:
                raise TelegramUnavailable(detail="The message carries another file by now.")
            self.file = renewed
            return True

    async def _ask(self, file: RemoteFile, offset: int, turn: int) -> bytes:
        request = functions.upload.GetFileRequest(file.location, offset, PIECE_BYTES)
        answer = await self._files.call(request, dc_id=file.dc_id, turn=turn)
        if not isinstance(answer, t.upload.File):
            raise TelegramError(detail="Telegram wants this file to be fetched from elsewhere.")
        return bytes(answer.bytes)


async def _with(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()
