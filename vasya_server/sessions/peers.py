"""The peers an account has met: what Telegram needs to be told of them again, and how they are found.

A username or a phone number is a pointer to a peer. Both move between people, so a pointer is believed only where the
peer it leads to still has that name.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.crypto.envelope import SealBroken
from vasya_server.store.peers import (
    FORGET_NAMES,
    PEER,
    PEER_BY_NAME,
    PUT_NAME,
    PUT_PEER,
    PeerRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vasya_server.crypto.records import AccountSeal
    from vasya_server.ids import AccountId
    from vasya_server.store.database import Database, Statement

# Dialogs in use at one time; about 300 bytes each.
_MAX_CACHED: Final = 1000
_PEER: Final = "peer"


class Peer(msgspec.Struct, array_like=True, frozen=True):
    """A user, group or channel by its marked id, and the hash with which this account may address it."""

    id: int
    access_hash: int
    username: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return "Peer(…)"


class PeerStore:
    """The peers of one account: sealed in the database, the latest thousand in memory."""

    def __init__(self, db: Database, seal: AccountSeal, account_id: AccountId) -> None:
        self._db = db
        self._seal = seal
        self._account_id = account_id
        self._cached: OrderedDict[int, Peer] = OrderedDict()

    async def put(self, peers: Sequence[Peer]) -> None:
        """Store *peers* in one unit; of two with the same id, username or phone the later one holds it."""
        if changed := self.changed(peers):
            await self._db.write(*self.storing(changed))
            self.stored(changed)

    def changed(self, peers: Iterable[Peer]) -> list[Peer]:
        """Return those of *peers* that are not known to be stored as they are; of two with one id, the later."""
        changed = {peer.id: peer for peer in peers if self._cached.get(peer.id) != peer}
        return list(changed.values())

    def storing(self, peers: Iterable[Peer]) -> list[Statement]:
        """Return what stores *peers*; whoever has it written calls `stored` then."""
        statements = []
        for peer in peers:
            # Should the write be cancelled or fail, the database alone knows what came of it.
            self._cached.pop(peer.id, None)
            statements += self._statements(peer)
        return statements

    def stored(self, peers: Iterable[Peer]) -> None:
        """Remember *peers*, which were written."""
        for peer in peers:
            self._remember(peer)

    async def by_id(self, peer_id: int) -> Peer | None:
        """Return the peer of that marked id."""
        if (cached := self._cached.get(peer_id)) is not None:
            self._cached.move_to_end(peer_id)
            return cached
        digest = self._seal.digest("id", peer_id)
        row = await self._db.one(PEER, PeerRow, account_id=self._account_id, digest=digest)
        return self._opened(row)

    async def by_username(self, name: str) -> Peer | None:
        """Return the peer that had this username when it was last met; `@` and case do not matter."""
        name = name.removeprefix("@").lower()
        peer = await self._by_name("username", name)
        return peer if peer and peer.username and peer.username.lower() == name else None

    async def by_phone(self, digits: str) -> Peer | None:
        """Return the peer that had this phone number when it was last met."""
        digits = digits.removeprefix("+")
        peer = await self._by_name("phone", digits)
        return peer if peer and peer.phone and peer.phone.removeprefix("+") == digits else None

    async def _by_name(self, kind: str, name: str) -> Peer | None:
        digest = self._seal.digest(kind, name)
        row = await self._db.one(PEER_BY_NAME, PeerRow, account_id=self._account_id, digest=digest)
        return self._opened(row)

    def _opened(self, row: PeerRow | None) -> Peer | None:
        if row is None:
            return None
        try:
            data = self._seal.open(_PEER, row.sealed, binding=row.digest)
        except SealBroken:
            # A damaged or swapped row is a peer never met: Telegram is asked again, and the answer replaces the row.
            return None
        peer = msgspec.msgpack.decode(data, type=Peer)
        self._remember(peer)
        return peer

    def _remember(self, peer: Peer) -> None:
        self._cached[peer.id] = peer
        self._cached.move_to_end(peer.id)
        while len(self._cached) > _MAX_CACHED:
            self._cached.popitem(last=False)

    def _statements(self, peer: Peer) -> list[Statement]:
        digest = self._seal.digest("id", peer.id)
        sealed = self._seal.seal(_PEER, msgspec.msgpack.encode(peer), binding=digest)
        names = []
        if peer.username:
            names.append(self._seal.digest("username", peer.username.lower()))
        if peer.phone:
            names.append(self._seal.digest("phone", peer.phone.removeprefix("+")))
        account_id = self._account_id
        return [
            PUT_PEER.bind(account_id=account_id, digest=digest, sealed=sealed),
            FORGET_NAMES.bind(account_id=account_id, peer_digest=digest),
            *(PUT_NAME.bind(account_id=account_id, digest=n, peer_digest=digest) for n in names),
        ]
