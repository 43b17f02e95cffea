"""Tell events as Server-Sent Events for as long as the client listens and may.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from vasya_server.api.answer import cut_off
from vasya_server.api.standing import CLIENT_GONE, Standing
from vasya_server.api.stream_writer import StreamWriter
from vasya_server.delivery.audience import Audience
from vasya_server.delivery.feed import feed
from vasya_server.delivery.pins import Pins
from vasya_server.errors import CursorExpired, VasyaError
from vasya_server.model.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from litestar.types import Send

    from vasya_server.api.answer import Header
    from vasya_server.api.incoming import Incoming
    from vasya_server.delivery.audience import EventFilter
    from vasya_server.delivery.feed import Feed
    from vasya_server.events.record import Recorded
    from vasya_server.gateway import Gateway

_log: Final = logging.getLogger("vasya.api")

MEDIA_TYPE: Final = b"text/event-stream"
# Reconnecting after two seconds, and something at once: proxies and clients wait for the first bytes.
_BEGIN: Final = b"retry: 2000\n: here\n"
_BEAT: Final = b": still here\n"
# What one write adds at most to what a slow client has not taken, beyond the last event.
_WRITE_BYTES: Final = 64 * 1024
_RETRY_SECS: Final = 2
_MAX_RETRY_SECS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Events on their way, from *position* on: nothing is kept for a client that is slow but that position."""

    shape: ClassVar[type] = Event
    media_type: ClassVar[bytes] = MEDIA_TYPE

    gateway: Gateway
    standing: Standing
    wanted: EventFilter
    position: int

    @property
    def status(self) -> int:
        """Return the status that it begins with."""
        return HTTPStatus.OK

    async def send(self, request: Incoming, common: Sequence[Header], send: Send) -> None:
        """Send events, with the headers that all answers have, until it has to end; the last thing says why."""
        gateway, who = self.gateway, self.standing.who
        audience = Audience(gateway.accounts, who, self.wanted)
        with (
            gateway.streams.opened(who) as stopping,
            Pins(gateway.accounts, who, self.wanted) as pins,
            feed(gateway.events, who.owner, audience, self.position) as events,
        ):
            writer = StreamWriter(send, gateway.settings.stream_stuck_secs, MEDIA_TYPE)
            telling = self._tell(events, pins, writer, common)
            try:
                reason = await self.standing.hold(telling, request, stopping)
            except CursorExpired as error:  # so far behind that what comes next is forgotten
                reason = error.code
            except TimeoutError:
                reason = "client_too_slow"
        # In a comment, which no client takes for an event.
        last = b": ended %b\n\n" % (reason or "").encode()
        if reason != CLIENT_GONE and not await writer.end(last):
            _log.warning("an event stream broke off (%s)", reason)
            cut_off(request)

    async def _tell(
        self, events: Feed, pins: Pins, writer: StreamWriter, common: Sequence[Header]
    ) -> None:
        await writer.begin(common, _BEGIN + _id(events.cursor))
        clock, every_secs = asyncio.get_running_loop(), self.gateway.settings.stream_heartbeat_secs
        said, beat_at = events.position, clock.time() + every_secs
        refresh_at = beat_at
        while True:
            if clock.time() >= refresh_at:
                pins.refresh()
                refresh_at = clock.time() + every_secs
            found, retry_secs = await self._next(events)
            if found:
                for piece in self._pieces(found):
                    await writer.write(piece)
                said, beat_at = found[-1].position, clock.time() + every_secs
            if events.is_at_end or retry_secs:
                await _pause(events, retry_secs, beat_at)
            if clock.time() >= beat_at:
                moved = _id(events.cursor) if events.position != said else b"\n"
                await writer.write(_BEAT + moved)
                said, beat_at = events.position, clock.time() + every_secs

    async def _next(self, events: Feed) -> tuple[Sequence[Recorded], int]:
        """Return what to tell now, and in how many seconds to try again where that cannot be said."""
        try:
            return await events.read(), 0
        except CursorExpired:
            raise
        except VasyaError as error:
            _log.info("an event stream waits (%s)", error.code)
            return (), _retry_secs(error)

    def _pieces(self, records: Iterable[Recorded]) -> Iterator[bytes]:
        """Return the events in as few writes as a slow client may be given."""
        log, is_agent = self.gateway.events, not self.standing.who.is_human
        frames: list[bytes] = []
        size_bytes = 0
        for record in records:
            cursor = log.cursor_of(record)
            told = record.told(cursor, is_agent=is_agent)
            frame = b"id: %b\nevent: %b\ndata: %b\n\n" % (
                cursor.encode(),
                record.draft.type.encode(),
                told,
            )
            frames.append(frame)
            size_bytes += len(frame)
            if size_bytes >= _WRITE_BYTES:
                yield b"".join(frames)
                frames, size_bytes = [], 0
        if frames:
            yield b"".join(frames)


def _retry_secs(error: VasyaError) -> int:
    return min(getattr(error, "retry_after_secs", None) or _RETRY_SECS, _MAX_RETRY_SECS)


async def _pause(events: Feed, retry_secs: int, until: float) -> None:
    """Wait for the next event, or until it is time to try again or to say something."""
    try:
        async with asyncio.timeout_at(until):
            await (asyncio.sleep(retry_secs) if retry_secs else events.wait())
    except TimeoutError:
        return


def _id(cursor: str) -> bytes:
    """Return an event that is none: a client remembers its id, and is told nothing."""
    return b"id: %b\n\n" % cursor.encode()
