"""Receive files: the raw body of a request, or the files of a multipart form, passed on to Telegram as they come in.

Parts at Telegram are nothing until a file is made of them: what is refused or breaks off leaves none behind. What a file is,
and so whether a request is a repeated one, is known at its end alone. Where its key has been answered nothing is going to be
made of it, and it is only looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from vasya_server.api.body import read_all, read_chunks
from vasya_server.api.file_names import (
    UNNAMED,
    clean_file_name,
    media_type,
    read_disposition,
)
from vasya_server.api.forms import Form, is_form
from vasya_server.api.refusals import BodyTooLarge, KeyEndedMeanwhile, MalformedRequest
from vasya_server.api.validation import read_body
from vasya_server.crypto.derive import length_prefixed
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.media import UploadUrl
from vasya_server.model.writing import MAX_MEDIA, SendMessage
from vasya_server.telegram.requests.uploads import (
    NO_PARTS,
    Parts,
    make_file,
    max_file_bytes,
    save_parts,
    unmade_file,
    weigh,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from vasya_server.api.forms import FormPart
    from vasya_server.api.incoming import Incoming
    from vasya_server.api.routes import Call
    from vasya_server.errors import VasyaError
    from vasya_server.settings import Settings

T = TypeVar("T")
_JSON: Final = "application/json"
# Boundaries and part headers around a file.
FRAME_BYTES: Final = 16 * 1024
# A form with one part more is read, so that it can be said what is too much in it.
_MAX_UPLOAD_PARTS: Final = 2
_MAX_MESSAGE_PARTS: Final = MAX_MEDIA + 3
_MAX_NAME_CHARACTERS: Final = 64
_TOO_LARGE: Final = "It is larger than this server, or Telegram from this account, takes."


def max_form_bytes(settings: Settings) -> int:
    """Return how large a form with a message and files may be."""
    return MAX_MEDIA * settings.upload_max_bytes + settings.json_max_bytes + FRAME_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file that came in and lies in parts at Telegram, where nobody sees it and nothing has been made of it.

    Args:
        url: Where it was fetched from; None: the client sent it.
    """

    name: str
    mime_type: str
    parts: Parts
    url: str | None = None

    @property
    def content(self) -> bytes:
        """What two requests share exactly where they bring the same file under the same name, or name the same URL."""
        if self.url is not None:
            return hashlib.sha256(length_prefixed(self.url)).digest()
        said = length_prefixed(self.name, self.mime_type, self.parts.sha256)
        return hashlib.sha256(said).digest()


async def receive_file(request: Incoming, call: Call) -> ReceivedFile:
    """Receive the file of an upload, for as long as the key that sends it may.

    Raises:
        KeyEndedMeanwhile: It may not any longer.
        VasyaError: As `_file_of`.
    """
    return await _while_allowed(call, _file_of(request, call))


async def receive_message(request: Incoming, call: Call) -> SendMessage:
    """Receive a message and its files, for as long as the key that sends them may.

    Raises:
        KeyEndedMeanwhile: It may not any longer.
        VasyaError: As `_message_of`.
    """
    return await _while_allowed(call, _message_of(request, call))


async def _while_allowed(call: Call, receiving: Coroutine[Any, Any, T]) -> T:
    if call.watch is None:
        return await receiving
    return await _unless(call.watch.over(), receiving, KeyEndedMeanwhile())


