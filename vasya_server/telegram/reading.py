"""One read of the API, however many requests it takes of Telegram."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from vasya_server.errors import HumanRequired, TelegramTimeout
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.media import spoken_files

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.telegram.view import AccountView


T = TypeVar("T")


class Reading:
    """The requests of one read: they share one deadline, and whom their answers mention.

    Args:
        is_raw: Strings stay as they were written.

    Raises:
        HumanRequired: An agent wants them so.
    """

    def __init__(self, account: AccountView, *, is_raw: bool = False) -> None:
        if is_raw and account.is_agent:
            raise HumanRequired("Only a human may read texts as they were written; leave out raw.")
        self.account = account
        self.directory = Directory(
            account.runtime.user_id,
            is_agent=account.is_agent,
            is_raw=is_raw,
            has_line=account.runtime.line.holds(),
        )
        # How many requests it has taken so far.
        self.calls = 0
        self._ends_at = time.monotonic() + account.runtime._settings.read_deadline_secs

    @property
    def now(self) -> float:
        """The moment by the account's clock, which only goes forward."""
        return self.account.runtime._clock.monotonic()

    @property
    def left_secs(self) -> float:
        """What is left of the deadline; nothing or less: it is over."""
        return self._ends_at - time.monotonic()

    async def call(self, request: TLRequest) -> Any:
        """Ask Telegram within what is left of the deadline.

        Raises:
            TelegramTimeout: Nothing is left, or no answer came by then.
            VasyaError: Telegram refused.
        """
        left_secs = self.left_secs
        if left_secs <= 0:
            raise TelegramTimeout
        self.calls += 1
        answer = await self.account.runtime.call(request, deadline_secs=left_secs)
        self.directory.add(answer)
        if spoken := spoken_files(answer):
            store = self.account.runtime.following.speech.store
            self.directory.transcripts |= await store.found(spoken)
        return answer

    async def wait(self, shared: asyncio.Future[T]) -> T:
        """Wait for what another read does, within what is left of the deadline; nothing is done to it.

        Raises:
            TelegramTimeout: It was not done by then.
        """
        done, _ = await asyncio.wait({shared}, timeout=self.left_secs)
        if not done:
            raise TelegramTimeout
        return shared.result()
