"""The messages of a channel that no difference tells any more, read from its history.

Telegram gives up telling differences that are too long (a hundred messages in a channel are enough), and tells none where
nobody knew how far the channel was.

Source: https://core.telegram.org/method/updates.getChannelDifference
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telethon.tl.tlobject import TLRequest

_PAGE: Final = 100
# Of one channel after one absence; what is beyond is said to be missing.
_MAX_PAGES: Final = 20


@dataclass(slots=True)
class Missed:
    """What was found.

    Args:
        updates: One for each message, oldest first.
        is_all: Nothing older was left out.
    """

    updates: list[Any] = field(default_factory=list)
    users: list[Any] = field(default_factory=list)
    chats: list[Any] = field(default_factory=list)
    is_all: bool = False


async def missed_in(
    ask: Callable[[TLRequest], Awaitable[Any]],
    channel: Any,
    *,
    after_id: int,
    since: int,
    upto_id: int,
) -> Missed:
    """Read the messages of a channel up to *upto_id*.

    Args:
        after_id: Only those behind this one; 0: those not older than *since*.
        since: In seconds since the epoch, by Telegram's clock.

    Source: https://core.telegram.org/method/messages.getHistory
    """
    missed = Missed()
    offset = upto_id + 1
    for _ in range(_MAX_PAGES):
        request = functions.messages.GetHistoryRequest(
            channel, offset, None, 0, limit=_PAGE, max_id=0, min_id=after_id, hash=0
        )
        page = await ask(request)
        missed.users += page.users
        missed.chats += page.chats
        told = [each for each in page.messages if not isinstance(each, t.MessageEmpty)]
        news = [
            message
            for message in told
            if message.id > after_id and (after_id or message.date.timestamp() >= since)
        ]
        missed.updates += [t.UpdateNewChannelMessage(message, 0, 0) for message in news]
        # A page may be short without being the last; what is older than wanted is.
        if not page.messages or len(news) < len(told):
            missed.is_all = True
            break
        offset = page.messages[-1].id
    missed.updates.reverse()
    return missed
