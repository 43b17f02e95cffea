"""A search that goes from chat to chat, within what one page may ask of Telegram, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.errors import (
    AdminRequired,
    ChatNotFound,
    ChatWriteForbidden,
    FloodWait,
    TelegramTimeout,
    TelegramUnavailable,
)
from vasya_server.model.chat import ChatFilter
from vasya_server.model.message import MessageFilter
from vasya_server.telegram.dialogs import rows_of_known
from vasya_server.telegram.peers import ResolvedPeer
from vasya_server.telegram.requests.chats import Place, row_test, rows_behind
from vasya_server.telegram.requests.history import Position, walk
from vasya_server.telegram.requests.listing import plan_walk
from vasya_server.telegram.service_chat import SERVICE_CHAT, kept_from_agents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vasya_server.model.search import SearchQuery
    from vasya_server.telegram.dialogs import Row
    from vasya_server.telegram.reach import Reach
    from vasya_server.telegram.reading import Reading
    from vasya_server.telegram.requests.history import Walk

# What one page may ask of Telegram; behind that `next` goes on.
_MAX_CALLS: Final = 20
_CHATS_AT_A_TIME: Final = 20
_CLOSED: Final = (AdminRequired, ChatNotFound, ChatWriteForbidden)
_PASSING: Final = (FloodWait, TelegramTimeout, TelegramUnavailable)


class Spot(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """How far a search has got, and the times that it began with: `24h` must not move from page to page.

    Args:
        last: Everywhere at once: the date, chat, access hash and id of the last message that was looked at.
        chat_id: Chat by chat: the last chat that was begun.
        within: How far that chat is; None: it is done.
        place: Behind that chat in the chat list, where the chats are not known one by one.
        searched: How many chats were looked through to their end.
        skipped: How many could not be.
    """

    since: int = 0
    until: int = 0
    last: tuple[int, int, int, int] | None = None
    chat_id: int | None = None
    within: Position | None = None
    place: Place = Place()
    searched: int = 0
    skipped: int = 0


class ChatByChat:
    """A search from chat to chat, in each the newest message first: what it has found, and how far it has got.

    Args:
        listed: The chats to search, ascending, where they are known one by one. In that order none is missed for
            having moved in the chat list.
        author: Whose messages are looked for; None: anybody's.
    """

    def __init__(
        self,
        reading: Reading,
        query: SearchQuery,
        spot: Spot,
        *,
        reach: Reach,
        listed: Sequence[int] | None,
        author: ResolvedPeer | None,
    ) -> None:
        self.found: list[Any] = []
        self._reading = reading
        self._query = query
        self._spot = spot
        self._reach = reach
        self._listed = listed
        self._author = author
        self._is_agent = reading.account.is_agent
        # Whether it ended before the chats did, with none in between that is wanted.
        self._is_cut = False
        # Chats without anything unread are not looked into for it.
        self._chats_wanted = ChatFilter(
            type=query.chat_type,
            folder=query.folder,
            unread=query.unread or None,
            limit=_CHATS_AT_A_TIME,
        )

    @property
    def searched(self) -> int:
        """How many chats were looked through to their end."""
        return self._spot.searched

    @property
    def skipped(self) -> int:
        """How many chats could not be looked through: they are closed to the account."""
        return self._spot.skipped

    async def run(self) -> Spot | None:
        """Fill a page, and return where to go on; None: that was all.

        Raises:
            FloodWait, TelegramTimeout, TelegramUnavailable: Before there was anything to tell; what was found is not
                lost for it, and the next page says so where it lasts.
        """
        begun = self._spot
        try:
            async for row, chat_id, place in self._chats():
                if self._is_out_of_sight(chat_id):
                    continue
                await self._search(row, chat_id, place)
                is_full = len(self.found) == self._query.limit
                if is_full or self._spot.within or self._reading.calls >= _MAX_CALLS:
                    return self._spot
        except _PASSING:
            if self._spot == begun:
                raise
            return self._spot
        return self._spot if self._is_cut else None

    async def _search(self, row: Row | None, chat_id: int, place: Place) -> None:
        """Look through one chat, or on through it, for as many messages as the page has room for."""
        spot = self._spot
        is_resumed = spot.chat_id == chat_id and spot.within is not None
        position = spot.within if is_resumed else None
        done = msgspec.structs.replace(spot, chat_id=chat_id, within=None, place=place)
        skipped = msgspec.structs.replace(done, skipped=spot.skipped + 1)
        if row is None:
            self._spot = skipped
            return
        if position is None:
            position = self._begin(row)
        try:
            plan = await self._plan(row, position)
            room = self._query.limit - len(self.found)
            found, after = await walk(self._reading, plan, position, room)
        except _CLOSED:
            self._spot = skipped
            return
        self.found += found
        searched = spot.searched + (after is None)
        self._spot = msgspec.structs.replace(done, within=after, searched=searched)

    def _begin(self, row: Row) -> Position:
        query, read_up_to = self._query, row.dialog.read_inbox_max_id
        is_unread = bool(query.unread) and not query.mentions
        return Position(
            low=read_up_to if is_unread else 0,
            since=self._spot.since,
            until=self._spot.until,
            read_up_to=read_up_to,
        )

    async def _plan(self, row: Row, position: Position) -> Walk:
        query, author = self._query, self._author
        wanted = MessageFilter(
            q=query.q,
            from_=None if author is None else str(author.id),
            type=query.type,
            mentions=query.mentions,
            unread=query.unread,
        )
        peer = ResolvedPeer(row.id, row.input_peer)
        plan = await plan_walk(self._reading, peer, wanted, position)
        if not self._is_agent:
            return plan
        directory = self._reading.directory
        # Whatever is looked for: a search shows agents nothing of what they may not read.
        return dataclasses.replace(
            plan, hides=lambda message: kept_from_agents(message, directory) is not None
        )

    async def _chats(self) -> AsyncIterator[tuple[Row | None, int, Place]]:
        """Yield the chats to search, each with its id and the place behind it; None for one that is closed."""
        spot = self._spot
        if spot.within is not None and spot.chat_id is not None:
            rows = await rows_of_known(self._reading, [spot.chat_id])
            yield (rows[0] if rows else None), spot.chat_id, spot.place
        if self._listed is not None:
            behind = [each for each in self._listed if spot.chat_id is None or each > spot.chat_id]
            async for row, chat_id in self._one_by_one(behind):
                yield row, chat_id, spot.place
            return
        wanted = self._chats_wanted
        if (person := self._person) is not None:
            wanted = msgspec.structs.replace(wanted, with_=str(person))
            if spot.chat_id is None:
                async for row, chat_id in self._one_by_one([person]):
                    yield row, chat_id, spot.place
        async for row, place in self._in_chat_list(wanted, spot.place):
            yield row, row.id, place

    @property
    def _person(self) -> int | None:
        """The person whose messages are looked for, where there are groups that are shared with them."""
        author = self._author
        if author is None or author.id < 0 or author.id == self._reading.directory.self_id:
            return None
        return author.id

    async def _in_chat_list(
        self, wanted: ChatFilter, place: Place | None
    ) -> AsyncIterator[tuple[Row, Place]]:
        while place is not None:
            found, place = await rows_behind(self._reading, wanted, place, self._reach)
            for row, behind in found:
                yield row, behind
            if place is not None and self._reading.calls >= _MAX_CALLS:
                # So many chats that are not wanted: the next page goes on behind them.
                self._spot = msgspec.structs.replace(self._spot, place=place)
                self._is_cut = True
                return

    async def _one_by_one(self, chat_ids: Sequence[int]) -> AsyncIterator[tuple[Row | None, int]]:
        test = await row_test(self._reading, self._chats_wanted, self._reach)
        for start in range(0, len(chat_ids), _CHATS_AT_A_TIME):
            batch = chat_ids[start : start + _CHATS_AT_A_TIME]
            rows = {row.id: row for row in await rows_of_known(self._reading, batch)}
            for chat_id in batch:
                row = rows.get(chat_id)
                if row is None or test is None or test(row):
                    yield row, chat_id

    def _is_out_of_sight(self, chat_id: int) -> bool:
        """Tell whether the one who asks finds nothing there, nor is told that it was looked into (D-5.6, D-11.6).

        Every chat passes here: one may be searched because of whose messages are looked for, or because a page ended in
        it before the key was narrowed.
        """
        is_kept = self._is_agent and chat_id == SERVICE_CHAT
        return is_kept or not self._reach.allows(chat_id)