async def _unless(
    ending: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T], refusal: VasyaError
) -> T:
    """Do *work*, unless *ending* comes first: then it is cut short, and *refusal* raised."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(ending)
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise refusal
        return working.result()
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.wait({working, waiting})


async def _file_of(request: Incoming, call: Call) -> ReceivedFile:
    """Receive the one file of an upload, from the client or from the URL that it names.

    Raises:
        OutboundRefused, OutboundFailed: It is not to be had from there.
        TooManyTransfers: Too many files come in at once.
        TooManyUploads: The account has no room for one more.
        ValidationFailed: There is no file, an empty one, or more than one.
        BodyTooLarge, RequestTimeout, MalformedRequest: As every body.
    """
    settings = call.gateway.settings
    async with _receiving(call) as receiving:
        if is_form(request):
            return await _only_file(request, receiving, settings)
        disposition = request.text(b"content-disposition")
        declared = request.text(b"content-type")
        if declared.partition(";")[0].strip().lower() == _JSON and not disposition:
            return await receiving.fetched(request)
        length = request.header(b"content-length")
        return await receiving.file(
            _chunks(request, settings, settings.upload_max_bytes),
            read_disposition(disposition) or UNNAMED,
            declared,
            size_bytes=None if length is None else int(length),
        )


async def _message_of(request: Incoming, call: Call) -> SendMessage:
    """Receive a form with a `message` and files, and return the message with an upload of each as its media.

    An upload that a form makes has an id that follows from its content, so that a form says the same whenever it is
    repeated. A dry run and a repetition make none.

    Raises:
        TooManyTransfers, TooManyUploads: As `_file_of`.
        ValidationFailed: The message is not as one is, or the form has other parts, or too many.
        BodyTooLarge, RequestTimeout, MalformedRequest, MalformedJson: As every body.
    """
    settings = call.gateway.settings
    message: SendMessage | None = None
    files: list[ReceivedFile] = []
    async with _receiving(call) as receiving:
        form = Form(
            _chunks(request, settings, max_form_bytes(settings)),
            request.text(b"content-type"),
            max_part_bytes=max(settings.upload_max_bytes, settings.json_max_bytes),
            max_parts=_MAX_MESSAGE_PARTS,
        )
        while (part := await form.next_part()) is not None:
            if part.name == "file":
                _require_room(files, part)
                files.append(await receiving.file(part.content(), part.file_name, part.media_type))
            elif part.name != "message":
                raise ValidationFailed(
                    FieldError(
                        f"/{part.name[:_MAX_NAME_CHARACTERS]}", "unknown", ("message", "file")
                    )
                )
            elif message is not None:
                raise ValidationFailed(FieldError("/message", "repeated"))
            else:
                message = await _read_message(part, settings)
        message = message or SendMessage()
        if files and message.media:
            raise ValidationFailed(FieldError("/media", "not_with_files"))
        media = [await receiving.keep(file) for file in files]
    return msgspec.structs.replace(message, media=tuple(media) or message.media)


class _Receiving:
    """One request that brings files."""

    def __init__(self, call: Call, *, is_repeated: bool) -> None:
        self._call = call
        # Nothing is going to be made of them.
        self._are_looked_at = is_repeated or call.is_dry_run

    async def file(
        self,
        chunks: AsyncIterator[bytes],
        name: str,
        declared_type: str,
        *,
        size_bytes: int | None = None,
    ) -> ReceivedFile:
        """Pass a file on, or look at it where nothing is made of it.

        Raises:
            BodyTooLarge: It is larger than this server, or Telegram of this account, takes.
        """
        settings = self._call.gateway.settings
        limit = min(settings.upload_max_bytes, max_file_bytes(self._call.account))
        if size_bytes is not None and size_bytes > limit:
            raise BodyTooLarge(_TOO_LARGE)
        chunks = _bounded(chunks, limit)
        parts = (
            await weigh(chunks)
            if self._are_looked_at
            else await save_parts(self._call.account, chunks, size_bytes=size_bytes)
        )
        name = clean_file_name(name)
        return ReceivedFile(name=name, mime_type=media_type(declared_type, name), parts=parts)

    async def fetched(self, request: Incoming) -> ReceivedFile:
        """Fetch the file that the request names, for as long as the client waits for it."""
        gateway = self._call.gateway
        said = read_body(await read_all(request.receive, gateway.settings), UploadUrl)
        url = gateway.outbound.check(said.url)
        if self._are_looked_at:
            return ReceivedFile(name="", mime_type="", parts=NO_PARTS, url=url)
        return await _unless(request.left(), self._fetch(url), MalformedRequest())

    async def _fetch(self, url: str) -> ReceivedFile:
        settings = self._call.gateway.settings
        async with self._call.gateway.outbound.fetch(
            url, idle_secs=settings.media_idle_secs, deadline_secs=settings.fetch_deadline_secs
        ) as found:
            file = await self.file(
                found.chunks,
                read_disposition(found.headers.get("content-disposition", "")) or found.name,
                found.headers.get("content-type", ""),
                size_bytes=found.size_bytes,
            )
        return replace(file, url=url)

    async def keep(self, file: ReceivedFile) -> str:
        """Make an upload of a file, and return its id; where nothing is made, a dry run is shown what would be."""
        account, lineage = self._call.account, self._call.who.lineage
        uploads = account.runtime.uploads
        upload_id = uploads.id_of(lineage, file.content)
        described = {"name": file.name, "mime_type": file.mime_type}
        if not self._are_looked_at:
            made = await make_file(account, file.parts, **described)
            await uploads.add(lineage, made, upload_id)
        elif self._call.is_dry_run:
            self._call.files[upload_id] = unmade_file(file.parts, **described)
        return upload_id


@contextlib.asynccontextmanager
async def _receiving(call: Call) -> AsyncIterator[_Receiving]:
    gateway, who = call.gateway, call.who
    with gateway.limits.transfers.under_way(who.key_id):
        await call.account.runtime.uploads.require_room()
        is_repeated = await gateway.claims.has_answer(who.owner, who.lineage, call.idempotency_key)
        yield _Receiving(call, is_repeated=is_repeated)


async def _only_file(request: Incoming, receiving: _Receiving, settings: Settings) -> ReceivedFile:
    limit = settings.upload_max_bytes
    form = Form(
        _chunks(request, settings, limit + FRAME_BYTES),
        request.text(b"content-type"),
        max_part_bytes=limit,
        max_parts=_MAX_UPLOAD_PARTS,
    )
    part = await form.next_part()
    if part is None or not part.is_file:
        raise ValidationFailed(FieldError("/file", "missing"))
    file = await receiving.file(part.content(), part.file_name, part.media_type)
    if await form.next_part() is not None:
        raise ValidationFailed(FieldError("/file", "repeated"))
    return file


async def _read_message(part: FormPart, settings: Settings) -> SendMessage:
    said = b"".join([chunk async for chunk in _bounded(part.content(), settings.json_max_bytes)])
    return read_body(said, SendMessage)


def _require_room(files: list[ReceivedFile], part: FormPart) -> None:
    if not part.is_file:
        raise ValidationFailed(FieldError("/file", "missing"))
    if len(files) == MAX_MEDIA:
        raise ValidationFailed(FieldError("/file", "too_many", (f"at most {MAX_MEDIA}",)))


def _chunks(request: Incoming, settings: Settings, max_bytes: int) -> AsyncIterator[bytes]:
    return read_chunks(request.receive, idle_secs=settings.body_idle_secs, max_bytes=max_bytes)


async def _bounded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    size_bytes = 0
    async for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise BodyTooLarge(_TOO_LARGE)
        yield chunk
