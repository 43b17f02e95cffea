"""Asking the reader of an account's updates to be up to date: everything that Telegram had to tell is written down.

Telegram pushes what happens, late for big channels, and answers a read with what it holds. Whoever compares the two has to
know that what the read showed stands in the event log as well.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vasya_server.errors import TelegramUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.telegram.reading import Reading


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a channel is, as an answer of Telegram showed it.

    Args:
        id: Without its mark.
        at: When its newest message was sent, in seconds since the epoch; 0: nobody said.
    """

    id: int
    pts: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody waits until what Telegram had to tell is written down.

    Args:
        since: Of channels that were never heard of, messages from that second on are read as news.
        done: By Telegram's clock, when it was so; 0: the connection ended before.
    """

    channels: tuple[Seen, ...]
    since: int
    done: asyncio.Future[int] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def end(self, at: int) -> None:
        """Let whoever asked go on."""
        if not self.done.done():
            self.done.set_result(at)


async def catch_up(reading: Reading, channels: Iterable[Seen], *, since: int) -> int:
    """Wait until everything is written down that Telegram had to tell when this was called; return when that was.

    Args:
        channels: What has been seen of channels, which Telegram may not have told of yet.
        since: As of `Asked`.

    Returns:
        Seconds since the epoch, by Telegram's clock.

    Raises:
        TelegramTimeout: Not within what is left of the read's deadline.
        TelegramUnavailable: The connection ended.
    """
    asked = Asked(tuple(channels), since)
    reading.account.runtime.following.ask(asked)
    at = await reading.wait(asked.done)
    if not at:
        raise TelegramUnavailable
    return at


def seen_in(dialogs: Iterable[Any], messages: Iterable[Any]) -> list[Seen]:
    """Return what an answer with dialogs shows of channels."""
    dates = {
        (message.peer_id.channel_id, message.id): int(message.date.timestamp())
        for message in messages
        if hasattr(message.peer_id, "channel_id") and getattr(message, "date", None)
    }
    return [
        Seen(channel_id, dialog.pts, dates.get((channel_id, dialog.top_message), 0))
        for dialog in dialogs
        if (channel_id := getattr(getattr(dialog, "peer", None), "channel_id", None)) and dialog.pts
    ]
