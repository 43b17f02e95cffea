"""The agent keys that were presented lately, in memory: what makes a request cheap, and what a revocation ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.clock import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vasya_server.auth.key_records import KeyRecord
    from vasya_server.auth.principal import Principal
    from vasya_server.auth.scopes import Scope
    from vasya_server.clock import Clock
    from vasya_server.ids import KeyId, OwnerId

# After this long a row is read again, so that one that somebody else wrote is noticed.
_TRUSTED_FOR: Final = timedelta(seconds=60)
_USED_RESOLUTION_MS: Final = 60_000
_LOOK_EVERY_SECS: Final = 1.0


@dataclass(slots=True)
class _Entry:
    record: KeyRecord
    principal: Principal
    read_at: datetime
    good_until: datetime
    used_at: datetime
    noted_ms: int | None = None
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    was_changed: bool = False


class Watch:
    """Tells whoever has something open for a key that the key may not have it any longer."""

    def __init__(self, entry: _Entry | None, clock: Clock) -> None:
        self._entry = entry
        self._clock = clock

    @property
    def is_over(self) -> bool:
        """Tell whether the key was revoked, given another grant, or has expired since."""
        entry = self._entry
        return (
            entry is None
            or entry.is_over.is_set()
            or entry.record.has_ended(to_ms(self._clock.now()))
        )

    @property
    def reason(self) -> str:
        """Say in a code why it is over."""
        entry = self._entry
        if entry is not None and entry.was_changed:
            return "key_changed"
        is_expired = entry is not None and entry.record.has_ended(to_ms(self._clock.now()))
        return "key_expired" if is_expired else "key_revoked"

    async def over(self) -> None:
        """Wait until it is: a revocation is noticed at once, an expiry within a second."""
        while self._entry is not None and not self.is_over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_SECS):
                    await self._entry.is_over.wait()


class KnownKeys:
    """Keys whose rows were read within the last minute, and when each was used last.

    `listeners` are told at once of every key that was changed or ended, known or not: by its id, or its owner for all.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_digest: dict[bytes, _Entry] = {}
        self._by_id: dict[KeyId, _Entry] = {}
        self._left: dict[
            KeyId, int
        ] = {}  # the minute in which keys that are known no more were used last
        self.listeners: list[Callable[[str], None]] = []
        self._disabled: Callable[[OwnerId], frozenset[Scope]] = lambda _: frozenset()

    def obey(self, disabled: Callable[[OwnerId], frozenset[Scope]]) -> None:
        """Give no key a scope that its owner has switched off, from now on."""
        self._disabled = disabled

    def principal(self, record: KeyRecord) -> Principal:
        """Return who presents the key, with the scopes that are on now."""
        return record.principal(self._disabled(record.owner))

    def find(self, token: bytes) -> Principal | None:
        """Return who presents *token*, where that is known for certain now."""
        entry = self._by_digest.get(hashlib.sha256(token).digest())
        if entry is None:
            return None
        now = self._clock.now()
        # Both ends, so that a clock that is set back makes nothing good for longer.
        if not entry.read_at <= now < entry.good_until:
            return None
        entry.used_at = now
        return entry.principal

    def learn(self, record: KeyRecord) -> Principal:
        """Know the key whose row was just read, and is used now."""
        now = self._clock.now()
        entry = self._by_id.get(record.id)
        if entry is None or entry.record.generation != record.generation:
            if entry is not None:
                entry.was_changed = True
            self.forget(record.id)
            entry = _Entry(record, self.principal(record), now, now, now)
            self._by_id[record.id] = self._by_digest[record.digest] = entry
        entry.read_at = entry.used_at = now
        entry.good_until = self._good_until(record, now)
        return entry.principal

    def replace(self, record: KeyRecord) -> None:
        """Know the key as it was just changed; what is open for it ends where its grant is another, or its time is over."""
        self._tell(record.id)
        entry = self._by_id.get(record.id)
        if entry is None:
            return
        is_same = entry.record.digest == record.digest
        is_same = is_same and entry.record.grant.reach == record.grant.reach
        if not is_same or record.has_ended(to_ms(self._clock.now())):
            entry.was_changed = not is_same
            self.forget(record.id)
            return
        entry.record, entry.principal = record, self.principal(record)
        entry.good_until = self._good_until(record, entry.read_at)

    def forget(self, key_id: KeyId) -> None:
        """Know the key no more, and end what is open for it."""
        entry = self._by_id.pop(key_id, None)
        if entry is not None:
            del self._by_digest[entry.record.digest]
            self._left[key_id] = _minute_of(entry.used_at)
            entry.is_over.set()

    def end(self, key_id: KeyId) -> None:
        """Know the key no more, because it was ended, and end what is open or was set up for it."""
        self.forget(key_id)
        self._tell(key_id)

    def forget_all(self, owner: OwnerId) -> None:
        """Know none of the owner's keys, and end what is open or was set up for them."""
        self._tell(owner)
        for key_id in [id_ for id_, entry in self._by_id.items() if entry.record.owner == owner]:
            self.forget(key_id)

    def rejudge(self, owner: OwnerId) -> None:
        """See, when scopes were switched off or on, that no key goes on with what it had; what is open for such a key ends."""
        self._tell(owner)
        for entry in [each for each in self._by_id.values() if each.record.owner == owner]:
            if entry.principal.scopes != self.principal(entry.record).scopes:
                entry.was_changed = True
                self.forget(entry.record.id)

    def watch(self, key_id: KeyId) -> Watch:
        """Return what tells when the key ends; one that is not known has ended."""
        return Watch(self._by_id.get(key_id), self._clock)

    def last_used_at(self, record: KeyRecord) -> datetime | None:
        """Return the minute in which the key was used last, as far as that is known."""
        entry = self._by_id.get(record.id)
        used_at_ms = self._left.get(record.id) if entry is None else _minute_of(entry.used_at)
        if used_at_ms is None:
            used_at_ms = record.last_used_at_ms
        if used_at_ms is None or not 0 <= used_at_ms <= to_ms(self._clock.now()):
            return None  # the one column that no box covers
        return from_ms(used_at_ms)

    def take_used(self) -> dict[KeyId, int]:
        """Return in which minute (in ms) keys were used last, of those where that was not returned before."""
        used, self._left = self._left, {}
        for key_id, entry in self._by_id.items():
            minute = _minute_of(entry.used_at)
            if minute != entry.noted_ms:
                used[key_id] = entry.noted_ms = minute
        return used

    def _tell(self, subject: str) -> None:
        for listener in self.listeners:
            listener(subject)

    @staticmethod
    def _good_until(record: KeyRecord, read_at: datetime) -> datetime:
        until = read_at + _TRUSTED_FOR
        return until if record.expires_at_ms is None else min(until, from_ms(record.expires_at_ms))


def _minute_of(at: datetime) -> int:
    """Return the beginning of the minute, in ms: when exactly a key was used is nobody's business for long."""
    at_ms = to_ms(at)
    return at_ms - at_ms % _USED_RESOLUTION_MS
