"""Messages that wait at Telegram for their time: how a send becomes one, and what became of it.

A scheduled message has an id of its own. When it is sent it gets another, of which Telegram tells those who listen at that
moment, and nobody later: after an absence it is found by where, when and what it says.

Source: https://core.telegram.org/api/scheduled-messages
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, MessageNotFound, ValidationFailed
from vasya_server.model.base import Plain
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.requests.answers import updates_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.reading import Reading

# Clocks differ; Telegram dates what it sends by its own.
_CLOCKS_DIFFER_BY_SECS: Final = 60
_PAGE: Final = 100
# Of one chat, behind the moment at which the message was scheduled: what a busy group writes in a day.
_MAX_PAGES: Final = 20
_MAX_HEARD: Final = 1000
# Telegram sends at once what is due within ten seconds. A minute is asked for, and the request itself takes time.
_SOONEST: Final = timedelta(seconds=50)
_LATEST: Final = timedelta(days=365)


class Scheduled(Plain, frozen=True, kw_only=True):
    """What a send has made that waits for its time.

    Args:
        ids: Of the messages while they wait, in their order.
        due_at: When the last of them is sent.
        marks: What stands for what each says.
        due_times: When each is sent, in seconds since the epoch.
    """

    ids: tuple[int, ...]
    due_at: datetime
    marks: tuple[bytes, ...]
    due_times: tuple[int, ...]


class When(Plain, frozen=True, kw_only=True):
    """When a send goes out: at once, where nothing is said.

    Args:
        undo_secs: For how long it may be taken back.
        is_repeated: It was asked for before and nobody knows what became of it, so that its time may be over.
    """

    undo_secs: int = 0
    schedule_at: datetime | None = None
    is_repeated: bool = False


AT_ONCE: Final = When()


class Waits(Exception):
    """A send has made messages that wait for their time, and none that it could be answered with."""

    def __init__(self, scheduled: Scheduled) -> None:
        super().__init__()
        self.scheduled = scheduled


class Awaited(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Messages of one chat that wait; *made_at* is when they were scheduled, in seconds since the epoch.

    Args:
        due_at: When each of them is sent; empty where that was not kept.
    """

    chat_id: int
    ids: tuple[int, ...]
    marks: tuple[bytes, ...]
    made_at: int
    due_at: tuple[int, ...] = ()

    def kept_up(self, messages: Mapping[int, Any]) -> Self:
        """Return it as those of *messages*, by their ids, say it now: they may be changed by whoever schedules."""
        marks, due_at = list(self.marks), list(self.due_at or [0] * len(self.ids))
        for index, each in enumerate(self.ids):
            if (message := messages.get(each)) is not None:
                marks[index], due_at[index] = mark_of(message), int(message.date.timestamp())
        return msgspec.structs.replace(self, marks=tuple(marks), due_at=tuple(due_at))


def date_of(account: AccountRuntime, when: When) -> datetime | None:
    """Return when Telegram sends it: not before it is wanted, nor while it may be taken back; None: at once.

    Raises:
        ValidationFailed: It is wanted too soon or too late.
    """
    now = account._clock.now().replace(microsecond=0)
    # Telegram knows whole seconds; the promise is not shortened by what is cut off.
    kept_until = now + timedelta(seconds=when.undo_secs + 1) if when.undo_secs else None
    if when.schedule_at is None:
        return kept_until
    at = when.schedule_at.astimezone(UTC).replace(microsecond=0)
    if not when.is_repeated:
        _require_in_reach(at, now)
    return at if kept_until is None else max(at, kept_until)


def _require_in_reach(at: datetime, now: datetime) -> None:
    if at < now + _SOONEST:
        raise ValidationFailed(FieldError("/scheduleAt", "too_soon", ("a minute ahead",)))
    if at > now + _LATEST:
        raise ValidationFailed(FieldError("/scheduleAt", "too_late", ("a year ahead",)))


