"""Send a file piece by piece, under headers that keep a browser from doing anything with it but saving it (D-10.8)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vasya_server.api.answer import cut_off
from vasya_server.api.file_names import UNKNOWN_TYPE, attachment, clean_file_name
from vasya_server.api.ranges import entity_tag, is_known, wanted_part
from vasya_server.errors import VasyaError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from litestar.types import Send

    from vasya_server.api.answer import Header
    from vasya_server.api.incoming import Incoming
    from vasya_server.api.ranges import Part
    from vasya_server.auth.known_keys import Watch
    from vasya_server.limits.downloads import Leave
    from vasya_server.operations.egress import Egress
    from vasya_server.telegram.requests.downloads import Download

_log: Final = logging.getLogger("vasya.api")

# What nothing can be run from, with the ending of a file that has no name: no HTML, SVG, XML or script, whatever its
# sender calls it.
_ENDINGS: Final = {
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}


@dataclass(frozen=True, slots=True)
class Sending:
    """The bytes of an answer.

    Args:
        pieces: Yields exactly as many bytes as are told of, or fails.
        leave: Is told what was handed out.
    """

    pieces: AsyncGenerator[bytes]
    leave: Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswer:
    """A download on its way; it is sent piece by piece.

    Args:
        part: What is sent of it; None: the whole.
        sending: None: nothing but the head is wanted.
        is_known: The client has it already.
        idle_secs: How long the client may take over one piece.
        watch: Tells when the agent key that asked may not have it any longer; None: no key asked.
    """

    download: Download
    part: Part | None = None
    sending: Sending | None = None
    is_known: bool = False
    idle_secs: float
    watch: Watch | None = None

    @property
    def status(self) -> int:
        """Return the status that it begins with."""
        if self.is_known:
            return HTTPStatus.NOT_MODIFIED
        return HTTPStatus.OK if self.part is None else HTTPStatus.PARTIAL_CONTENT

    async def send(self, request: Incoming, common: Sequence[Header], send: Send) -> None:
        """Send it, with the headers that all answers have; where it breaks off, so does the connection, short of the length that was announced."""
        if self.sending is None:
            await self._begin(common, send)
            await _end(send)
            return
        leaving = asyncio.create_task(request.left())
        ending = {asyncio.create_task(self.watch.over())} if self.watch else set()
        sending = asyncio.create_task(self._send_all(request, common, send, leaving, self.sending))
        try:
            await asyncio.wait({sending, *ending}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                _log.warning("a download broke off (the key that asked may not have it any longer)")
        finally:
            self.sending.leave.end()
            for task in (leaving, sending, *ending):
                task.cancel()
            await asyncio.wait({leaving, sending, *ending})
        if not sending.cancelled():
            sending.result()

    async def _send_all(
        self,
        request: Incoming,
        common: Sequence[Header],
        send: Send,
        leaving: asyncio.Task[None],
        sending: Sending,
    ) -> None:
        try:
            async with contextlib.aclosing(sending.pieces):
                await self._begin(common, send)
                async for piece in sending.pieces:
                    if leaving.done():
                        return  # nobody is there any more: Telegram is asked for nothing further
                    sending.leave.sent_bytes += len(piece)
                    async with asyncio.timeout(self.idle_secs):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                await _end(send)
        except VasyaError as error:
            _log.warning("a download broke off (%s)", error.code)
        except TimeoutError:
            _log.warning("a download broke off (client_too_slow)")
            cut_off(request)

    async def _begin(self, common: Sequence[Header], send: Send) -> None:
        headers = [(b"etag", entity_tag(self.download.version)), *common]
        if not self.is_known:
            headers = [*self._headers(), *headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        claimed = self.download.mime_type.partition(";")[0].strip().lower()
        ending = _ENDINGS.get(claimed)
        number = "" if self.download.message_id is None else f"-{self.download.message_id}"
        unnamed = f"{self.download.kind}{number}{ending or ''}"
        name = clean_file_name(self.download.file_name or unnamed)
        size_bytes = self.download.size_bytes if self.part is None else self.part.length
        headers = [
            (b"content-type", (claimed if ending else UNKNOWN_TYPE).encode()),
            (b"content-length", b"%d" % size_bytes),
            (b"content-disposition", attachment(name).encode()),
            (b"accept-ranges", b"bytes"),
            (b"content-security-policy", b"sandbox"),
        ]
        if self.part is not None:
            headers.append((b"content-range", self.part.content_range))
        return headers


async def answer_file(
    request: Incoming, egress: Egress, *, idle_secs: float, watch: Watch | None
) -> FileAnswer:
    """Return the answer that *request* wants of a file, its first piece fetched already.

    Raises:
        RangeNotSatisfiable: The file has no such part.
        TooManyDownloads, RateLimited: It may not be handed out now.
        TelegramError: Telegram does not give it.
    """
    download = egress.download
    tag = entity_tag(download.version)
    if is_known(request, tag):
        return FileAnswer(download=download, is_known=True, idle_secs=idle_secs)
    if request.method == "HEAD":
        return FileAnswer(download=download, idle_secs=idle_secs)
    part = wanted_part(request, download.size_bytes, tag)
    start, stop = (0, download.size_bytes) if part is None else (part.start, part.stop)
    leave = egress.begin(stop - start)
    try:
        pieces = await download.source.begin(start, stop)
        await egress.note()
    except BaseException:
        leave.end()
        raise
    sending = Sending(pieces, leave)
    return FileAnswer(
        download=download, part=part, sending=sending, idle_secs=idle_secs, watch=watch
    )


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})
