"""What is new for whoever asks: what the owner has not read, what came since a time, or since the caller last looked.

A mark is a position in the event log, because every message is written down there once, in one order, and nothing else
knows what came *since*: Telegram counts each chat apart, dates are whole seconds, and what the owner has read says nothing
of what the caller was told. What the log says is new is then read from Telegram by its ids, as it is now.

What is not read is in Telegram alone, so the first look asks Telegram, and its mark has to be the exact other half: the
log is brought up to date, its position becomes the mark, and whatever the log has behind that is left out of what Telegram
shows, on every page of the list. So a message that comes while a page is made is told once: with the mark.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.delivery.news_log import NewsLog
from vasya_server.errors import CursorExpired, FieldError, ValidationFailed
from vasya_server.model.chat import ChatFilter
from vasya_server.telegram.catching_up import catch_up, seen_in
from vasya_server.telegram.dialogs import PAGE, chat_of_row, first_page, rows_of_known
from vasya_server.telegram.inbox_page import News, Told, to_compact_inbox_page, to_inbox_page
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.chats import Place, both, is_behind, row_test, rows_behind
from vasya_server.telegram.requests.inbox import Wanted, news_by_id, news_of
from vasya_server.telegram.time_reference import to_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.events.log import EventLog
    from vasya_server.model.inbox import CompactInboxPage, InboxPage, InboxQuery
    from vasya_server.telegram.accounts import Accounts
    from vasya_server.telegram.catching_up import Seen
    from vasya_server.telegram.dialogs import Row
    from vasya_server.telegram.reach import Reach
    from vasya_server.telegram.view import AccountView

_MARK: Final = "inbox_mark"
_ROUTE: Final = "read_inbox"
_STARTS: Final = ("since", "mark", "cursor")
# How far clocks and a channel's own way of telling may be apart.
_LATE_SECS: Final = 60


class _Mark(msgspec.Struct, array_like=True, frozen=True):
    """Up to where somebody was told.

    Args:
        position: In the event log.
        at: When, in seconds since the epoch, by Telegram's clock.
    """

    position: int
    at: int


class _From(IntEnum):
    """What a list of news began with."""

    UNREAD = 0
    SINCE = 1
    MARK = 2


class _Next(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Where a list of news goes on.

    Args:
        mark: What comes after it all; with `_From.MARK` what has been told so far.
        since: With `_From.SINCE`.
        seen_to: Up to which position of the log chats were seen to move.
        end: With `_From.MARK`: up to where the list goes.
    """

    began: _From
    mark: _Mark
    since: int = 0
    seen_to: int = 0
    end: _Mark | None = None
    place: Place = Place()


async def read_inbox(
    account: AccountView,
    query: InboxQuery,
    *,
    accounts: Accounts,
    events: EventLog,
    cursors: Cursors,
    now: datetime,
) -> InboxPage | CompactInboxPage:
    """Return a page of what is new for the one who asks; nothing is marked as read.

    Args:
        now: In the owner's time zone, in which `today` begins.

    Raises:
        ChatNotFound, ChatNotAllowed: `chats` names none, or none that may be read.
        CursorExpired: The log does not reach back to the mark any more.
        ValidationFailed: Parameters that contradict one another; a mark or a cursor that is none of these.
    """
    if len(given := [name for name in _STARTS if getattr(query, name)]) > 1:
        raise ValidationFailed(*(FieldError(f"?{name}", "exclusive", _STARTS) for name in given))
    reading = Reading(account)
    reach = await readable(reading)
    only = None
    if query.chats:
        only = frozenset([(await resolve_in(reading, each)).id for each in query.chats])
    wanted = Wanted(
        kinds=frozenset(query.type),
        mentions=query.mentions,
        per_chat=query.per_chat,
        since=to_unix("since", query.since, now),
    )
    inbox = _Inbox(
        reading, query, reach, only, wanted, accounts=accounts, events=events, cursors=cursors
    )
    begun = inbox.begun()
    if begun is not None and begun.began is _From.MARK:
        return await inbox.behind_mark(begun)
    return await inbox.from_telegram(begun)


