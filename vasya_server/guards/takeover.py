"""Where the owner writes by another device, remembered for as long as agents are to leave the chat to them.

Nothing that the gateway sent counts. Most of it is told in the answers; what a crash or a lost connection left open may
come back as an update like any other, and then a message in that chat, of that time, is taken for the one that was sent.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from vasya_server.clock import from_ms, to_ms
from vasya_server.crypto.records import AccountSeal
from vasya_server.errors import StorageFailed, TelegramTimeout
from vasya_server.store import activity as rows
from vasya_server.store.database import ConstraintFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.idempotency.claim import OpenSend
    from vasya_server.idempotency.claims import Claims
    from vasya_server.sessions.owner_settings import SettingsStore
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database, Statement
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.owner_seen import Wrote

_KIND: Final = "owner-activity"
_CLOCKS_DIFFER_BY: Final = timedelta(seconds=60)
# The longest that a takeover can last; what is older holds nothing up.
_KEPT: Final = timedelta(days=1)
_JUDGED_EVERY_SECS: Final = 0.05
_log: Final = logging.getLogger(__name__)


class Takeover:
    """When each owner wrote last, chat by chat; one per running server."""

    def __init__(
        self,
        db: Database,
        key: MasterKey,
        clock: Clock,
        *,
        settings: Settings,
        claims: Claims,
        owners: SettingsStore,
    ) -> None:
        self._db = db
        self._key = key
        self._clock = clock
        self._settings = settings
        self._claims = claims
        self._owners = owners
        self._judging: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End every task."""
        for task in self._judging:
            task.cancel()
        if self._judging:
            await asyncio.wait(set(self._judging))

    def watch(self, account: AccountRuntime) -> None:
        """Have what the account's owner writes remembered."""
        account.owner_seen.storing = partial(self._storing, account)

    def is_on(self, account: AccountRuntime) -> bool:
        """Tell whether the owner wants agents to wait: then the account has to hear."""
        return self._owners.held(account.owner).takeover_secs > 0

    async def left_secs(self, account: AccountRuntime, chat_id: int) -> float:
        """Return for how long agents leave the chat to the owner from now on; 0: they may write.

        Raises:
            TelegramTimeout: It could not be heard in time what the owner did.
            VasyaError: The account cannot be connected.
            StorageFailed: It cannot be read.
        """
        takeover_secs = (await self._owners.of(account.owner)).takeover_secs
        if not takeover_secs:
            return 0.0
        await self._hear(account)
        row = await self._db.one(
            rows.LAST_ACTIVITY,
            rows.ActivityRow,
            account_id=account.id,
            chat=self._digest(account, chat_id),
        )
        if row is None:
            return 0.0
        until = from_ms(row.at_ms) + timedelta(seconds=takeover_secs)
        return max(0.0, (until - self._clock.now()).total_seconds())

    async def _hear(self, account: AccountRuntime) -> None:
        """Wait until what happened before the connection was there is known."""
        await account.connect()
        try:
            async with asyncio.timeout(self._settings.read_deadline_secs):
                await account.following.is_current.wait()
        except TimeoutError as error:
            raise TelegramTimeout from error

    async def _storing(
        self, account: AccountRuntime, wrote: Sequence[Wrote]
    ) -> Sequence[Statement]:
        now = self._clock.now()
        recent = [each for each in wrote if each.at > now - _KEPT]
        if not recent or not self.is_on(account):
            return ()
        opened = await self._claims.open_sends(account.id, now - _KEPT)
        forgetting = rows.FORGET_ACTIVITY.bind(before_ms=to_ms(now - _KEPT))
        noting: list[Statement] = []
        for each in recent:
            if account.owner_seen.is_own(each):
                continue
            if any(send.is_running and send.chat_id == each.chat_id for send in opened):
                self._judge_later(account, each)
            elif not self._may_be_own(each, opened):
                noting.append(self._noting(account, each))
        return (*noting, forgetting)

    def _judge_later(self, account: AccountRuntime, wrote: Wrote) -> None:
        """Wait for the answers to what is under way in that chat: they tell whose the message is."""
        task = asyncio.create_task(self._judge(account, wrote))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def _judge(self, account: AccountRuntime, wrote: Wrote) -> None:
        try:
            while True:
                await asyncio.sleep(_JUDGED_EVERY_SECS)
                since = self._clock.now() - _KEPT
                opened = await self._claims.open_sends(account.id, since)
                if not any(each.is_running and each.chat_id == wrote.chat_id for each in opened):
                    break
            if not account.owner_seen.is_own(wrote) and not self._may_be_own(wrote, opened):
                await self._db.write(self._noting(account, wrote))
        except (StorageFailed, ConstraintFailed) as error:
            _log.warning("where an owner wrote was not noted (%s)", type(error).__name__)

    def _noting(self, account: AccountRuntime, wrote: Wrote) -> Statement:
        return rows.NOTE_ACTIVITY.bind(
            account_id=account.id,
            chat=self._digest(account, wrote.chat_id),
            at_ms=to_ms(min(wrote.at, self._clock.now())),
        )

    def _may_be_own(self, wrote: Wrote, opened: Sequence[OpenSend]) -> bool:
        """Tell whether it may be what became of a send of which nobody knows the outcome."""
        longest = timedelta(seconds=self._settings.send_deadline_secs) + _CLOCKS_DIFFER_BY
        return any(
            each.chat_id == wrote.chat_id
            and each.sent_at - _CLOCKS_DIFFER_BY <= wrote.at <= each.sent_at + longest
            for each in opened
        )

    def _digest(self, account: AccountRuntime, chat_id: int) -> bytes:
        return AccountSeal(self._key, account.owner, account.id).digest(_KIND, chat_id)
