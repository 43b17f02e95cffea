"""Multipart forms, part after part as they come in.

Source: https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from vasya_server.api.file_names import UNNAMED, read_disposition
from vasya_server.api.refusals import BodyTooLarge, MalformedRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.api.incoming import Incoming

MEDIA_TYPE: Final = "multipart/form-data"


def is_form(request: Incoming) -> bool:
    """Tell whether the body says that it is a multipart form."""
    kind = request.text(b"content-type").partition(";")[0]
    return kind.strip().lower() == MEDIA_TYPE


class Form:
    """A form that is being read; its parts come one after the other, each to be read before the next.

    Args:
        chunks: The body.
        declared: Its Content-Type, with the boundary.
        max_part_bytes: What one part may have.
        max_parts: How many there may be.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], declared: str, *, max_part_bytes: int, max_parts: int
    ) -> None:
        self._events = _events(chunks, declared, max_part_bytes, max_parts)

    async def next_part(self) -> FormPart | None:
        """Return the next part; None: that was all.

        Raises:
            BodyTooLarge: A part, or their number, is above its limit.
            MalformedRequest: It is no form, or half of one.
        """
        segment = await anext(self._events, None)
        return None if segment is None else FormPart(segment, self._events)


class FormPart:
    """One part of a form: a field, or a file where it has a file's name."""

    def __init__(self, segment: MultipartSegment, events: AsyncIterator[Any]) -> None:
        self._segment = segment
        self._events = events

    @property
    def name(self) -> str:
        """What the field is called."""
        name: str = self._segment.name
        return name

    @property
    def is_file(self) -> bool:
        """Whether it has a file's name, be it an empty one."""
        return self._segment.filename is not None

    @property
    def file_name(self) -> str:
        """The file's name, as the client wrote it."""
        return read_disposition(self._segment.header("Content-Disposition", "")) or UNNAMED

    @property
    def media_type(self) -> str:
        """What the client says that it is; empty where it says nothing."""
        return self._segment.content_type or ""

    async def content(self) -> AsyncIterator[bytes]:
        """Yield its bytes."""
        async for event in self._events:
            if event is None:
                return
            yield bytes(event)


async def _events(
    chunks: AsyncIterator[bytes], declared: str, max_part_bytes: int, max_parts: int
) -> AsyncIterator[Any]:
    """Yield what the form consists of: the head of a part, its bytes, None at its end."""
    boundary = declared.partition("boundary=")[2].partition(";")[0].strip().strip('"')
    try:
        with PushMultipartParser(
            boundary, max_segment_size=max_part_bytes, max_segment_count=max_parts, strict=True
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
