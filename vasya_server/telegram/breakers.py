"""What Telegram has asked an account to leave alone, kept to without asking it again (D-8.4).

Every request of an account passes here. A flood wait shuts one method, slow mode one chat to messages, a frozen account
every change; a spam limit is kept to by whoever knows that a chat is new. What is shut answers at once, from here, and is
shut after a restart.

A frozen account is tried again after an hour: of the changes that come then one goes to Telegram, and what becomes of it
counts for the others.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon.tl import types as t

from vasya_server.clock import from_ms, to_ms
from vasya_server.errors import (
    AccountFrozen,
    AccountSpamLimited,
    FloodWait,
    SlowMode,
    StorageFailed,
)
from vasya_server.events.record import Draft
from vasya_server.ids import KeyId
from vasya_server.model.account import Restriction
from vasya_server.model.event import EventData, EventType
from vasya_server.model.limits import Flood
from vasya_server.sessions.breakers import BreakerState, Hit
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.directory import CHANNEL_MARK
from vasya_server.telegram.progress import current_progress

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.auth.principal import Principal
    from vasya_server.clock import Clock
    from vasya_server.errors import VasyaError
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.breakers import BreakerStore
    from vasya_server.telegram.accounts import AccountRuntime

_log: Final = logging.getLogger(__name__)

_SPAM_SECS: Final = 86_400
_FROZEN_SECS: Final = 3_600
# As long as the one change that tries may take, with its deadline.
_TRIAL_SECS: Final = 60
# How long a wait that is over is told of.
_UNBROKEN: Final = BreakerState()
_HISTORY_MS: Final = 86_400_000
_LAYER: Final = "telethon.tl.functions"


class Breakers:
    """What one account leaves alone."""

    def __init__(
        self, account: AccountRuntime, store: BreakerStore, events: EventLog, clock: Clock
    ) -> None:
        self._account = account
        self._store = store
        self._events = events
        self._clock = clock
        self._state = BreakerState()

    async def load(self) -> None:
        """Take up what is stored.

        Raises:
            StorageFailed: It cannot be read.
        """
        self._state = await self._store.load()

    def admit(self, request: TLRequest, *, is_change: bool) -> None:
        """See that nothing keeps the request from Telegram.

        Raises:
            FloodWait, SlowMode, AccountFrozen: Something does; nothing was sent.
        """
        state = self._state
        if is_change:
            self.require_thawed()
        if state.floods and (secs := self._left(state.floods.get(method_of(request)))):
            raise FloodWait(secs)
        if state.slow and is_change and (chat := _written_to(request)) is not None:
            self.require_unhurried(chat)

    def begin_change(self) -> None:
        """Notice that a change is about to leave: of a frozen account's, the one that tries.

        Raises:
            AccountFrozen: Another one does.
        """
        if (frozen := self._state.frozen) is not None:
            self.require_thawed()
            frozen.until_ms = self._now_ms() + _TRIAL_SECS * 1000

    def require_thawed(self) -> None:
        """See that the account is not frozen, or has to be tried again.

        Raises:
            AccountFrozen: It is.
        """
        if secs := self._left(self._state.frozen):
            raise AccountFrozen("FROZEN_METHOD_INVALID", retry_after_secs=secs)

    def require_unhurried(self, chat: int) -> None:
        """See that the slow mode of the chat does not ask for a pause.

        Raises:
            SlowMode: It does.
        """
        if secs := self._left(self._state.slow.get(chat)):
            raise SlowMode(secs, "SLOWMODE_WAIT")

    def require_trusted(self) -> None:
        """See that the account may write to somebody for the first time.

        Raises:
            AccountSpamLimited: Telegram limits it.
        """
        if secs := self._left(self._state.spam):
            raise AccountSpamLimited("PEER_FLOOD", retry_after_secs=secs)

    @property
    def is_spam_limited(self) -> bool:
        """Whether the account may write to nobody for the first time."""
        return self._left(self._state.spam) > 0

    async def note(self, request: TLRequest, error: VasyaError) -> None:
        """Keep to what a refusal of Telegram's asks for, and tell the owner what only the owner can mend."""
        state, key_id = self._state, current_progress().key_id
        news: Restriction | None = None
        match error:
            case SlowMode():
                if (chat := _written_to(request)) is not None:
                    state.slow[chat] = self._hit(state.slow.get(chat), error.retry_after_secs)
            case FloodWait():
                method = method_of(request)
                state.floods[method] = self._hit(state.floods.get(method), error.retry_after_secs)
            case AccountSpamLimited():
                is_news, error.retry_after_secs = not self.is_spam_limited, _SPAM_SECS
                state.spam = self._hit(state.spam, _SPAM_SECS)
                news = self._spam() if is_news else None
            case AccountFrozen():
                is_news, error.retry_after_secs = state.frozen is None, _FROZEN_SECS
                state.frozen = self._hit(state.frozen, _FROZEN_SECS)
                news = self._frozen() if is_news else None
            case _:
                return
        await self._save(news, key_id)

    async def note_done(self) -> None:
        """Take notice that Telegram has made a change: the account is not frozen, or not any more."""
        if self._state.frozen is not None:
            self._state.frozen = None
            await self._save(None, None)

    def floods(self) -> list[Flood]:
        """Return the methods that Telegram has asked to be left alone, the open waits and those of the last day."""
        return [
            Flood(method=method, until=from_ms(hit.until_ms), count=hit.count)
            for method, hit in sorted(self._state.floods.items())
        ]

    def restrictions(self, who: Principal | None = None) -> list[Restriction]:
        """Return what the account may not do now, in plain sentences; which other key has met it is not a key's business.

        Args:
            who: Whom it is told; None: a human.
        """
        if self._state == _UNBROKEN:
            return []
        found = [self._frozen(), self._spam()]
        found += [self._flood(method, hit) for method, hit in sorted(self._state.floods.items())]
        told = [each for each in found if each is not None]
        if who is None or who.is_human:
            return told
        return [
            each if each.key_id == who.key_id else msgspec.structs.replace(each, key_id=None)
            for each in told
        ]

    def _frozen(self) -> Restriction | None:
        return self._told(
            "account_frozen",
            self._state.frozen,
            "Telegram has frozen this account: every change is refused, and one is tried again at {until}. Reading goes "
            "on. The account's owner has to appeal in a Telegram app.",
        )

    def _spam(self) -> Restriction | None:
        return self._told(
            "account_spam_limited",
            self._state.spam,
            "Telegram limits this account for writing to strangers: first messages to new chats are refused until "
            "{until}. Chats in which something was said already go on. @SpamBot tells the owner more.",
        )

    def _flood(self, method: str, hit: Hit) -> Restriction | None:
        return self._told(
            "telegram_flood_wait",
            hit,
            f"Telegram asks for a pause: {method} is not called until {{until}}. Everything else goes on.",
        )

    def _told(self, kind: str, hit: Hit | None, sentence: str) -> Restriction | None:
        if hit is None or not self._left(hit):
            return None
        until = from_ms(hit.until_ms)
        cause = sentence.format(until=until.strftime("%Y-%m-%d %H:%M:%S UTC"))
        return Restriction(kind=kind, until=until, cause=cause, key_id=hit.key_id)

    def _hit(self, earlier: Hit | None, secs: int) -> Hit:
        return Hit(
            until_ms=self._now_ms() + secs * 1000,
            count=earlier.count + 1 if earlier else 1,
            key_id=current_progress().key_id,
        )

    def _left(self, hit: Hit | None) -> int:
        """Return for how many seconds more it holds, 0: no longer."""
        if hit is None:
            return 0
        return max(0, math.ceil((hit.until_ms - self._now_ms()) / 1000))

    async def _save(self, news: Restriction | None, key_id: str | None) -> None:
        """Store how things are, with the event of what is new; a disk that is full forgets it with the process."""
        self._forget()
        drafts = []
        if news is not None:
            drafts.append(
                Draft(
                    type=EventType.ACCOUNT_LIMITED,
                    at=self._clock.now(),
                    data=EventData(restriction=news),
                    key_id=KeyId(key_id) if key_id else None,
                )
            )
        account, saving = self._account, self._store.saving(self._state)
        try:
            await self._events.append(account.owner, account.id, drafts, saving)
        except (StorageFailed, ConstraintFailed):
            _log.warning("a limit of Telegram's was not stored", extra={"account_id": account.id})

    def _forget(self) -> None:
        """Forget what has been over for long."""
        state, now_ms = self._state, self._now_ms()
        over_ms = now_ms - _HISTORY_MS
        state.floods = {m: hit for m, hit in state.floods.items() if hit.until_ms > over_ms}
        state.slow = {chat: hit for chat, hit in state.slow.items() if hit.until_ms > now_ms}

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def method_of(request: TLRequest) -> str:
    """Return Telegram's own name for the method, like `messages.sendMessage`."""
    kind = type(request)
    group = kind.__module__.removeprefix(_LAYER).lstrip(".")
    name = kind.__name__.removesuffix("Request")
    name = name[:1].lower() + name[1:]
    return f"{group}.{name}" if group else name


def _written_to(request: Any) -> int | None:
    """Return the supergroup in which the request makes a message; None: only those have a slow mode."""
    if not hasattr(request, "random_id") and not hasattr(request, "multi_media"):
        return None
    peer = getattr(request, "to_peer", None) or getattr(request, "peer", None)
    return -CHANNEL_MARK - peer.channel_id if isinstance(peer, t.InputPeerChannel) else None
