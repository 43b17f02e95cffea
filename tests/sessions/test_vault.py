from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import seal
from vasya_server.crypto.master_key import MasterKey
from vasya_server.errors import (
    AccessDenied,
    AccountExists,
    CredentialsMissing,
    FieldError,
    MasterKeyMismatch,
    ValidationFailed,
)
from vasya_server.ids import AccountId, OwnerId
from vasya_server.sessions.peers import Peer
from vasya_server.sessions.vault import AccountRecord, Profile, SessionState, Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vasya_server.clock import Clock
    from vasya_server.store.database import Database

FIRST = AccountId("acc_aaaaaaaaaaaaaaaaaaaaaaaaaa")
SECOND = AccountId("acc_bbbbbbbbbbbbbbbbbbbbbbbbbb")
ABSENT = AccountId("acc_zzzzzzzzzzzzzzzzzzzzzzzzzz")
OTHER_KEY = bytes(range(1, 33))


def session(user_id: int = 42, auth_key: bytes = b"k" * 256) -> SessionState:
    return SessionState(
        dc_id=2, host="149.154.167.51", port=443, auth_key=auth_key, user_id=user_id
    )


def profile(user_id: int = 42, first_name: str = "Ada") -> Profile:
    return Profile(
        user_id=user_id, first_name=first_name, username="countess", phone="4915112345678"
    )


async def one_account(vault: Vault) -> AccountRecord:
    return await vault.create(await vault.owner("local"), FIRST, session(), profile())


async def two_accounts(vault: Vault) -> tuple[AccountRecord, AccountRecord]:
    first = await one_account(vault)
    second = await vault.create(first.owner, SECOND, session(43), profile(43, "Bob"))
    return first, second


def tamper(path: Path, *statements: str, **params: bytes | str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        for statement in statements:
            assert other.execute(statement, {"first": FIRST, **params}).rowcount > 0


async def test_an_account_is_kept_as_it_was_made(vault: Vault) -> None:
    made = await one_account(vault)

    assert made == AccountRecord(
        id=FIRST,
        owner=await vault.owner("local"),
        alias=None,
        can_send=True,
        keep_connected=False,
        needs_login=False,
        created_at=datetime(2026, 3, 1, 12, 0, 0, 123000, UTC),
        profile=profile(),
        session=session(),
        is_unreadable=False,
    )
    assert await vault.accounts() == [made]


async def test_records_show_nothing_of_the_person(vault: Vault) -> None:
    made = await one_account(vault)
    shown = repr(made) + repr(made.session) + repr(made.profile)
    for secret in ("kkkk", "Ada", "countess", "4915112345678", "42"):
        assert secret not in shown.replace(made.owner, "")


async def test_the_key_of_a_new_data_dir_is_the_one_it_first_sees(
    vault: Vault, db: Database, key: MasterKey, clock: Clock
) -> None:
    await vault.verify_key()
    await Vault(db, key, clock).verify_key()


async def test_another_key_is_refused_with_exit_code_78(
    vault: Vault, db: Database, clock: Clock
) -> None:
    await vault.verify_key()
    with pytest.raises(MasterKeyMismatch) as refusal:
        await Vault(db, MasterKey(OTHER_KEY), clock).verify_key()
    assert refusal.value.exit_code == 78


async def test_another_key_changes_no_byte_of_the_database(
    path: Path, key: MasterKey, clock: Clock
) -> None:
    db = await open_sqlite(path)
    await migrate(db)
    right = Vault(db, key, clock)
    await right.verify_key()
    await one_account(right)
    await db.close()
    before = path.read_bytes()

    db = await open_sqlite(path)
    await migrate(db)
    with pytest.raises(MasterKeyMismatch):
        await Vault(db, MasterKey(OTHER_KEY), clock).verify_key()
    await db.close()

    assert path.read_bytes() == before


async def test_a_key_check_that_was_taken_away_is_not_made_anew(
    vault: Vault, db: Database, path: Path, clock: Clock
) -> None:
    await vault.verify_key()
    await one_account(vault)
    tamper(path, "DELETE FROM meta WHERE name = 'key_check'")

    with pytest.raises(MasterKeyMismatch):
        await Vault(db, MasterKey(OTHER_KEY), clock).verify_key()


async def test_a_damaged_key_check_is_a_mismatch(vault: Vault, path: Path) -> None:
    await vault.verify_key()
    tamper(path, "UPDATE meta SET value = zeroblob(91) WHERE name = 'key_check'")
    with pytest.raises(MasterKeyMismatch):
        await vault.verify_key()


async def test_a_subject_is_the_same_owner_every_time(vault: Vault) -> None:
    first, parallel = await asyncio.gather(vault.owner("local"), vault.owner("local"))
    assert first == parallel == await vault.owner("local")
    assert first.startswith("own_")


async def test_subjects_are_told_apart_byte_by_byte(vault: Vault) -> None:
    owners = {await vault.owner(subject) for subject in ("local", "Local", "local ")}
    assert len(owners) == 3


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("session = zeroblob(300)", id="overwritten"),
        pytest.param("session = x''", id="emptied"),
        pytest.param(
            "session = (SELECT session FROM accounts WHERE account_id <> :first)",
            id="another account's",
        ),
        pytest.param("session = profile", id="its own profile"),
        pytest.param("profile = session", id="profile from session"),
        pytest.param("profile = substr(profile, 1, length(profile) - 1)", id="profile cut"),
        pytest.param("session_generation = 2", id="newer generation"),
        pytest.param("profile_generation = 2", id="newer generation of the profile"),
        pytest.param(
            "owner_id = (SELECT owner_id FROM owners WHERE owner_id <> accounts.owner_id)",
            id="another owner",
        ),
    ],
)
async def test_a_bad_box_costs_one_account(vault: Vault, path: Path, change: str) -> None:
    _, second = await two_accounts(vault)
    await vault.owner("eve")
    tamper(path, "UPDATE accounts SET " + change + " WHERE account_id = :first")  # noqa: S608 — written above

    bad, good = await vault.accounts()

    assert (bad.id, bad.is_unreadable, bad.session, bad.profile) == (FIRST, True, None, None)
    assert good == second


