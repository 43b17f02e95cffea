"""Answer with the events that there are, or wait for some."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from vasya_server.api.answer import JSON, Answer
from vasya_server.api.standing import Standing
from vasya_server.delivery.audience import Audience
from vasya_server.delivery.feed import feed
from vasya_server.delivery.pins import Pins
from vasya_server.errors import VasyaError
from vasya_server.model.event import EventPage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.api.incoming import Incoming
    from vasya_server.delivery.audience import EventFilter
    from vasya_server.delivery.feed import Feed
    from vasya_server.events.record import Recorded
    from vasya_server.gateway import Gateway

# Batches of events that somebody wants nothing of, looked at before a poll that does not wait answers how far it came.
_MAX_BATCHES: Final = 100


@dataclass(slots=True, kw_only=True)
class LongPoll:
    """A poll on its way; where it waits, it is no request in flight any more.

    Args:
        wait_secs: How long it may take.
        debounce_secs: How long the chat of the first event has to be quiet; 0: not at all.
    """

    shape: ClassVar[type] = EventPage
    media_type: ClassVar[bytes] = JSON

    gateway: Gateway
    standing: Standing
    wanted: EventFilter
    position: int
    limit: int
    wait_secs: int
    debounce_secs: int
    _found: list[Recorded] = field(default_factory=list)

    async def answer(self, request: Incoming) -> Answer:
        """Answer what there is: at once, when something comes, when the time is over, or when it has to end.

        Raises:
            VasyaError: There is nothing to tell yet, and nobody can say what comes next.
        """
        gateway, who = self.gateway, self.standing.who
        audience = Audience(gateway.accounts, who, self.wanted)
        with feed(gateway.events, who.owner, audience, self.position) as events:
            if not self.wait_secs:
                await self._gather(events)
                return self._page(events)
            with (
                gateway.streams.opened(who) as stopping,
                Pins(gateway.accounts, who, self.wanted),
            ):
                await self.standing.hold(self._gather(events), request, stopping)
            return self._page(events)

    async def _gather(self, events: Feed) -> None:
        """Look for events until there is reason to answer."""
        found, clock = self._found, asyncio.get_running_loop()
        give_up_at = quiet_at = clock.time() + self.wait_secs
        batches = 0
        while len(found) < self.limit:
            try:
                new = await events.read(self.limit - len(found))
            except VasyaError:
                if not found:
                    raise
                return  # the next poll says why
            found += new
            batches += 1
            if (chat := _first_chat(found)) and any(_chat(record) == chat for record in new):
                quiet_at = min(give_up_at, clock.time() + self.debounce_secs)
            elif found and not chat:
                return  # an alarm waits for nothing
            until = quiet_at if found else give_up_at
            if not events.is_at_end and (batches < _MAX_BATCHES or clock.time() < give_up_at):
                continue
            if clock.time() >= until:
                return
            try:
                async with asyncio.timeout_at(until):
                    await events.wait()
            except TimeoutError:
                return

    def _page(self, events: Feed) -> Answer:
        log, is_agent = self.gateway.events, not self.standing.who.is_human
        told = [record.told(log.cursor_of(record), is_agent=is_agent) for record in self._found]
        body = b'{"items":[%b],"next":"%b"}' % (b",".join(told), events.cursor.encode())
        return Answer(HTTPStatus.OK, body)


def _chat(record: Recorded) -> tuple[str, int] | None:
    chat = record.draft.chat
    return None if chat is None else (record.account_id, chat.id)


def _first_chat(records: Iterable[Recorded]) -> tuple[str, int] | None:
    """Return the chat whose burst is waited for."""
    return next((chat for record in records if (chat := _chat(record))), None)
