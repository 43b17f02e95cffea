"""Receive a file: the raw body of a request, or the one file of a multipart form, passed on as it comes in."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from vasya_server.api.body import read_chunks
from vasya_server.api.file_names import (
    UNNAMED,
    clean_file_name,
    media_type,
    read_disposition,
)
from vasya_server.api.refusals import BodyTooLarge, MalformedRequest, UnsupportedMediaType
from vasya_server.crypto.derive import length_prefixed
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.telegram.requests.uploads import Parts, save_parts, weigh

if TYPE_CHECKING:
    from vasya_server.api.incoming import Incoming
    from vasya_server.api.routes import Call
    from vasya_server.settings import Settings

_FORM: Final = "multipart/form-data"
_JSON: Final = "application/json"
# Boundaries and part headers around a file.
FRAME_BYTES: Final = 16 * 1024
_MAX_FORM_PARTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file that came in and lies in parts at Telegram, where nobody sees it and nothing has been made of it."""

    name: str
    mime_type: str
    parts: Parts

    @property
    def content(self) -> bytes:
        """What two requests share exactly where they bring the same file under the same name."""
        said = length_prefixed(self.name, self.mime_type, self.parts.sha256)
        return hashlib.sha256(said).digest()


@dataclass(frozen=True, slots=True)
class _Incoming:
    name: str
    declared_type: str
    chunks: AsyncIterator[bytes]
    size_bytes: int | None = None


async def receive_file(request: Incoming, call: Call) -> ReceivedFile:
    """Pass the file of *request* on to Telegram while it comes in.

    Parts are nothing until a file is made of them: an upload that is refused or breaks off leaves none behind. What an
    upload is, and so whether it is a repeated one, is known at its end alone; but where the key has been answered, nothing
    is going to be made of it, and it is only looked at.

    Raises:
        TooManyTransfers: Too many files come in at once.
        TooManyUploads: The account has no room for one more.
        ValidationFailed: There is no file, an empty one, or more than one.
        BodyTooLarge, RequestTimeout, MalformedRequest: As every body.
        UnsupportedMediaType: It is JSON, which is no file unless it is named.
    """
    gateway, account, who = call.gateway, call.account, call.who
    with gateway.limits.transfers.under_way(who.key_id):
        await account.runtime.uploads.require_room()
        is_repeated = await gateway.claims.has_answer(who.owner, who.lineage, call.idempotency_key)
        incoming = await _incoming(request, gateway.settings)
        parts = (
            await weigh(incoming.chunks)
            if is_repeated
            else await save_parts(account, incoming.chunks, size_bytes=incoming.size_bytes)
        )
    name = clean_file_name(incoming.name)
    return ReceivedFile(name=name, mime_type=media_type(incoming.declared_type, name), parts=parts)


async def _incoming(request: Incoming, settings: Settings) -> _Incoming:
    declared = request.text(b"content-type")
    kind = declared.partition(";")[0].strip().lower()
    limit = settings.upload_max_bytes
    is_form = kind == _FORM
    chunks = read_chunks(
        request.receive,
        idle_secs=settings.body_idle_secs,
        max_bytes=limit + FRAME_BYTES if is_form else limit,
    )
    if is_form:
        return await _from_form(chunks, declared, limit)
    disposition = request.text(b"content-disposition")
    if kind == _JSON and not disposition:
        raise UnsupportedMediaType
    length = request.header(b"content-length")
    return _Incoming(
        read_disposition(disposition) or UNNAMED,
        declared,
        chunks,
        None if length is None else int(length),
    )


async def _from_form(chunks: AsyncIterator[bytes], declared: str, limit: int) -> _Incoming:
    events = _events(chunks, declared, limit)
    segment = await anext(events, None)
    if not isinstance(segment, MultipartSegment) or segment.filename is None:
        raise ValidationFailed(FieldError("/file", "missing"))
    name = read_disposition(segment.header("Content-Disposition", "")) or UNNAMED
    return _Incoming(name, segment.content_type or "", _payload(events))


async def _payload(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for event in events:
        if isinstance(event, MultipartSegment):
            raise ValidationFailed(FieldError("/file", "repeated"))
        if event:
            yield bytes(event)


async def _events(chunks: AsyncIterator[bytes], declared: str, limit: int) -> AsyncIterator[Any]:
    """Yield what the form consists of: the head of a part, its bytes, None at its end.

    Source: https://www.rfc-editor.org/rfc/rfc7578
    """
    boundary = declared.partition("boundary=")[2].partition(";")[0].strip().strip('"')
    try:
        with PushMultipartParser(
            boundary, max_segment_size=limit, max_segment_count=_MAX_FORM_PARTS, strict=True
        ) as parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    yield event
                if parser.closed:
                    break
    except ParserLimitReached as error:
        raise BodyTooLarge from error
    except MultipartError as error:
        raise MalformedRequest from error