class _Inbox:
    """One look at what is new."""

    def __init__(
        self,
        reading: Reading,
        query: InboxQuery,
        reach: Reach,
        only: frozenset[int] | None,
        wanted: Wanted,
        *,
        accounts: Accounts,
        events: EventLog,
        cursors: Cursors,
    ) -> None:
        self._reading = reading
        self._query = query
        self._reach = reach
        self._only = only
        self._wanted = wanted
        self._events = events
        self._cursors = cursors
        runtime = reading.account.runtime
        self._owner, self._account_id = runtime.owner, runtime.id
        self._log = NewsLog(accounts, events, reading.account)
        fields = (query.folder, sorted(only or ()), query.muted, query.archived, query.type)
        self._filters = msgspec.msgpack.encode((*fields, query.mentions))
        self._rows_wanted = ChatFilter(
            folder=query.folder, archived=query.archived, limit=query.limit
        )

    def begun(self) -> _Next | None:
        """Return where to go on, or from which mark; None: nobody has looked yet.

        Raises:
            CursorExpired, ValidationFailed: As `read_inbox`.
        """
        query = self._query
        try:
            if query.cursor is not None:
                begun = self._cursors.read(
                    self._owner,
                    self._account_id,
                    _ROUTE,
                    query.cursor,
                    _Next,
                    filters=self._filters,
                )
            elif query.mark is not None:
                mark = self._cursors.read(self._owner, self._account_id, _MARK, query.mark, _Mark)
                begun = _Next(began=_From.MARK, mark=mark)
            else:
                return None
        except CursorInvalid as error:
            name = "cursor" if query.cursor is not None else "mark"
            raise ValidationFailed(FieldError(f"?{name}", "invalid")) from error
        self._require_kept(begun.mark)
        return begun

    async def behind_mark(self, begun: _Next) -> InboxPage | CompactInboxPage:
        """Return what the log has behind the mark, as it stands at Telegram now."""
        mark, end = begun.mark, begun.end
        if end is None:
            top, _ = await self._top()
            at = await catch_up(self._reading, top, since=mark.at - _LATE_SECS // 2)
            end = _Mark(self._events.now, at)
        window = await self._log.window(mark.position, end.position, max_chats=self._query.limit)
        new = window.new
        if self._only is not None:
            new = {chat_id: ids for chat_id, ids in new.items() if chat_id in self._only}
        news: list[News] = []
        if new:
            test = both(await self._row_test(), self._is_as_loud) or self._is_as_loud
            news = await news_by_id(self._reading, new, self._wanted, test)
        if window.upto >= end.position:
            return self._page(news, end, None, window.missed_since)
        # Until all of it is told only the time of the first mark is one since which nothing is left out.
        told = _Mark(window.upto, mark.at)
        going_on = _Next(began=_From.MARK, mark=told, end=end)
        return self._page(news, told, going_on, window.missed_since)

    async def from_telegram(self, begun: _Next | None) -> InboxPage | CompactInboxPage:
        """Return what is not read, or came since a time, without what the mark will give."""
        if begun is None:
            top, newest_at = await self._top()
            at = await catch_up(self._reading, top, since=newest_at - _LATE_SECS)
            position = self._events.now
            begun = _Next(
                began=_From.SINCE if self._wanted.since else _From.UNREAD,
                mark=_Mark(position, at),
                since=self._wanted.since,
                seen_to=position,
            )
        wanted = self._wanted = dataclasses.replace(self._wanted, since=begun.since)
        listed, after = await rows_behind(
            self._reading,
            self._rows_wanted,
            begun.place,
            self._reach,
            only=self._only,
            also=both(wanted.in_row, self._is_as_loud),
            until=(lambda row: not wanted.in_row(row)) if wanted.since else None,
        )
        rows = [row for row, _ in listed]
        seen = seen_in([row.dialog for row in rows], [row.message for row in rows if row.message])
        await catch_up(self._reading, seen, since=begun.mark.at - _LATE_SECS)
        seen_to = self._events.now
        later = await self._log.between(begun.mark.position, seen_to)
        found = [await news_of(self._reading, row, wanted, later.get(row.id, ())) for row in rows]
        if after is not None or begun.place != Place():
            told = {row.id for row in rows}
            found += await self._moved(begun, later.keys() - told, seen_to, later)
        news = [each for each in found if each is not None]
        going_on = None
        if after is not None:
            going_on = msgspec.structs.replace(begun, seen_to=seen_to, place=after)
        return self._page(news, begun.mark, going_on, None)

    async def _moved(
        self,
        begun: _Next,
        others: AbstractSet[int],
        seen_to: int,
        later: Mapping[int, Sequence[int]],
    ) -> list[News]:
        """Return the news of chats that would have come on this page or a later one, and moved to the top of the list.

        What came there since the mark is told with the mark; what came before it would be told nowhere.
        """
        since_last = await self._log.between(begun.seen_to, seen_to)
        wanted = self._wanted
        test = both(await self._row_test(), self._is_as_loud)
        found = []
        # Those that had moved before then were told on an earlier page.
        moved = {each for each in since_last.keys() & others if later[each] == since_last[each]}
        for row in await rows_of_known(self._reading, moved):
            if (test is not None and not test(row)) or not wanted.in_row(row):
                continue
            if self._only is not None and row.id not in self._only:
                continue
            news = await news_of(self._reading, row, wanted, later[row.id], is_counted=False)
            if news is not None and news.messages and is_behind(begun.place, row, news.messages[0]):
                found.append(news)
        return found

    async def _top(self) -> tuple[list[Seen], int]:
        """Return how far the channels are in which something happened last, and when anything did."""
        answer = await self._reading.call(first_page(PAGE))
        dates = [message.date.timestamp() for message in answer.messages if message.date]
        return seen_in(answer.dialogs, answer.messages), int(max(dates, default=0))

    async def _row_test(self) -> Callable[[Row], bool] | None:
        return await row_test(self._reading, self._rows_wanted, self._reach)

    def _is_as_loud(self, row: Row) -> bool:
        muted = self._query.muted
        return muted is None or chat_of_row(row).is_muted is muted

    def _require_kept(self, mark: _Mark) -> None:
        """See that the log has all that came behind *mark*.

        Raises:
            CursorExpired: It has not; Telegram itself is then asked since when the mark was made.
        """
        oldest = self._events.oldest(self._owner)
        if oldest <= mark.position <= self._events.now:
            return
        since = datetime.fromtimestamp(mark.at, UTC).isoformat().replace("+00:00", "Z")
        raise CursorExpired(
            self._write_mark(_Mark(oldest, mark.at)),
            f"Ask with since={since} instead of the mark: that reads from Telegram what has come since,"
            " and answers with a new mark.",
        )

    def _write_mark(self, mark: _Mark) -> str:
        return self._cursors.write(self._owner, self._account_id, _MARK, mark)

    def _page(
        self, news: Sequence[News], mark: _Mark, going_on: _Next | None, missed: datetime | None
    ) -> InboxPage | CompactInboxPage:
        following = None
        if going_on is not None:
            following = self._cursors.write(
                self._owner, self._account_id, _ROUTE, going_on, filters=self._filters
            )
        told = Told(mark=self._write_mark(mark), next=following, missed_since=missed)
        make = to_compact_inbox_page if self._query.view == "compact" else to_inbox_page
        return make(news, told, max_chars=self._query.max_chars)
