"""What Telegram has said that it would refuse: a frozen account, a chat in slow mode, strangers of a limited account.

Flood waits are not looked up here: which methods a change calls shows when it is made, or rehearsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.errors import AccountFrozen, AccountSpamLimited, SlowMode
from vasya_server.telegram.first_contact import is_first_contact

if TYPE_CHECKING:
    from vasya_server.errors import TelegramError
    from vasya_server.operations.conditions import Attempt


class Restrictions:
    """What Telegram keeps the account from doing."""

    async def look(self, attempt: Attempt) -> TelegramError | None:
        """Return what Telegram would say."""
        try:
            await self.enter(attempt)
        except (AccountFrozen, AccountSpamLimited, SlowMode) as error:
            return error
        return None

    async def enter(self, attempt: Attempt) -> None:
        """See that Telegram has not refused it already.

        Raises:
            AccountFrozen, AccountSpamLimited, SlowMode: It has, and Telegram is not asked again.
        """
        breakers = attempt.account.breakers
        breakers.require_thawed()
        if not attempt.messages or attempt.peer is None:
            return
        breakers.require_unhurried(attempt.peer.id)
        if breakers.is_spam_limited and await is_first_contact(attempt.view, attempt.peer):
            breakers.require_trusted()
