"""Whether a webhook may be told of an event now, and the one request that tells it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.clock import to_ms
from vasya_server.delivery.attempts import answered, unanswered
from vasya_server.delivery.audience import Audience, EventFilter
from vasya_server.delivery.pins import Pins
from vasya_server.delivery.signing import signed_headers
from vasya_server.errors import AccessDenied, KeyEnded, OutboundFailed, OutboundRefused

if TYPE_CHECKING:
    from vasya_server.delivery.attempts import Outcome
    from vasya_server.delivery.hooks import Hook
    from vasya_server.delivery.means import Means
    from vasya_server.events.record import Recorded
    from vasya_server.ids import OwnerId

_NEEDED: Final = frozenset({Scope.EVENTS_READ, Scope.WEBHOOKS_WRITE})


class KeyChanged(Exception):
    """What was being posted may have been posted under a grant that holds no more; it is judged anew."""


class Poster:
    """Asks and posts for one webhook; `hook` is what it is now."""

    def __init__(self, means: Means, hook: Hook) -> None:
        self.hook = hook
        self._means = means
        self._who: Principal | None = _human(hook.owner) if hook.lineage is None else None
        self._posts: set[asyncio.Task[Outcome]] = set()
        # How often the key was changed: what was judged before a change is not posted after it.
        self.changes = 0

    @property
    def host(self) -> str:
        """Whom it posts to."""
        return urlsplit(self.hook.config.url).netloc

    @property
    def who(self) -> Principal | None:
        """For whom it is told of events, as of the last look; None: for nobody any more."""
        return self._who

    def pins(self) -> Pins:
        """Return what keeps connected the accounts of which it wants to know.

        Raises:
            KeyEnded: It may know of none.
        """
        if self._who is None:
            raise KeyEnded
        return Pins(self._means.accounts, self._who, self._filter())

    async def has_key(self) -> bool:
        """Tell whether the webhook is a human's, or the key that it belongs to is alive.

        Raises:
            StorageFailed: That cannot be read.
        """
        if self.hook.lineage is not None:
            self._who = await self._means.heirs.of(self.hook.owner, self.hook.lineage)
        return self._who is not None

    async def may_tell(self, record: Recorded) -> bool:
        """Tell whether the webhook wants the event and may be told of it at this moment (D-10.4).

        Raises:
            KeyEnded: It may be told of nothing any more.
            VasyaError: That cannot be found out now.
        """
        types = self.hook.config.types
        if types is not None and record.draft.type not in types:
            return False
        if not await self.has_key() or self._who is None:
            raise KeyEnded
        if not self._who.scopes >= _NEEDED:
            return False
        try:
            self._means.accounts.get(self.hook.owner, record.account_id)
        except AccessDenied:  # erased since it was read
            return False
        return bool(await Audience(self._means.accounts, self._who, self._filter()).told([record]))

    async def post(self, message_id: str, body: bytes, judged_at: int) -> Outcome:
        """Post once, and return what came of it.

        Args:
            judged_at: `changes`, as it was before anybody asked whether this may be posted.

        Raises:
            KeyChanged: The key was, since then.
        """
        if judged_at != self.changes:
            raise KeyChanged
        posting = asyncio.create_task(self._answer(message_id, body))
        self._posts.add(posting)
        try:
            await asyncio.wait({posting})
        except asyncio.CancelledError:
            posting.cancel()
            await asyncio.wait({posting})
            raise
        finally:
            self._posts.discard(posting)
        if posting.cancelled():
            raise KeyChanged
        outcome = posting.result()
        self._means.hosts.note(self.host, is_alive=outcome.is_alive)
        return outcome

    def key_changed(self, subject: str) -> bool:
        """Break off what is being posted where the key that changed may be ours; tell whether it is."""
        if self.hook.lineage is None:
            return False
        if self._who is not None and subject not in {self.hook.owner, self._who.key_id}:
            return False
        self.changes += 1
        for posting in self._posts:
            posting.cancel()
        return True

    async def _answer(self, message_id: str, body: bytes) -> Outcome:
        means, now = self._means, self._means.clock.now()
        keys = self.hook.secrets.at(to_ms(now))
        headers = signed_headers(keys, message_id, int(now.timestamp()), body)
        try:
            answer = await means.outbound.post(
                self.hook.config.url,
                body,
                {"content-type": "application/json", **headers},
                deadline_secs=means.settings.webhook_deadline_secs,
            )
        except (OutboundRefused, OutboundFailed) as error:
            return unanswered(error)
        return answered(answer, means.clock.now())

    def _filter(self) -> EventFilter:
        config = self.hook.config
        return EventFilter(accounts=config.account_ids, chats=config.chats, types=config.types)


def _human(owner: OwnerId) -> Principal:
    """Return for whom a human's webhook is told of events: the owner."""
    return Principal(
        kind=PrincipalKind.EMBEDDED, owner=owner, scopes=frozenset(Scope), is_human=True
    )
