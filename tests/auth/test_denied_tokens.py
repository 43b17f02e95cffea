from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.disk import files_end_at
from vasya_server.auth.denied_tokens import DeniedTokens
from vasya_server.ids import OwnerId
from vasya_server.store.database import Query
from vasya_server.store.tokens import DENIED_TOKENS, DeniedTokenRow

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database

ALICE = OwnerId("own_" + "a" * 26)
BOB = OwnerId("own_" + "b" * 26)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(milliseconds=1), NOON + timedelta(milliseconds=1)


@pytest.fixture
async def denied(db: Database, key: MasterKey) -> DeniedTokens:
    return await opened(db, key)


async def opened(db: Database, key: MasterKey) -> DeniedTokens:
    made = DeniedTokens(db, key)
    await made.open()
    return made


def denies(denied: DeniedTokens, owner: OwnerId, jti: str) -> bool:
    return denied.denies(owner, denied.digest(owner, jti), NOON)


async def test_nothing_is_denied_at_first(denied: DeniedTokens) -> None:
    assert not denies(denied, ALICE, "one")
    assert not denied.denies(ALICE, None, None)


async def test_one_token_is_denied_and_no_other(denied: DeniedTokens) -> None:
    await denied.deny(ALICE, "one")

    assert denies(denied, ALICE, "one")
    assert not denies(denied, ALICE, "two")
    assert not denied.denies(ALICE, None, NOON)


async def test_an_owner_cannot_deny_what_another_one_calls_the_same(denied: DeniedTokens) -> None:
    await denied.deny(ALICE, "one")

    assert not denies(denied, BOB, "one")


async def test_what_was_issued_before_a_moment_is_denied(denied: DeniedTokens) -> None:
    await denied.deny_issued_before(ALICE, NOON)

    assert denied.denies(ALICE, None, BEFORE)
    assert not denied.denies(ALICE, None, NOON)
    assert not denied.denies(ALICE, None, AFTER)
    assert not denied.denies(BOB, None, BEFORE)


async def test_a_token_that_does_not_say_when_it_was_issued_counts_as_old(
    denied: DeniedTokens,
) -> None:
    await denied.deny_issued_before(ALICE, NOON)

    assert denied.denies(ALICE, None, None)


async def test_a_moment_is_never_set_back(
    denied: DeniedTokens, db: Database, key: MasterKey
) -> None:
    await denied.deny_issued_before(ALICE, NOON)
    await denied.deny_issued_before(ALICE, NOON - timedelta(days=1))

    assert denied.denies(ALICE, None, BEFORE)
    assert (await opened(db, key)).denies(ALICE, None, BEFORE)


async def test_a_restart_forgets_nothing(
    denied: DeniedTokens, db: Database, key: MasterKey
) -> None:
    await denied.deny(ALICE, "one")
    await denied.deny(ALICE, "one")
    await denied.deny_issued_before(BOB, NOON)
    await denied.deny_issued_before(BOB, NOON)
    again = await opened(db, key)

    assert denies(again, ALICE, "one")
    assert again.denies(BOB, None, BEFORE)
    assert not again.denies(BOB, None, NOON)


async def test_a_full_disk_delays_only_the_storing(
    denied: DeniedTokens, db: Database, key: MasterKey
) -> None:
    with files_end_at(1):
        await denied.deny(ALICE, "one")
        await denied.deny_issued_before(BOB, NOON)

    assert denies(denied, ALICE, "one")
    assert denied.denies(BOB, None, BEFORE)
    await db.write(*denied.take_unstored())
    again = await opened(db, key)
    assert denies(again, ALICE, "one")
    assert again.denies(BOB, None, BEFORE)
    assert denied.take_unstored() == ()


async def test_the_database_names_no_token(denied: DeniedTokens, db: Database) -> None:
    await denied.deny(ALICE, "a-name-of-somebody")
    (row,) = await db.all(DENIED_TOKENS, DeniedTokenRow)

    assert len(row.digest) == 32
    assert b"somebody" not in row.digest


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(f"'{ALICE}', 9999999999999, x'00'", id="wrong MAC"),
        pytest.param(f"'{ALICE}', 9223372036854775807, x''", id="beyond all time"),
        pytest.param(f"'{ALICE}', -9223372036854775808, zeroblob(32)", id="before all time"),
        pytest.param("'', 0, zeroblob(1000)", id="nobody"),
        pytest.param("CAST(x'ff00fe' AS TEXT), 0, x'00'", id="no text at all"),
    ],
)
async def test_a_planted_row_denies_nothing_and_breaks_nothing(
    db: Database, key: MasterKey, planted: str, caplog: pytest.LogCaptureFixture
) -> None:
    await db.write(Query(f"INSERT INTO token_cutoffs VALUES ({planted})").bind())  # noqa: S608 — a tamperer's
    await db.write(Query("INSERT INTO denied_tokens VALUES (x''), (zeroblob(100))").bind())
    denied = await opened(db, key)

    assert not denied.denies(ALICE, None, None)
    assert not denies(denied, ALICE, "one")
    assert "was not written by this server" in caplog.text


async def test_a_moment_that_was_moved_in_the_database_does_not_count(
    denied: DeniedTokens, db: Database, key: MasterKey
) -> None:
    await denied.deny_issued_before(ALICE, NOON)
    await db.write(Query("UPDATE token_cutoffs SET issued_before_ms = 4000000000000").bind())
    await denied.deny_issued_before(ALICE, AFTER)
    again = await opened(db, key)

    assert again.denies(ALICE, None, NOON)
    assert not again.denies(ALICE, None, AFTER)