async def test_an_old_session_does_not_open_in_a_newer_row(vault: Vault, path: Path) -> None:
    await one_account(vault)
    with closing(sqlite3.connect(path)) as other:
        (old,) = other.execute("SELECT session FROM accounts").fetchone()
    await vault.save_session(FIRST, session(auth_key=b"n" * 256))
    tamper(path, "UPDATE accounts SET session = :old", old=old)

    (record,) = await vault.accounts()

    assert record.is_unreadable


async def test_a_box_that_holds_something_else_costs_one_account(
    vault: Vault, path: Path, key: MasterKey
) -> None:
    made = await one_account(vault)
    box = seal(key, Purpose.SESSION, made.owner, FIRST, generation=1, plaintext=b"\x01")
    tamper(path, "UPDATE accounts SET session = :box", box=box)

    (record,) = await vault.accounts()

    assert record.is_unreadable


async def test_a_new_login_makes_an_unreadable_account_readable(vault: Vault, path: Path) -> None:
    made = await one_account(vault)
    tamper(path, "UPDATE accounts SET session = x'00', profile = x'00'")
    assert await vault.find(made.owner, 42) == FIRST

    await vault.save_session(FIRST, session())
    await vault.save_profile(FIRST, profile())

    assert await vault.accounts() == [made]


async def test_one_user_is_one_account_of_an_owner(vault: Vault) -> None:
    made = await one_account(vault)
    with pytest.raises(AccountExists):
        await vault.create(made.owner, SECOND, session(), profile())
    assert [record.id for record in await vault.accounts()] == [FIRST]


async def test_one_user_may_be_an_account_of_two_owners(vault: Vault) -> None:
    made = await one_account(vault)
    other = await vault.owner("other")
    await vault.create(other, SECOND, session(), profile())
    assert await vault.find(made.owner, 42) == FIRST
    assert await vault.find(other, 42) == SECOND


async def test_an_account_is_found_by_its_telegram_user(vault: Vault) -> None:
    made = await one_account(vault)
    assert await vault.find(made.owner, 42) == FIRST
    assert await vault.find(made.owner, 43) is None
    assert await vault.find(OwnerId("own_eve"), 42) is None


async def test_a_saved_session_and_profile_replace_the_last(vault: Vault) -> None:
    await one_account(vault)

    await vault.save_session(FIRST, session(auth_key=b"n" * 256))
    await vault.save_profile(FIRST, profile(first_name="Grace"))

    (record,) = await vault.accounts()
    assert record.session == session(auth_key=b"n" * 256)
    assert record.profile == profile(first_name="Grace")


async def test_parallel_saves_leave_one_whole_session(vault: Vault) -> None:
    await one_account(vault)
    candidates = [session(auth_key=bytes([n]) * 256) for n in range(8)]

    await asyncio.gather(*(vault.save_session(FIRST, candidate) for candidate in candidates))

    (record,) = await vault.accounts()
    assert record.session in candidates


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda vault: vault.save_session(ABSENT, session()), id="save_session"),
        pytest.param(lambda vault: vault.save_profile(ABSENT, profile()), id="save_profile"),
        pytest.param(lambda vault: vault.update(ABSENT, can_send=False), id="update"),
        pytest.param(
            lambda vault: vault.mark_needs_login(ABSENT, value=True), id="mark_needs_login"
        ),
    ],
)
async def test_an_account_that_is_not_there_cannot_be_changed(
    vault: Vault, change: Callable[[Vault], asyncio.Future[None]]
) -> None:
    await one_account(vault)
    with pytest.raises(AccessDenied):
        await change(vault)


