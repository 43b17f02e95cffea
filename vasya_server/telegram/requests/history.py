"""Walking through a chat's messages in either direction, whatever Telegram method serves the filter.

All of them count in the same way (https://core.telegram.org/api/offsets): from the first message older than an
offset, moved by `add_offset`. `min_id` and `max_id` are never sent, because Telegram answers nothing for some of
them; bounds are looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from telethon import functions
from telethon.tl import types as t

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.reading import Reading

MAX_PAGE = 100
# What one page of the API may ask of Telegram: 500 messages looked through. Behind that `next` goes on.
MAX_REQUESTS = 5


class Position(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Where a walk stands, and the bounds that it began with: `24h` must not move from page to page.

    Args:
        at: The last message that was looked at; 0 at the start.
        low: Only messages with a greater id.
        high: Only messages with a smaller id; 0 for no bound.
        since: Unix time, inclusive; 0 for no bound.
        until: Unix time, exclusive; 0 for no bound.
        read_up_to: Up to which message the owner has read.
    """

    at: int = 0
    low: int = 0
    high: int = 0
    since: int = 0
    until: int = 0
    read_up_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Where a request of Telegram begins to count."""

    id: int = 0
    date: int = 0
    add: int = 0
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What to walk through, and how.

    Args:
        peer: The chat.
        request: Makes the request for one page.
        has_dates: Whether the request knows a date to begin from; otherwise the message there is looked up.
        keeps: What must be true of a message beside what Telegram filters itself; None for nothing.
        hides: What is nobody's business here though Telegram finds it; None for nothing.
        is_ascending: Oldest first.
    """

    peer: ResolvedPeer
    request: Callable[[Offset], Any]
    has_dates: bool
    keeps: Callable[[Any], bool] | None
    hides: Callable[[Any], bool] | None
    is_ascending: bool


async def walk(
    reading: Reading, plan: Walk, position: Position, limit: int
) -> tuple[list[Any], Position | None]:
    """Return up to *limit* messages behind *position*, and where to go on; None only at the end.

    At most five requests are made for the messages, so that a page may be short or empty and yet not the last.
    """
    found: list[Any] = []
    begun = await _begin(reading, plan, position)
    if begun is None:
        return [], None
    position = begun
    for turn in range(MAX_REQUESTS):
        # Where something is hidden no short page may tell of it as long as it is shorter than what is looked through.
        is_wide = plan.keeps or (plan.hides and turn)
        asked = MAX_PAGE if is_wide else min(limit - len(found) + 1, MAX_PAGE)
        answer = await reading.call(plan.request(_offset(plan, position, asked)))
        ahead = _ahead(plan, position, answer.messages)
        at = position.at
        for message in ahead:
            if _is_beyond(plan, position, message):
                return found, None
            is_wanted = _is_wanted(plan, position, message)
            if is_wanted and len(found) == limit:
                return found, msgspec.structs.replace(position, at=at)
            if is_wanted:
                found.append(message)
            at = message.id
        position = msgspec.structs.replace(position, at=at)
        if not ahead or _is_all(plan, answer, asked):
            return found, None
        if len(found) == limit:
            break
    return found, position


async def walk_around(
    reading: Reading, plan: Walk, message_id: int, position: Position, limit: int
) -> tuple[list[Any], Position | None]:
    """Return about *limit* messages with *message_id* in their middle, and where to go on in the walk's direction."""
    newer = (limit + 1) // 2
    answer = await reading.call(plan.request(Offset(id=message_id, add=-newer, limit=limit)))
    messages = sorted(
        answer.messages, key=lambda message: message.id, reverse=not plan.is_ascending
    )
    if not messages:
        return [], None
    found = [message for message in messages if _is_wanted(plan, position, message)]
    if isinstance(answer, t.messages.Messages):
        return found, None
    return found, msgspec.structs.replace(position, at=messages[-1].id)


async def _begin(reading: Reading, plan: Walk, position: Position) -> Position | None:
    """Return *position* with a start where only a date says it; None where nothing lies behind that date."""
    if position.at or plan.has_dates:
        return position
    date = position.since if plan.is_ascending else position.until
    if not date or (position.low if plan.is_ascending else position.high):
        return position
    request = functions.messages.GetHistoryRequest(
        peer=plan.peer.input_peer,
        offset_id=0,
        offset_date=datetime.fromtimestamp(date, UTC),
        add_offset=0,
        limit=1,
        max_id=0,
        min_id=0,
        hash=0,
    )
    answer = await reading.call(request)
    before = answer.messages[0].id if answer.messages else 0
    if plan.is_ascending:
        return msgspec.structs.replace(position, low=before)
    return msgspec.structs.replace(position, high=before + 1) if before else None


def _offset(plan: Walk, position: Position, limit: int) -> Offset:
    if not plan.is_ascending:
        start = position.at or position.high
        return Offset(id=start, date=0 if start else position.until, limit=limit)
    start = position.at or position.low
    if not start and position.since and plan.has_dates:
        return Offset(date=position.since, add=-limit, limit=limit)
    return Offset(id=start + 1, add=-limit, limit=limit)


def _ahead(plan: Walk, position: Position, messages: list[Any]) -> list[Any]:
    """Return the messages that lie ahead, in the walk's order; an answer may repeat what is behind."""
    if not plan.is_ascending:
        return [message for message in messages if not position.at or message.id < position.at]
    return [message for message in reversed(messages) if message.id > position.at]


def _is_beyond(plan: Walk, position: Position, message: Any) -> bool:
    """Tell whether *message* and all behind it lie outside the bounds."""
    if plan.is_ascending:
        is_above = bool(position.high) and message.id >= position.high
        return bool(is_above or _is_late(position, message))
    return bool(message.id <= position.low or _is_early(position, message))


def _is_wanted(plan: Walk, position: Position, message: Any) -> bool:
    if isinstance(message, t.MessageEmpty) or message.id <= position.low:
        return False
    if position.high and message.id >= position.high:
        return False
    if _is_late(position, message) or _is_early(position, message):
        return False
    if plan.hides is not None and plan.hides(message):
        return False
    return plan.keeps is None or plan.keeps(message)


def _is_late(position: Position, message: Any) -> bool:
    return bool(position.until and message.date and message.date.timestamp() >= position.until)


def _is_early(position: Position, message: Any) -> bool:
    return bool(position.since and message.date and message.date.timestamp() < position.since)


def _is_all(plan: Walk, answer: Any, asked: int) -> bool:
    """Tell whether nothing can lie behind *answer*.

    That it is shorter than asked for says nothing: some chats have messages that Telegram counts and does not show.
    """
    if isinstance(answer, t.messages.Messages):
        return True
    if plan.is_ascending:
        return False
    ids: list[int] = [message.id for message in answer.messages]
    return max(ids) <= asked or min(ids) == 1
