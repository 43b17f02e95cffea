"""Accounts that somebody listens to stay connected, and channels that somebody names are looked at by the server itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vasya_server.telegram.directory import CHANNEL_MARK

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from vasya_server.auth.principal import Principal
    from vasya_server.delivery.audience import EventFilter
    from vasya_server.ids import AccountId
    from vasya_server.telegram.accounts import AccountRuntime, Accounts


class Pins:
    """The accounts that one consumer of events listens to; its block holds them."""

    def __init__(self, accounts: Accounts, who: Principal, wanted: EventFilter) -> None:
        self._accounts = accounts
        self._who = who
        self._among = wanted.accounts
        self._channels = [
            -chat - CHANNEL_MARK for chat in wanted.chats or () if chat < -CHANNEL_MARK
        ]
        self._held: dict[AccountId, contextlib.ExitStack] = {}

    def refresh(self, who: Principal | None = None) -> None:
        """Hold what has been logged in since, too, and let go of what is out of reach.

        Args:
            who: Who listens now, where that has changed.
        """
        self._who = who or self._who
        within = {
            runtime.id: runtime
            for runtime in self._accounts.list(self._who.owner, self._who.account_ids)
            if self._among is None or runtime.id in self._among
        }
        for account_id in [each for each in self._held if each not in within]:
            self._held.pop(account_id).close()
        for account_id, runtime in within.items():
            if account_id not in self._held:
                self._held[account_id] = self._hold(runtime)

    def _hold(self, runtime: AccountRuntime) -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        stack.enter_context(runtime.pinned())
        for channel_id in self._channels:
            stack.enter_context(runtime.watching(channel_id))
        return stack

    def __enter__(self) -> Self:
        self.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stack in self._held.values():
            stack.close()
        self._held.clear()
