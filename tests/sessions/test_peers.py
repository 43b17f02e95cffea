from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from vasya_server.crypto.records import AccountSeal
from vasya_server.ids import AccountId, OwnerId
from vasya_server.sessions.peers import Peer, PeerStore
from vasya_server.sessions.vault import Profile, SessionState, Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Entry, Query, Statement, Value

T = TypeVar("T", bound=msgspec.Struct)

ACCOUNT = AccountId("acc_aaaaaaaaaaaaaaaaaaaaaaaaaa")
OTHER = AccountId("acc_bbbbbbbbbbbbbbbbbbbbbbbbbb")


async def added(vault: Vault, account: AccountId, user_id: int) -> OwnerId:
    owner = await vault.owner("local")
    state = SessionState(dc_id=2, host="127.0.0.1", port=443, auth_key=b"k", user_id=user_id)
    await vault.create(owner, account, state, Profile(user_id=user_id))
    return owner


@pytest.fixture
async def owner(vault: Vault) -> OwnerId:
    return await added(vault, ACCOUNT, 1)


@pytest.fixture
def peers(vault: Vault, owner: OwnerId) -> PeerStore:
    return vault.peers(owner, ACCOUNT)


@pytest.fixture
def stored(vault: Vault, owner: OwnerId) -> PeerStore:
    """What the database alone knows, without anything in memory."""
    return vault.peers(owner, ACCOUNT)