def scheduled_in(answer: Any, random_ids: Sequence[int]) -> Scheduled | None:
    """Return what waits now, of a repeated send too; None where the answer tells of nothing that waits."""
    waiting = {
        int(update.message.id): update.message
        for update in updates_in(answer)
        if isinstance(update, t.UpdateNewScheduledMessage)
    }
    named = {
        update.random_id: int(update.id)
        for update in updates_in(answer)
        if isinstance(update, t.UpdateMessageID) and int(update.id) in waiting
    }
    ids = tuple(named[each] for each in random_ids if each in named)
    if not ids:
        return None
    messages = [waiting[each] for each in ids]
    return Scheduled(
        ids=ids,
        due_at=max(message.date for message in messages),
        marks=tuple(mark_of(message) for message in messages),
        due_times=tuple(int(message.date.timestamp()) for message in messages),
    )


def joined(parts: Sequence[Scheduled]) -> Scheduled:
    """Return what several sends have made that waits, as one."""
    return Scheduled(
        ids=tuple(each for part in parts for each in part.ids),
        due_at=max(part.due_at for part in parts),
        marks=tuple(each for part in parts for each in part.marks),
        due_times=tuple(each for part in parts for each in part.due_times),
    )


def require_sent(answer: Any, random_ids: Sequence[int]) -> None:
    """See that what a send with a date has made stands in the chat already, as a repeated one's may.

    Raises:
        Waits: It waits for its time.
        MessageNotFound: The same was sent before, and is neither here nor there any more: the id that Telegram names may be
            one of those that wait, and must not be looked up among the chat's.
    """
    if (waiting := scheduled_in(answer, random_ids)) is not None:
        raise Waits(waiting)
    is_sent = isinstance(answer, t.UpdateShortSentMessage) or any(
        isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage)
        for update in updates_in(answer)
    )
    if not is_sent:
        raise MessageNotFound


def mark_of(message: Any) -> bytes:
    """Return what stands for a message's words and file, the same before it is sent and after."""
    media = getattr(message, "media", None)
    file = getattr(media, "document", None) or getattr(media, "photo", None)
    said = (message.message or "", type(media).__name__, getattr(file, "id", 0))
    return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()


class Heard:
    """What the updates of one account have told of scheduled messages, until somebody asks.

    `on_news` is told that there is something; whoever awaits messages sets it.
    """

    def __init__(self) -> None:
        self.on_news: Callable[[], None] = lambda: None
        self.awaited: dict[str, Awaited] = {}
        # Of those awaited, the chats in which one was changed.
        self.changed: set[int] = set()
        # (chat, scheduled id) -> the id it was sent under, or None where it was taken away unsent, and when that was heard.
        self._ended: OrderedDict[tuple[int, int], tuple[int | None, datetime]] = OrderedDict()

    def take(self, updates: Iterable[Any], now: datetime) -> dict[tuple[int, int], int]:
        """Take in what was told, and return the scheduled ids of new messages by chat and id."""
        names: dict[tuple[int, int], int] = {}
        new: list[Any] = []
        for update in updates:
            if isinstance(update, t.UpdateDeleteScheduledMessages):
                self._take_end(update, now, names)
            elif isinstance(update, t.UpdateNewScheduledMessage):
                self._take_change(update.message)
            elif isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage) and getattr(
                update.message, "from_scheduled", None
            ):
                new.append(update.message)
        for message in new:
            place = marked_id(message.peer_id), int(message.id)
            if place not in names and (found := self._recognised(message)) is not None:
                names[place] = found
                self._end(place[0], found, place[1], now)
        return names

    def ended(self, chat_id: int, scheduled_id: int) -> tuple[int | None, datetime] | None:
        """Return how a scheduled message has ended and when that was heard; None where nothing was."""
        return self._ended.get((chat_id, scheduled_id))

    def _take_change(self, message: Any) -> None:
        chat_id = marked_id(message.peer_id)
        for awaited in self.awaited.values():
            is_meant = awaited.chat_id == chat_id and message.id in awaited.ids
            if is_meant and awaited.kept_up({int(message.id): message}) != awaited:
                self.changed.add(chat_id)
                self.on_news()

    def _take_end(self, update: Any, now: datetime, names: dict[tuple[int, int], int]) -> None:
        chat_id, sent = marked_id(update.peer), update.sent_messages or []
        if sent and len(sent) != len(update.messages):
            self.on_news()  # which became which is not said: it is looked up
            return
        for index, scheduled_id in enumerate(update.messages):
            sent_id = int(sent[index]) if sent else None
            if sent_id is not None:
                names[chat_id, sent_id] = int(scheduled_id)
            self._end(chat_id, int(scheduled_id), sent_id, now)

    def _recognised(self, message: Any) -> int | None:
        chat_id = marked_id(message.peer_id)
        for awaited in self.awaited.values():
            if awaited.chat_id != chat_id or not is_since(message, awaited.made_at):
                continue
            for scheduled_id, mark in zip(awaited.ids, awaited.marks, strict=True):
                if mark == mark_of(message) and self.ended(chat_id, scheduled_id) is None:
                    return scheduled_id
        return None

    def _end(self, chat_id: int, scheduled_id: int, sent_id: int | None, now: datetime) -> None:
        place = chat_id, scheduled_id
        if (known := self._ended.get(place)) is None or known[0] is None:
            self._ended[place] = sent_id, now
        while len(self._ended) > _MAX_HEARD:
            self._ended.popitem(last=False)
        self.on_news()


