"""What comes between a keyring's reading and its writing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vasya_server.auth.heirs import Heirs
from vasya_server.auth.key_records import Grant
from vasya_server.auth.keyring import Keyring
from vasya_server.auth.scopes import Scope
from vasya_server.crypto.master_key import MasterKey
from vasya_server.errors import KeyEnded, KeyRevoked, StorageFailed, TooManyKeys
from vasya_server.ids import KeyId, OwnerId
from vasya_server.store.database import Query
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.clocks import MovableClock
    from vasya_server.store.database import Database, Statement

OWNER = OwnerId("own_" + "a" * 26)
KEY_ID = KeyId("ak0123456789abcdef")
GRANT = Grant(
    name="x",
    scopes=frozenset({"chats:read"}),
    account_ids=None,
    chats=None,
    created_by="embedded",
)


class Between:
    """A database behind which something happens before a write, once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.happens: Callable[[], Awaitable[object]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def write(self, *statements: Statement, **more: Any) -> list[int]:
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return await self._db.write(*statements, **more)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Between]:
    database = await open_sqlite(tmp_path / "vasya.db")
    await migrate(database)
    add = "INSERT INTO owners (owner_id, subject_digest, created_at_ms) VALUES (:id, x'00', 0)"
    await database.write(Query(add).bind(id=OWNER))
    yield Between(database)
    await database.close()


@pytest.fixture
def reports() -> list[KeyId]:
    return []


@pytest.fixture
def keys(db: Between, reports: list[KeyId], clock: MovableClock) -> Keyring:
    async def report(key_id: KeyId, _owner: OwnerId) -> None:
        reports.append(key_id)

    return Keyring(db, MasterKey(bytes(range(32))), clock, max_live=3, report=report)


async def test_a_revocation_outruns_a_change_that_comes_between(
    keys: Keyring, db: Between, reports: list[KeyId]
) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    db.happens = lambda: keys.save(minted.record, GRANT, 4_000_000_000_000)

    await keys.revoke(OWNER, KEY_ID)

    with pytest.raises(KeyRevoked):
        await keys.authenticate(minted.token.encode())
    record = await keys.find(OWNER, KEY_ID)
    assert record.revoked_at_ms is not None
    assert record.expires_at_ms == 4_000_000_000_000
    assert reports == []


async def test_a_change_outrun_by_another_stores_nothing(keys: Keyring, db: Between) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    db.happens = lambda: keys.save(minted.record, GRANT, 4_000_000_000_000)

    assert await keys.save(minted.record, GRANT, 5_000_000_000_000) is None
    assert (await keys.find(OWNER, KEY_ID)).expires_at_ms == 4_000_000_000_000


async def test_a_rotation_outrun_by_a_change_stores_nothing(keys: Keyring) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    changed = await keys.save(minted.record, GRANT, 4_000_000_000_000)

    assert await keys.rotate(minted.record, KeyId("ak" + "1" * 16), grace_secs=0) is None
    assert await keys.keys_of(OWNER) == [changed]


async def test_a_key_that_is_read_while_it_is_changed_is_not_called_tampered_with(
    keys: Keyring, reports: list[KeyId]
) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    record = minted.record
    for round_ in range(1, 20):
        saving = keys.save(record, GRANT, 4_000_000_000_000 + round_)
        principal, saved = await asyncio.gather(keys.authenticate(minted.token.encode()), saving)
        assert principal.key_id == KEY_ID
        assert saved is not None
        record = saved

    assert reports == []


async def test_what_is_open_for_a_key_whose_row_was_changed_elsewhere_ends_as_changed(
    keys: Keyring, db: Between, clock: MovableClock
) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    await keys.authenticate(minted.token.encode())
    watch = keys.watch(KEY_ID)
    elsewhere = Keyring(db, MasterKey(bytes(range(32))), clock, max_live=3, report=_nobody)
    narrower = msgspec.structs.replace(GRANT, scopes=frozenset({"messages:read"}))
    assert await elsewhere.save(minted.record, narrower, None) is not None
    assert not watch.is_over

    await keys.authenticate(minted.token.encode())

    assert watch.is_over
    assert watch.reason == "key_changed"


async def test_a_key_that_was_revoked_stands_for_nobody_now(keys: Keyring) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    who, watch = await keys.now(OWNER, KEY_ID, minted.record.lineage)
    assert who.key_id == KEY_ID

    await keys.revoke(OWNER, KEY_ID)

    assert watch.is_over
    with pytest.raises(KeyEnded):
        await keys.now(OWNER, KEY_ID, minted.record.lineage)


async def _nobody(_key_id: KeyId, _owner: OwnerId) -> None:
    raise AssertionError("nothing was tampered with")


async def test_a_revocation_that_cannot_be_stored_holds_and_says_what_is_left(
    keys: Keyring, db: Between
) -> None:
    async def fail() -> None:
        raise StorageFailed

    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    db.happens = fail

    await keys.revoke(OWNER, KEY_ID)

    with pytest.raises(KeyRevoked):
        await keys.authenticate(minted.token.encode())
    left = keys.unstored(KEY_ID)
    assert len(left) == 2
    for _ in range(2):  # it may be done twice
        await db.write(*left)
    await keys.revoke(OWNER, KEY_ID)
    with pytest.raises(KeyRevoked):
        await keys.authenticate(minted.token.encode())


