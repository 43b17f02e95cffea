"""One reader's way through an owner's events: a position, and nothing that would grow while it does not read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vasya_server.delivery.audience import Audience
    from vasya_server.events.log import EventLog, Follower
    from vasya_server.events.record import Recorded
    from vasya_server.ids import OwnerId

# What is read at a time, and so what a reader that stands still holds: events of a replay are its own copies.
_BATCH: Final = 64


class Feed:
    """Reads on from *position* what the audience may be told of."""

    def __init__(
        self, log: EventLog, owner: OwnerId, follower: Follower, audience: Audience, position: int
    ) -> None:
        self._log = log
        self._owner = owner
        self._follower = follower
        self._audience = audience
        self.position = position
        # Whether the last read found all that there was.
        self.is_at_end = False

    async def read(self, limit: int = _BATCH) -> Sequence[Recorded]:
        """Return the next events to tell, at most *limit*, and stand behind them and what was passed over.

        None does not mean that there are no more, but `is_at_end` does.

        Raises:
            CursorExpired: Some of what comes next has been forgotten.
            VasyaError: They cannot be read, or nobody can say who may be told; the position stays.
        """
        found, upto = await self._follower.read(self.position, _BATCH)
        told = (await self._audience.told(found))[: limit + 1]
        is_cut = len(told) > limit
        if is_cut:
            del told[limit:]
            upto = told[-1].position
        self.position, self.is_at_end = upto, not is_cut and len(found) < _BATCH
        return told

    async def wait(self) -> None:
        """Wait until there is something behind the position."""
        await self._follower.wait(self.position)

    @property
    def cursor(self) -> str:
        """What a client says to go on from here."""
        return self._log.cursor(self._owner, self.position)


@contextlib.contextmanager
def feed(log: EventLog, owner: OwnerId, audience: Audience, position: int) -> Iterator[Feed]:
    """Follow the owner's events from *position* on, until the block ends."""
    with log.follow(owner) as follower:
        yield Feed(log, owner, follower, audience, position)