def is_since(message: Any, made_at: int) -> bool:
    """Tell whether a message may have come of one that was scheduled at that moment."""
    return bool(message.date.timestamp() >= made_at - _CLOCKS_DIFFER_BY_SECS)


async def still_waiting(reading: Reading, peer: ResolvedPeer, ids: Sequence[int]) -> dict[int, Any]:
    """Return those of *ids* that wait still, by their ids.

    Source: https://core.telegram.org/method/messages.getScheduledMessages
    """
    request = functions.messages.GetScheduledMessagesRequest(peer.input_peer, list(ids))
    answer = await reading.call(request)
    return {
        int(each.id): each
        for each in answer.messages
        if not isinstance(each, t.MessageEmpty) and each.id in {*ids}
    }


async def take_back(account: AccountRuntime, peer: ResolvedPeer, ids: Sequence[int]) -> None:
    """Have scheduled messages not be sent; those that wait no more are no error.

    Source: https://core.telegram.org/method/messages.deleteScheduledMessages
    """
    request = functions.messages.DeleteScheduledMessagesRequest(peer.input_peer, list(ids))
    await account.mutate(request, is_exactly_once=True)


async def sent_since(
    reading: Reading, peer: ResolvedPeer, awaited: Awaited, taken: frozenset[int]
) -> tuple[dict[int, int], bool]:
    """Find what awaited messages became in the chat's history.

    Args:
        taken: Messages that are known to have come of others.

    Returns:
        Their ids by the scheduled ones, and whether the history was read as far back as it matters.

    Source: https://core.telegram.org/method/messages.getHistory
    """
    candidates: list[Any] = []
    offset, is_whole = 0, False
    for _ in range(_MAX_PAGES):
        request = functions.messages.GetHistoryRequest(
            peer.input_peer, offset, None, 0, limit=_PAGE, max_id=0, min_id=0, hash=0
        )
        page = (await reading.call(request)).messages
        news = [each for each in page if is_since(each, awaited.made_at)]
        candidates += [each for each in news if getattr(each, "from_scheduled", None)]
        if len(news) < _PAGE:
            is_whole = True
            break
        offset = news[-1].id
    candidates.reverse()
    found: dict[int, int] = {}
    for scheduled_id, mark in zip(awaited.ids, awaited.marks, strict=True):
        for each in candidates:
            if each.id not in taken and each.id not in found.values() and mark_of(each) == mark:
                found[scheduled_id] = int(each.id)
                break
    return found, is_whole
