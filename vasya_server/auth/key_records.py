"""What an agent key is beside its secret, and how a row proves that this server wrote it; pure.

One box per row is both what hides the grant and the row's MAC (D-1.3): it is sealed under a key that only the master key
gives, with every other column but the last-used one as its associated data. Whoever can write the database can therefore
add no scope, widen no list, move no expiry, take no revocation back and make no key; what they change does not open.

A row that is put back whole would open again. So every change of a key raises its floor, the generation below which its
rows are old, in another table and under a MAC of its own.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.auth.chat_lists import ChatLists
from vasya_server.auth.policy import NO_POLICY, Policy
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.clock import from_ms
from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal
from vasya_server.ids import AccountId, KeyId, OwnerId
from vasya_server.store import keys as rows

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Query, Statement

FIRST: Final = 1
# Above every generation that a row can have: the floor of a key that was revoked.
NO_GENERATION: Final = 2**62

_KNOWN: Final = {scope.value: scope for scope in Scope}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a human gave a key.

    Args:
        scopes: Names; one that this program does not know opens nothing.
        account_ids: None: every account of the owner, present and future.
        chats: None: all.
        created_by: The kind of credential that made it.
    """

    name: str
    scopes: frozenset[str]
    account_ids: frozenset[AccountId] | None
    chats: ChatLists | None
    created_by: str
    policy: Policy = NO_POLICY

    @property
    def reach(self) -> tuple[object, ...]:
        """Return what it opens and under which rules, without what it is called."""
        return self.scopes, self.account_ids, self.chats, self.policy

    @property
    def known_scopes(self) -> frozenset[Scope]:
        """Return the scopes that open something."""
        return frozenset(_KNOWN[name] for name in self.scopes if name in _KNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An agent key whose row has opened.

    Args:
        lineage: The id of the first key of those that were rotated into one another.
        parent: The key that it replaced.
        generation: How often the row was sealed.
    """

    id: KeyId
    owner: OwnerId
    lineage: str
    parent: KeyId | None
    digest: bytes = field(repr=False)
    generation: int
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_used_at_ms: int | None
    grant: Grant = field(repr=False)

    def has_ended(self, now_ms: int) -> bool:
        """Tell whether it is revoked, however the clock stands, or its time is over."""
        return self.revoked_at_ms is not None or self.ended_by(now_ms)

    def ended_by(self, at_ms: int) -> bool:
        """Tell whether it was revoked, or expired, by that time."""
        return any(
            each is not None and each <= at_ms for each in (self.revoked_at_ms, self.expires_at_ms)
        )

    def principal(self, disabled: frozenset[Scope] = frozenset()) -> Principal:
        """Return who presents it.

        Args:
            disabled: Scopes that its owner has switched off for every key.
        """
        grant = self.grant
        return Principal(
            kind=PrincipalKind.AGENT_KEY,
            owner=self.owner,
            scopes=grant.known_scopes - disabled,
            disabled_scopes=grant.known_scopes & disabled,
            is_human=False,
            lineage=self.lineage,
            key_id=self.id,
            key_name=grant.name,
            account_ids=grant.account_ids,
            chats=grant.chats,
            policy=grant.policy,
            expires_at=None if self.expires_at_ms is None else from_ms(self.expires_at_ms),
        )


@dataclass(frozen=True, slots=True)
class Minted:
    """A key that was just made; *token* is its whole text, which is nowhere else."""

    record: KeyRecord
    token: str = field(repr=False)


def open_row(key: MasterKey, row: rows.KeyRow) -> KeyRecord | None:
    """Return the key that *row* holds, or None where this server did not write it so."""
    bound = _bound(
        row.owner_id,
        row.key_id,
        row.lineage,
        row.parent_id,
        row.digest,
        row.created_at_ms,
        row.expires_at_ms,
        row.revoked_at_ms,
    )
    try:
        opened = open_sealed(
            key, Purpose.AGENT_KEY, *bound, generation=row.generation, box=row.sealed
        )
        grant = msgspec.msgpack.decode(opened, type=Grant)
    except (SealBroken, msgspec.MsgspecError, OverflowError):
        return None
    return KeyRecord(
        id=KeyId(row.key_id),
        owner=OwnerId(row.owner_id),
        lineage=row.lineage,
        parent=None if row.parent_id is None else KeyId(row.parent_id),
        digest=row.digest,
        generation=row.generation,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        last_used_at_ms=row.last_used_at_ms,
        grant=grant,
    )


def sealed(key: MasterKey, record: KeyRecord) -> bytes:
    """Return the box of *record*'s row."""
    bound = _bound(
        record.owner,
        record.id,
        record.lineage,
        record.parent,
        record.digest,
        record.created_at_ms,
        record.expires_at_ms,
        record.revoked_at_ms,
    )
    return seal(
        key,
        Purpose.AGENT_KEY,
        *bound,
        generation=record.generation,
        plaintext=msgspec.msgpack.encode(record.grant),
    )


def adding(
    key: MasterKey, query: Query, record: KeyRecord, *, max_live: int, alive_since_ms: int
) -> Statement:
    """Return what stores a new key, unless *max_live* of those that the query counts are alive."""
    return query.bind(
        expect=1,
        key_id=record.id,
        owner_id=record.owner,
        lineage=record.lineage,
        parent_id=record.parent,
        digest=record.digest,
        generation=record.generation,
        created_at_ms=record.created_at_ms,
        expires_at_ms=record.expires_at_ms,
        sealed=sealed(key, record),
        max_live=max_live,
        alive_since_ms=alive_since_ms,
    )


def resealing(key: MasterKey, record: KeyRecord, expect: int | None = 1) -> tuple[Statement, ...]:
    """Return what stores the next generation of a row, and keeps the ones before it from coming back."""
    floor = record.generation if record.revoked_at_ms is None else NO_GENERATION
    stored = rows.RESEAL_KEY.bind(
        expect=expect,
        key_id=record.id,
        digest=record.digest,
        generation=record.generation,
        expires_at_ms=record.expires_at_ms,
        revoked_at_ms=record.revoked_at_ms,
        sealed=sealed(key, record),
    )
    return stored, raising_floor(key, record.id, floor)


def revoking(
    key: MasterKey, key_id: KeyId, record: KeyRecord | None, since_ms: int
) -> tuple[Statement, ...]:
    """Return what ends a key for good, and may be done twice.

    Args:
        record: None where its row does not open: put right again, it must not be a key again.
    """
    if record is None:
        return (raising_floor(key, key_id, NO_GENERATION),)
    ended = replace(record, generation=record.generation + 1, revoked_at_ms=since_ms)
    return resealing(key, ended, expect=None)


def raising_floor(key: MasterKey, subject: str, floor: int) -> Statement:
    """Return what keeps a key, or an owner's keys, from being again what they were; it may be done twice."""
    return rows.RAISE_FLOOR.bind(subject=subject, floor=floor, mac=_floor_mac(key, subject, floor))


def floor_of(key: MasterKey, row: rows.FloorRow) -> int:
    """Return the floor that *row* sets; one that somebody else wrote lets nothing through."""
    is_ours = hmac.compare_digest(_floor_mac(key, row.subject, row.floor), row.mac)
    return row.floor if is_ours else NO_GENERATION


def _floor_mac(key: MasterKey, subject: str, floor: int) -> bytes:
    said = length_prefixed("agent_key_floors", subject, str(floor))
    return key.digest(Purpose.ROW_MAC)(said)


def _bound(*columns: str | bytes | int | None) -> tuple[str, ...]:
    """Return columns as text, in which no value and no other value of a column are the same."""
    texts = (each.hex() if isinstance(each, bytes) else each for each in columns)
    return tuple("" if each is None else f"={each}" for each in texts)
