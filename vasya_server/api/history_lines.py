"""Tell a whole history as newline-delimited JSON: a message on each line, and now and then where to go on from.

It is the pages of the list, one after the other: never more than one of them is in memory, and a cursor of a line is one
of the list.

Source: https://github.com/ndjson/ndjson-spec
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.api.answer import cut_off
from vasya_server.api.standing import CLIENT_GONE, Standing
from vasya_server.api.stream_writer import StreamWriter
from vasya_server.errors import FieldError, ValidationFailed, VasyaError
from vasya_server.model.history import HistoryLine
from vasya_server.model.message import MessagePage
from vasya_server.operations.egress import note_export
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.requests import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar.types import Send

    from vasya_server.api.answer import Header
    from vasya_server.api.incoming import Incoming
    from vasya_server.api.routes import Call
    from vasya_server.model.message import Message, MessageFilter

_log: Final = logging.getLogger("vasya.api")
_encode: Final = msgspec.json.Encoder().encode

NDJSON: Final = b"application/x-ndjson"
_PAGE: Final = 100
# What one write adds at most to what a slow client has not taken, beyond the last message.
_WRITE_BYTES: Final = 64 * 1024
# What says how much, or how: all of it comes, in full.
_IDLE: Final = {"limit": None, "around": None, "view": "full"}


@dataclass(slots=True, kw_only=True)
class HistoryLines:
    """A history on its way, its first page read already.

    Args:
        chat: Its id, so that a name that changes hands does not change the chat.
        going_on: Where to go on behind *page*.
        told_to: Behind which everything was told; None: where the request itself begins.
    """

    call: Call
    chat: str
    query: MessageFilter
    page: Sequence[Message]
    going_on: str | None
    told_to: str | None

    @property
    def status(self) -> int:
        """Return the status that it begins with."""
        return HTTPStatus.OK

    async def send(self, request: Incoming, common: Sequence[Header], send: Send) -> None:
        """Send it, with the headers that all answers have, until it is told or has to end; the last line says which."""
        call, gateway = self.call, self.call.gateway
        writer = StreamWriter(send, gateway.settings.stream_stuck_secs, NDJSON)
        standing = Standing(who=call.who, watch=call.watch, tokens=gateway.tokens)
        with gateway.streams.opened(call.who) as stopping:
            try:
                reason = await standing.hold(self._tell(writer, common), request, stopping)
                last = HistoryLine(line="end")
                if reason is not None:
                    last = HistoryLine(line="stopped", next=self.told_to, code=reason)
            except VasyaError as error:
                reason, last = error.code, self._stopped(error)
            except TimeoutError:
                reason = "client_too_slow"
                last = HistoryLine(line="stopped", next=self.told_to, code=reason)
        if reason != CLIENT_GONE and not await writer.end(_line(last)):
            _log.warning("a history broke off (%s)", reason)
            cut_off(request)

    async def _tell(self, writer: StreamWriter, common: Sequence[Header]) -> None:
        call = self.call
        await writer.begin(common, _line(HistoryLine(line="begin", trust="untrusted")))
        while True:
            for piece in _pieces(self.page):
                await writer.write(piece)
            if self.going_on is None:
                return
            self.told_to = self.going_on
            await writer.write(_line(HistoryLine(line="cursor", next=self.told_to)))
            self.page, self.going_on = await _page(
                call, self.chat, _behind(self.query, self.told_to)
            )

    def _stopped(self, error: VasyaError) -> HistoryLine:
        return HistoryLine(
            line="stopped",
            next=self.told_to,
            code=error.code,
            detail=error.detail,
            retry_after_secs=getattr(error, "retry_after_secs", None),
        )


async def open_history(call: Call, query: MessageFilter) -> HistoryLines:
    """Return the history of the chat that the call names, its first page read; it is written down that it leaves.

    Raises:
        ValidationFailed: The query says how much, or in which shape: all of it comes, in full.
        TooManyStreams: As many are open as there may be.
        VasyaError: The first page cannot be had.
    """
    idle = [
        FieldError(f"?{name}", "not_in_lines")
        for name, plain in _IDLE.items()
        if getattr(query, name) != plain
    ]
    if idle:
        raise ValidationFailed(*idle)
    call.gateway.streams.require_room(call.who)
    peer = await resolve(call.account, call.path["chat"])
    wanted = query if query.ids else msgspec.structs.replace(query, limit=_PAGE)
    page, going_on = await _page(call, str(peer.id), wanted)
    await note_export(call.gateway, call.account, peer, call.request_id)
    return HistoryLines(
        call=call,
        chat=str(peer.id),
        query=wanted,
        page=page,
        going_on=going_on,
        told_to=query.cursor,
    )


async def _page(
    call: Call, chat: str, query: MessageFilter
) -> tuple[Sequence[Message], str | None]:
    page = await listing.list_messages(call.account, chat, query, call.gateway.cursors, call.now)
    assert isinstance(page, MessagePage)  # noqa: S101 — of the view in full, it is
    return page.items, page.next


def _behind(query: MessageFilter, cursor: str) -> MessageFilter:
    """Return what asks for the next page: the cursor holds the bounds that the first one began with."""
    return msgspec.structs.replace(query, cursor=cursor, before=None, after=None)


def _pieces(messages: Sequence[Message]) -> Iterator[bytes]:
    """Return the lines in as few writes as a slow client may be given."""
    lines: list[bytes] = []
    size_bytes = 0
    for message in messages:
        lines.append(_line(message))
        size_bytes += len(lines[-1])
        if size_bytes >= _WRITE_BYTES:
            yield b"".join(lines)
            lines, size_bytes = [], 0
    if lines:
        yield b"".join(lines)


def _line(said: Message | HistoryLine) -> bytes:
    return _encode(said) + b"\n"