class Counting:
    """A database that counts how often it is asked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.reads = 0
        self.writes = 0

    async def all(self, query: Query, into: type[T], **params: Value) -> list[T]:
        self.reads += 1
        return await self._db.all(query, into, **params)

    async def one(self, query: Query, into: type[T], **params: Value) -> T | None:
        self.reads += 1
        return await self._db.one(query, into, **params)

    async def write(self, *statements: Statement, entries: Sequence[Entry] = ()) -> list[int]:
        self.writes += 1
        return await self._db.write(*statements, entries=entries)

    @property
    def journal_fault(self) -> str | None:
        return self._db.journal_fault

    def ask_journal(self) -> None:
        self._db.ask_journal()

    async def resume_journal(self) -> None:
        await self._db.resume_journal()

    async def ping(self) -> None:
        await self._db.ping()

    async def close(self) -> None:
        await self._db.close()


@pytest.fixture
def counting(db: Database) -> Counting:
    return Counting(db)


@pytest.fixture
def counted(counting: Counting, key: MasterKey, owner: OwnerId) -> PeerStore:
    return PeerStore(counting, AccountSeal(key, owner, ACCOUNT), ACCOUNT)


async def test_a_peer_is_found_by_id_username_and_phone(
    peers: PeerStore, stored: PeerStore
) -> None:
    ada = Peer(42, -7, "Ada_L", "4915112345678")
    group = Peer(-1001234567890, 2**63 - 1)
    await peers.put([ada, group])

    assert await stored.by_id(42) == ada
    assert await stored.by_id(-1001234567890) == group
    assert await stored.by_username("ada_l") == ada
    assert await stored.by_username("@ADA_L") == ada
    assert await stored.by_phone("4915112345678") == ada
    assert await stored.by_phone("+4915112345678") == ada


async def test_an_unknown_peer_is_none(peers: PeerStore) -> None:
    assert await peers.by_id(42) is None
    assert await peers.by_username("ada") is None
    assert await peers.by_phone("49") is None


async def test_a_peer_seen_once_survives_reopening(
    path: Path, key: MasterKey, clock: Clock
) -> None:
    db = await open_sqlite(path)
    await migrate(db)
    vault = Vault(db, key, clock)
    owner = await added(vault, ACCOUNT, 1)
    await vault.peers(owner, ACCOUNT).put([Peer(42, 7, "ada", "49")])
    await db.close()

    db = await open_sqlite(path)
    again = Vault(db, key, clock).peers(owner, ACCOUNT)
    assert await again.by_id(42) == Peer(42, 7, "ada", "49")
    assert await again.by_username("ada") == Peer(42, 7, "ada", "49")
    await db.close()


async def test_a_username_that_moved_points_to_its_new_peer(
    peers: PeerStore, stored: PeerStore
) -> None:
    await peers.put([Peer(1, 1, "bob", "49")])
    await peers.put([Peer(1, 1, "bobby"), Peer(2, 2, "Bob", "49")])

    for store in (peers, stored):
        assert await store.by_username("bob") == Peer(2, 2, "Bob", "49")
        assert await store.by_phone("49") == Peer(2, 2, "Bob", "49")
        assert await store.by_username("bobby") == Peer(1, 1, "bobby")


async def test_a_username_taken_over_before_the_first_peer_is_met_again(
    peers: PeerStore, stored: PeerStore
) -> None:
    await peers.put([Peer(1, 1, "bob")])
    await peers.put([Peer(2, 2, "bob")])
    # The row of peer 1 still says `bob`; the pointer leads to who had it last.
    for store in (peers, stored):
        assert await store.by_username("bob") == Peer(2, 2, "bob")


async def test_a_name_given_up_points_to_nobody(peers: PeerStore, stored: PeerStore) -> None:
    await peers.put([Peer(1, 1, "bob", "49")])
    await peers.put([Peer(1, 1)])
    for store in (peers, stored):
        assert await store.by_username("bob") is None
        assert await store.by_phone("49") is None
        assert await store.by_id(1) == Peer(1, 1)


async def test_the_later_of_two_in_one_unit_holds_the_name(
    peers: PeerStore, stored: PeerStore
) -> None:
    await peers.put([Peer(1, 1, "bob"), Peer(2, 2, "bob"), Peer(2, 3, "bob")])
    assert await stored.by_username("bob") == Peer(2, 3, "bob")


async def test_accounts_do_not_share_what_they_met(vault: Vault, peers: PeerStore) -> None:
    owner = await added(vault, OTHER, 2)
    await peers.put([Peer(42, 7, "ada")])
    other = vault.peers(owner, OTHER)
    assert await other.by_id(42) is None
    assert await other.by_username("ada") is None


async def test_a_known_peer_is_neither_read_nor_written_again(
    counting: Counting, counted: PeerStore
) -> None:
    await counted.put([Peer(42, 7, "ada")])
    await counted.put([Peer(42, 7, "ada")])
    await counted.put([])
    assert await counted.by_id(42) == Peer(42, 7, "ada")
    assert (counting.reads, counting.writes) == (0, 1)


async def test_memory_holds_the_thousand_used_last(counting: Counting, counted: PeerStore) -> None:
    await counted.put([Peer(n, n) for n in range(1, 1001)])
    await counted.by_id(1)
    await counted.put([Peer(1001, 1)])

    assert await counted.by_id(1) == Peer(1, 1)
    assert await counted.by_id(1000) == Peer(1000, 1000)
    assert counting.reads == 0
    assert await counted.by_id(2) == Peer(2, 2)
    assert counting.reads == 1


async def test_a_cancelled_put_leaves_the_database_to_say(
    peers: PeerStore, stored: PeerStore
) -> None:
    await peers.put([Peer(42, 7, "old")])
    change = asyncio.create_task(peers.put([Peer(42, 8, "new")]))
    await asyncio.sleep(0)
    change.cancel()
    await asyncio.wait([change])

    await peers.put([Peer(1, 1)])

    assert await peers.by_id(42) == await stored.by_id(42)


def tamper(path: Path, statement: str, **params: bytes) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        assert other.execute(statement, params).rowcount > 0


async def test_a_damaged_row_is_a_peer_never_met(
    peers: PeerStore, stored: PeerStore, path: Path
) -> None:
    await peers.put([Peer(42, 7, "ada")])
    tamper(path, "UPDATE peers SET sealed = zeroblob(60)")

    assert await stored.by_id(42) is None
    assert await stored.by_username("ada") is None

    await stored.put([Peer(42, 7, "ada")])
    assert await stored.by_username("ada") == Peer(42, 7, "ada")


async def test_a_row_put_in_the_place_of_another_does_not_open(
    peers: PeerStore, stored: PeerStore, path: Path, key: MasterKey, owner: OwnerId
) -> None:
    await peers.put([Peer(42, 7, "ada"), Peer(666, 6, "eve")])
    digest = AccountSeal(key, owner, ACCOUNT).digest
    ada, eve = digest("id", 42), digest("id", 666)
    tamper(
        path,
        "UPDATE peers SET sealed = (SELECT sealed FROM peers WHERE digest = :eve) "
        "WHERE digest = :ada",
        eve=eve,
        ada=ada,
    )
    assert await stored.by_id(42) is None


async def test_a_name_bent_to_another_peer_is_not_believed(
    peers: PeerStore, stored: PeerStore, path: Path, key: MasterKey, owner: OwnerId
) -> None:
    await peers.put([Peer(42, 7, "ada", "49"), Peer(666, 6, "eve"), Peer(667, 6)])
    digest = AccountSeal(key, owner, ACCOUNT).digest
    for kind, name, peer_id in (("username", "ada", 666), ("phone", "49", 667)):
        tamper(
            path,
            "UPDATE peer_names SET peer_digest = :peer WHERE digest = :name",
            peer=digest("id", peer_id),
            name=digest(kind, name),
        )

    assert await stored.by_username("ada") is None
    assert await stored.by_phone("49") is None


def test_peers_show_nothing_of_the_person() -> None:
    assert repr(Peer(42, 7, "ada", "49")) == "Peer(…)"