async def test_a_disk_that_fails_costs_the_last_use_and_nothing_else(
    keys: Keyring, db: Between
) -> None:
    async def fail() -> None:
        raise StorageFailed

    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    db.happens = fail
    await keys.open()
    await asyncio.sleep(0.01)
    await keys.authenticate(minted.token.encode())
    db.happens = fail

    await keys.close()

    assert (await keys.find(OWNER, KEY_ID)).last_used_at_ms is None


async def test_a_keyring_that_never_opened_closes(keys: Keyring) -> None:
    await keys.close()


async def test_places_are_counted_among_the_living(keys: Keyring) -> None:
    ids = [KeyId(f"ak{n:016x}") for n in range(5)]
    for key_id in ids[:3]:
        await keys.create(key_id, OWNER, GRANT, None)
    with pytest.raises(TooManyKeys):
        await keys.create(ids[3], OWNER, GRANT, None)

    await keys.revoke_all(OWNER)

    assert (await keys.create(ids[4], OWNER, GRANT, None)).record.id == ids[4]


async def test_all_keys_are_revoked_though_nothing_can_be_read_or_stored(
    keys: Keyring, db: Between
) -> None:
    minted = await keys.create(KEY_ID, OWNER, GRANT, None)
    await keys.authenticate(minted.token.encode())
    await db.close()

    assert await keys.revoke_all(OWNER) is None
    assert keys.cached(minted.token.encode()) is None
    assert keys.unstored(OWNER)


@pytest.mark.parametrize(
    ("ends_at_ms", "left_secs"),
    [pytest.param(None, 60, id="no end"), pytest.param(1_000, 1, id="an end before the grace's")],
)
async def test_a_rotated_key_ends_with_its_grace_or_its_own_end(
    keys: Keyring, clock: MovableClock, ends_at_ms: int | None, left_secs: int
) -> None:
    now_ms = int(clock.now().timestamp() * 1000)
    end = None if ends_at_ms is None else now_ms + ends_at_ms
    old = await keys.create(KEY_ID, OWNER, GRANT, end)

    assert await keys.rotate(old.record, KeyId("ak" + "2" * 16), grace_secs=60) is not None

    ended = (await keys.find(OWNER, KEY_ID)).expires_at_ms
    assert ended is not None
    assert abs(ended - now_ms - left_secs * 1000) < 1000


async def test_a_third_live_key_of_a_lineage_is_not_made(keys: Keyring) -> None:
    first = await keys.create(KEY_ID, OWNER, GRANT, None)
    second = await keys.rotate(first.record, KeyId("ak" + "2" * 16), grace_secs=60)
    assert second is not None

    with pytest.raises(TooManyKeys):
        await keys.rotate(second.record, KeyId("ak" + "3" * 16), grace_secs=60)

    assert [record.id for record in await keys.keys_of(OWNER)] == ["ak" + "2" * 16, KEY_ID]


async def test_a_scope_that_is_switched_off_is_nobodys_until_it_is_on_again(keys: Keyring) -> None:
    both = msgspec.structs.replace(GRANT, scopes=frozenset({"chats:read", "messages:read"}))
    other_id = KeyId("ak" + "1" * 16)
    first, other = (
        await keys.create(KEY_ID, OWNER, both, None),
        await keys.create(other_id, OWNER, GRANT, None),
    )
    off: set[Scope] = set()
    keys.known.obey(lambda _: frozenset(off))
    for minted in (first, other):
        await keys.authenticate(minted.token.encode())
    watch, untouched = keys.watch(KEY_ID), keys.watch(other_id)
    told: list[str] = []
    keys.listeners.append(told.append)

    off.add(Scope.MESSAGES_READ)
    keys.known.rejudge(OwnerId("own_" + "b" * 26))
    assert (watch.is_over, told) == (False, ["own_" + "b" * 26])
    keys.known.rejudge(OWNER)

    assert (watch.is_over, watch.reason) == (True, "key_changed")
    assert (untouched.is_over, told[1:]) == (False, [OWNER])
    assert keys.cached(first.token.encode()) is None
    narrowed = await keys.authenticate(first.token.encode())
    assert narrowed.scopes == {Scope.CHATS_READ}
    assert narrowed.disabled_scopes == {Scope.MESSAGES_READ}
    again = keys.watch(KEY_ID)
    off.clear()
    keys.known.rejudge(OWNER)
    assert again.is_over
    assert (await keys.authenticate(first.token.encode())).scopes == {
        Scope.CHATS_READ,
        Scope.MESSAGES_READ,
    }


async def test_whoever_stands_for_a_lineage_is_without_what_is_switched_off(
    keys: Keyring, db: Between, clock: MovableClock
) -> None:
    await keys.create(KEY_ID, OWNER, GRANT, None)
    keys.known.obey(lambda _: frozenset({Scope.CHATS_READ}))
    heirs: Any = Heirs(db, keys, clock)

    heir = await heirs.of(OWNER, KEY_ID)

    assert (heir.scopes, heir.disabled_scopes) == (frozenset(), {Scope.CHATS_READ})
