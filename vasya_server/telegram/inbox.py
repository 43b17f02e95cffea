"""What Telegram pushes on one connection, and what the own requests on it changed, until it is written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_server.telegram.short_forms import told_by_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.telegram.catching_up import Asked


class LoginInbox:
    """What a login hears: that its QR code was accepted."""

    def __init__(self) -> None:
        self._is_accepted = False

    def take(self) -> bool:
        """Tell whether Telegram has said since the last time that the QR code was accepted."""
        is_accepted, self._is_accepted = self._is_accepted, False
        return is_accepted

    def put_nowait(self, updates: Any) -> None:
        """Take what Telegram pushed."""
        news = [getattr(updates, "update", None), *getattr(updates, "updates", ())]
        if any(isinstance(update, t.UpdateLoginToken) for update in news):
            self._is_accepted = True

    def put_answer(self, request: Any, answer: Any) -> None:
        """Take nothing of what the login itself does."""

    def close(self) -> None:
        """Hear nothing any more."""


class Inbox:
    """What an account's connection hears; it is emptied by one reader.

    Args:
        limit: How many containers may wait, of a few kB each. Beyond that they are dropped, and asked for as a
            difference when there is time.
        on_own: Told first of what an own request changed.
    """

    def __init__(
        self,
        self_id: int,
        limit: int = 2000,
        *,
        on_own: Callable[[Any], None] = lambda _told: None,
    ) -> None:
        self._self_id = self_id
        self._on_own = on_own
        self._limit = limit
        self._waiting: deque[Any] = deque()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_overflown = False
        self._dropped: set[int] = set()
        self._asked: list[Asked] = []

    def put_nowait(self, updates: Any) -> None:
        """Take what Telegram pushed; Telethon calls it."""
        if self.is_closed:
            return
        if len(self._waiting) >= self._limit:
            self._drop()
        self._waiting.append(updates)
        self._news.set()

    def put_answer(self, request: Any, answer: Any) -> None:
        """Take what an own request changed: Telegram tells it in the answer and does not push it as well."""
        if (told := told_by_answer(request, answer, self._self_id)) is not None:
            self._on_own(told)
            self.put_nowait(told)

    def nudge(self) -> None:
        """Have the reader look around, although nothing has come."""
        self._news.set()

    def ask(self, asked: Asked) -> None:
        """Have the reader be up to date, for somebody who waits for it."""
        if self.is_closed:
            asked.end(0)
        self._asked.append(asked)
        self._news.set()

    def take_asked(self) -> list[Asked]:
        """Return who waits since the last time."""
        asked, self._asked = self._asked, []
        return asked

    def close(self) -> None:
        """Hear nothing any more; what waits is still read."""
        self._ended.set()
        self._news.set()
        for asked in self.take_asked():
            asked.end(0)

    @property
    def is_closed(self) -> bool:
        """Tell whether the connection has ended."""
        return self._ended.is_set()

    async def pause(self, secs: float) -> None:
        """Wait so long, or until the connection ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(secs):
                await self._ended.wait()

    async def take(self, timeout_secs: float) -> list[Any]:
        """Return all that waits, as soon as there is something, or nothing after *timeout_secs*."""
        if not self._waiting and not self._news.is_set():
            try:
                async with asyncio.timeout(timeout_secs):
                    await self._news.wait()
            except TimeoutError:
                return []
        self._news.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def take_dropped(self) -> set[int] | None:
        """Return the channels of what had to be dropped since the last time; None where nothing had."""
        if not self._is_overflown:
            return None
        dropped, self._dropped, self._is_overflown = self._dropped, set(), False
        return dropped

    def _drop(self) -> None:
        for container in self._waiting:
            for chat in getattr(container, "chats", None) or ():
                if isinstance(chat, t.Channel):
                    self._dropped.add(chat.id)
        self._waiting.clear()
        self._is_overflown = True
