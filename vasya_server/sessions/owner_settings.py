"""What an owner has set: whether anything may be sent, whose midnight `today` begins at, how long events are kept.

All of it is in memory, because every change asks for it. Closing the gate holds there at once and is stored with the
outcome of whatever closed it; opening it is stored first. What is stored is added to, and the newest must open: a row that
was changed, moved, put in by somebody without the master key or taken away is a closed gate, never an open one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import UNSET, UnsetType

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal
from vasya_server.ids import OwnerId
from vasya_server.store import owner_settings as rows

if TYPE_CHECKING:
    from datetime import tzinfo

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Statement

_log: Final = logging.getLogger(__name__)

Pacing = Literal["human", "off"]

_PLACE: Final = "settings"
_FIRST: Final = 1
_UTC: Final = "UTC"
# Files beside the zones that are none: what the machine is set to, and what says that nothing is set.
_NOT_ZONES: Final = {"localtime", "Factory"}


class OwnerChat(msgspec.Struct, frozen=True, kw_only=True):
    """The line by which the owner's other devices decide (docs/api/owner-chat.md).

    Args:
        is_on: Something is posted and obeyed.
        account_id: In whose Saved Messages; it stays when the line is off, because what was posted there stays too.
        digest_at: `HH:MM` in the owner's time zone; None: no digest.
        opening: When the line was opened, in ms: a code of an earlier opening answers nothing.
        earlier: Accounts whose Saved Messages were the line before.
    """

    is_on: bool = False
    account_id: str | None = None
    digest_at: str | None = None
    opening: int = 0
    earlier: tuple[str, ...] = ()

    def holds(self, account_id: str) -> bool:
        """Tell whether control messages may stand in that account's Saved Messages."""
        return account_id == self.account_id or account_id in self.earlier