async def test_only_what_is_given_is_changed(vault: Vault) -> None:
    await one_account(vault)

    await vault.update(FIRST, alias="work", keep_connected=True)
    await vault.update(FIRST, can_send=False)

    (record,) = await vault.accounts()
    assert (record.alias, record.can_send, record.keep_connected) == ("work", False, True)


async def test_an_alias_can_be_taken_away(vault: Vault) -> None:
    await one_account(vault)
    await vault.update(FIRST, alias="work")
    await vault.update(FIRST, alias=None)
    (record,) = await vault.accounts()
    assert record.alias is None


async def test_an_alias_belongs_to_one_account_of_an_owner(vault: Vault) -> None:
    await two_accounts(vault)
    await vault.update(FIRST, alias="work")

    with pytest.raises(ValidationFailed) as refusal:
        await vault.update(SECOND, alias="work", can_send=False)

    assert refusal.value.errors == (FieldError("/alias", "taken"),)
    _, second = await vault.accounts()
    assert (second.alias, second.can_send) == (None, True)


async def test_owners_do_not_see_each_others_aliases(vault: Vault) -> None:
    await one_account(vault)
    await vault.create(await vault.owner("other"), SECOND, session(), profile())
    await vault.update(FIRST, alias="work")
    await vault.update(SECOND, alias="work")
    assert [record.alias for record in await vault.accounts()] == ["work", "work"]


@pytest.mark.parametrize("alias", ["me", SECOND])
async def test_an_alias_cannot_look_like_another_reference(vault: Vault, alias: str) -> None:
    await one_account(vault)
    with pytest.raises(ValidationFailed) as refusal:
        await vault.update(FIRST, alias=alias)
    assert refusal.value.errors == (FieldError("/alias", "reserved"),)


async def test_whether_an_account_needs_a_login_is_kept(vault: Vault) -> None:
    await one_account(vault)
    await vault.mark_needs_login(FIRST, value=True)
    assert [record.needs_login for record in await vault.accounts()] == [True]
    await vault.mark_needs_login(FIRST, value=False)
    assert [record.needs_login for record in await vault.accounts()] == [False]


async def test_an_erased_account_is_gone_with_its_peers(vault: Vault, path: Path) -> None:
    first, second = await two_accounts(vault)
    for record in (first, second):
        await vault.peers(record.owner, record.id).put([Peer(1, 2, "bob", "49")])

    await vault.erase(FIRST)
    await vault.erase(FIRST)

    assert [record.id for record in await vault.accounts()] == [SECOND]
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT DISTINCT account_id FROM peers").fetchall() == [(SECOND,)]
        assert other.execute("SELECT DISTINCT account_id FROM peer_names").fetchall() == [(SECOND,)]


async def test_credentials_are_the_owners_own(vault: Vault) -> None:
    owner, other = await vault.owner("local"), await vault.owner("other")

    await vault.save_credentials(owner, 1234, "a" * 32)

    assert await vault.credentials(owner) == (1234, "a" * 32)
    assert await vault.credentials(other) is None


async def test_saved_credentials_replace_the_last(vault: Vault) -> None:
    owner = await vault.owner("local")
    await vault.save_credentials(owner, 1, "a" * 32)
    await asyncio.gather(*(vault.save_credentials(owner, n, "b" * 32) for n in range(2, 8)))
    found = await vault.credentials(owner)
    assert found is not None
    assert found[0] in range(2, 8)


async def test_erased_credentials_are_gone(vault: Vault) -> None:
    owner = await vault.owner("local")
    await vault.save_credentials(owner, 1234, "a" * 32)
    await vault.erase_credentials(owner)
    assert await vault.credentials(owner) is None


async def test_another_owners_credentials_do_not_open(vault: Vault, path: Path) -> None:
    owner, other = await vault.owner("local"), await vault.owner("other")
    await vault.save_credentials(owner, 1234, "a" * 32)
    await vault.save_credentials(other, 5678, "b" * 32)
    tamper(
        path,
        "UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE owner_id = :other) "
        "WHERE owner_id = :owner",
        other=other,
        owner=owner,
    )

    with pytest.raises(CredentialsMissing, match="save them again"):
        await vault.credentials(owner)

    await vault.save_credentials(owner, 1234, "a" * 32)
    assert await vault.credentials(owner) == (1234, "a" * 32)