NO_OWNER_CHAT: Final = OwnerChat()


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed; a field that came later has a default, so that older rows open."""

    can_send: bool
    time_zone: str
    takeover_secs: int = 0
    event_retention_secs: int | None = None
    can_webhooks_carry_content: bool = False
    owner_chat: OwnerChat = NO_OWNER_CHAT
    disabled_scopes: tuple[str, ...] = ()
    pacing: Pacing = "human"


class _Given(TypedDict, total=False):
    """What may be set beside the gate."""

    time_zone: str | UnsetType
    takeover_secs: int | UnsetType
    event_retention_secs: int | UnsetType
    can_webhooks_carry_content: bool | UnsetType
    owner_chat: OwnerChat | UnsetType
    disabled_scopes: frozenset[str] | UnsetType
    pacing: Pacing | UnsetType


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSettings:
    """What an owner has set.

    Args:
        can_send: The owner's gate is open.
        time_zone: An IANA name.
        takeover_secs: For how long agents do not send to a chat after the owner wrote there; 0: they may.
        event_retention_secs: None: as long as the server keeps events.
        can_webhooks_carry_content: Events may leave the host with what was written in them.
        disabled_scopes: By their names: no agent key has them, whatever it was given.
        pacing: `off`: sends wait for no turn, where the server does not face Telegram's own data centres.
        is_readable: False where what is stored does not open: then the gate is closed.
    """

    can_send: bool = True
    time_zone: str = _UTC
    takeover_secs: int = 0
    event_retention_secs: int | None = None
    can_webhooks_carry_content: bool = False
    owner_chat: OwnerChat = NO_OWNER_CHAT
    disabled_scopes: frozenset[str] = frozenset()
    pacing: Pacing = "human"
    is_readable: bool = True

    @property
    def zone(self) -> tzinfo:
        """Return the time zone; UTC where this machine does not know it any more."""
        return ZoneInfo(self.time_zone if is_time_zone(self.time_zone) else _UTC)


# Of one who is not held: made since the start, or it would be.
_NOTHING_SET: Final = OwnerSettings()
_UNREADABLE: Final = OwnerSettings(can_send=False, is_readable=False)


class SettingsStore:
    """The settings of every owner; there is one per process, and nobody else writes them."""

    def __init__(self, db: Database, key: MasterKey) -> None:
        self._db = db
        self._key = key
        self._held: dict[OwnerId, OwnerSettings] = {}
        # The last that was given out: what is stored later stands above what was sealed earlier.
        self._generations: dict[OwnerId, int] = {}
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Load what every owner has set.

        Raises:
            StorageFailed: It cannot be read.
        """
        for row in await self._db.all(rows.ALL_SETTINGS, rows.SettingsRow):
            self._hold(row)

    async def of(self, owner: OwnerId) -> OwnerSettings:
        """Return what *owner* has set; only of one who was made since the start anything is read.

        Raises:
            StorageFailed: It cannot be read.
        """
        if owner not in self._held:
            row = await self._db.one(rows.SETTINGS_OF_OWNER, rows.SettingsRow, owner_id=owner)
            if row is not None and owner not in self._held:
                self._hold(row)
        return self.held(owner)

    def held(self, owner: OwnerId) -> OwnerSettings:
        """Return what is known of *owner* now; the gate of one of whom nothing is known is closed."""
        return self._held.get(owner, _UNREADABLE)

    def disabled_scopes(self, owner: OwnerId) -> frozenset[str] | None:
        """Return the scopes that no key of *owner* has now; None: all, because what is stored does not open."""
        held = self._held.get(owner, _NOTHING_SET)
        return held.disabled_scopes if held.is_readable else None

    async def change(
        self,
        owner: OwnerId,
        *,
        can_send: bool | UnsetType = UNSET,
        **given: Unpack[_Given],
    ) -> OwnerSettings:
        """Store what is given, leave the rest, and return what holds now.

        Raises:
            StorageFailed: It cannot be stored; nothing is changed.
        """
        async with self._changing:
            while True:
                before = await self.of(owner)
                wanted = _changed(before, can_send, given)
                is_stored = await self._db.write(self._sealed(owner, wanted)) == [1]
                if self._held.get(owner) is not before:
                    can_send = UNSET  # closed while this was stored: that is the later word
                elif is_stored:
                    self._held[owner] = wanted
                    return wanted

    async def close_line(self, owner: OwnerId) -> None:
        """Switch the owner's chat off, in memory first: whoever guesses codes has no further try while a disk is slow.

        Raises:
            StorageFailed: It is off until the next start.
        """
        before = self.held(owner)
        off = msgspec.structs.replace(before.owner_chat, is_on=False)
        self._held[owner] = replace(before, owner_chat=off)
        await self.change(owner, owner_chat=off)

    def close(self, owner: OwnerId, **given: Unpack[_Given]) -> OwnerSettings:
        """Close the owner's gate in memory; whoever does so has `closing` stored with the outcome."""
        before = self._held.get(owner, _NOTHING_SET)
        closed = self._held[owner] = _changed(before, False, given)  # noqa: FBT003 — as named there
        return closed

    def closing(self, owner: OwnerId) -> tuple[Statement, ...]:
        """Return what stores that the gate is closed, however late; nothing where it is open."""
        held = self._held.get(owner)
        return () if held is None or held.can_send else (self._sealed(owner, held),)

    def _hold(self, row: rows.SettingsRow) -> None:
        owner = OwnerId(row.owner_id)
        self._generations[owner] = row.generation or 0
        self._held[owner] = self._read(row)
        if not self._held[owner].is_readable:
            _log.error(
                "the settings of an owner do not open: their send gate is closed until a human sets it"
            )

    def _read(self, row: rows.SettingsRow) -> OwnerSettings:
        if row.generation is None or row.sealed is None:
            return _UNREADABLE
        place = (Purpose.SETTINGS, row.owner_id, _PLACE)
        try:
            plaintext = open_sealed(self._key, *place, generation=row.generation, box=row.sealed)
            stored = msgspec.msgpack.decode(plaintext, type=_Stored)
        except (SealBroken, msgspec.MsgspecError):
            return _UNREADABLE
        return OwnerSettings(
            can_send=stored.can_send,
            time_zone=stored.time_zone,
            takeover_secs=stored.takeover_secs,
            event_retention_secs=stored.event_retention_secs,
            can_webhooks_carry_content=stored.can_webhooks_carry_content,
            owner_chat=stored.owner_chat,
            disabled_scopes=frozenset(stored.disabled_scopes),
            pacing=stored.pacing,
        )

    def _sealed(self, owner: OwnerId, settings: OwnerSettings) -> Statement:
        generation = self._generations.get(owner, _FIRST) + 1
        self._generations[owner] = generation
        return _adding(self._key, owner, settings, generation)


def first_settings(key: MasterKey, owner: OwnerId) -> Statement:
    """Return what a new owner begins with: it is stored with the owner, so that no owner is without."""
    return _adding(key, owner, OwnerSettings(), _FIRST)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_ZONES


def is_time_zone(name: str) -> bool:
    """Tell whether *name* is a time zone that this machine knows, by its IANA name."""
    return name in _time_zones()


def _adding(key: MasterKey, owner: OwnerId, settings: OwnerSettings, generation: int) -> Statement:
    stored = _Stored(
        can_send=settings.can_send,
        time_zone=settings.time_zone,
        takeover_secs=settings.takeover_secs,
        event_retention_secs=settings.event_retention_secs,
        can_webhooks_carry_content=settings.can_webhooks_carry_content,
        owner_chat=settings.owner_chat,
        disabled_scopes=tuple(sorted(settings.disabled_scopes)),
        pacing=settings.pacing,
    )
    box = seal(
        key,
        Purpose.SETTINGS,
        owner,
        _PLACE,
        generation=generation,
        plaintext=msgspec.msgpack.encode(stored),
    )
    return rows.ADD_SETTINGS.bind(owner_id=owner, generation=generation, sealed=box)


def _changed(
    before: OwnerSettings,
    can_send: bool | UnsetType,  # noqa: FBT001 — the value is the subject
    given: _Given,
) -> OwnerSettings:
    fields = {"can_send": can_send, **given}
    said: dict[str, Any] = {name: value for name, value in fields.items() if value is not UNSET}
    return replace(before, **said, is_readable=True)
