"""Accounts: whose they are, how they connect, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import a_read, a_send, server_tasks
from vasya_server.clock import SystemClock
from vasya_server.errors import (
    AccessDenied,
    AccountAmbiguous,
    AccountReauthRequired,
    CredentialsMissing,
    FloodWait,
    SessionUnreadable,
    ShuttingDown,
    ValidationFailed,
)
from vasya_server.model.account import AccountPatch, AccountStatus
from vasya_server.settings import load
from vasya_server.telegram.accounts import Accounts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.events.log import EventLog
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.endpoint import Endpoint


async def test_an_account_is_dialled_by_its_first_call(
    connect: Connect, scene: Scene, dc: DataCentre
) -> None:
    account = await connect(scene.alice)
    assert account.status is AccountStatus.DISCONNECTED

    users = await account.call(a_read())

    assert users[0].first_name == "Alice"
    assert account.status is AccountStatus.CONNECTED


async def test_concurrent_calls_share_one_connection(
    connect: Connect, scene: Scene, dc: DataCentre
) -> None:
    account = await connect(scene.alice)

    await asyncio.gather(*(account.call(a_read()) for _ in range(20)))

    assert dc.connections == 1


async def test_connecting_costs_one_request(connect: Connect, scene: Scene, dc: DataCentre) -> None:
    account = await connect(scene.alice)
    dc.reset_counters()

    await account.connect()

    assert dict(dc.requests) == {"users.GetUsers": 1}


async def test_an_account_is_described_without_its_phone(alice: AccountRuntime) -> None:
    shown = alice.describe()

    assert shown.phone == "+9********01"
    assert shown.user is not None
    assert (shown.user.first_name, shown.user.username) == ("Alice", "alice_a")
    assert shown.is_connected
    assert shown.can_send


async def test_a_profile_that_changed_is_seen_at_the_next_connect(
    alice: AccountRuntime, scene: Scene, vault: Vault
) -> None:
    await alice.disconnect()
    scene.alice.first_name = "Alicia"

    await alice.connect()

    stored = (await vault.accounts())[0].profile
    assert stored is not None
    assert stored.first_name == "Alicia"


async def test_an_account_of_another_owner_is_denied_like_one_that_is_not_there(
    alice: AccountRuntime, accounts: Accounts, vault: Vault, owner: OwnerId
) -> None:
    stranger = await vault.owner("somebody else")

    with pytest.raises(AccessDenied) as foreign:
        accounts.find(stranger, alice.id)
    with pytest.raises(AccessDenied) as missing:
        accounts.find(owner, "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa")

    assert str(foreign.value) == str(missing.value)


async def test_me_is_the_only_account(
    alice: AccountRuntime, accounts: Accounts, owner: OwnerId
) -> None:
    assert accounts.find(owner, "me") is alice


async def test_me_is_ambiguous_among_two(
    alice: AccountRuntime, connect: Connect, scene: Scene, accounts: Accounts, owner: OwnerId
) -> None:
    carol = await connect(scene.carol)

    with pytest.raises(AccountAmbiguous) as refused:
        accounts.find(owner, "me")

    assert [choice.account_id for choice in refused.value.choices] == [alice.id, carol.id]


async def test_an_alias_names_an_account_once_it_is_set(
    alice: AccountRuntime, accounts: Accounts, owner: OwnerId
) -> None:
    await alice.update(AccountPatch(alias="work"))

    assert accounts.find(owner, "work") is alice
    with pytest.raises(AccessDenied):
        accounts.find(owner, "home")


async def test_a_taken_alias_is_refused_and_changes_nothing(
    alice: AccountRuntime, connect: Connect, scene: Scene
) -> None:
    carol = await connect(scene.carol)
    await alice.update(AccountPatch(alias="work"))

    with pytest.raises(ValidationFailed):
        await carol.update(AccountPatch(alias="work"))

    assert carol.describe().alias is None


async def test_an_absent_field_of_a_patch_stays(alice: AccountRuntime) -> None:
    await alice.update(AccountPatch(alias="work", can_send=False))

    shown = await alice.update(AccountPatch(keep_connected=True))

    assert (shown.alias, shown.can_send, shown.keep_connected) == ("work", False, True)


async def test_accounts_come_back_after_a_restart(
    alice: AccountRuntime,
    accounts: Accounts,
    vault: Vault,
    settings: Settings,
    owner: OwnerId,
    events: EventLog,
) -> None:
    await accounts.close()
    again = await _reopened(vault, settings, accounts.endpoint, events)

    users = await again.find(owner, "me").call(a_read())

    assert users[0].first_name == "Alice"
    await again.close()


async def test_log_out_ends_the_session_at_telegram_and_erases_it_here(
    alice: AccountRuntime, dc: DataCentre, scene: Scene, vault: Vault, accounts: Accounts
) -> None:
    assert await alice.log_out()

    assert dc.requests["auth.LogOut"] == 1
    assert dc.authorizations_of(scene.alice) == []
    assert await vault.accounts() == []
    assert list(accounts.list(alice.owner)) == []


@pytest.mark.short_deadlines
async def test_log_out_erases_where_telegram_cannot_be_reached(
    alice: AccountRuntime, dc: DataCentre, vault: Vault
) -> None:
    await dc.stop()

    assert not await alice.log_out()

    assert await vault.accounts() == []


async def test_an_account_that_was_logged_out_answers_no_more(alice: AccountRuntime) -> None:
    await alice.log_out()

    with pytest.raises(AccessDenied):
        await alice.call(a_read())


async def test_two_log_outs_at_once_end_in_one(alice: AccountRuntime, dc: DataCentre) -> None:
    outcomes = await asyncio.gather(alice.log_out(), alice.log_out(), return_exceptions=True)

    assert outcomes[0] is True
    assert isinstance(outcomes[1], AccessDenied)
    assert dc.requests["auth.LogOut"] == 1


async def test_calls_connects_disconnects_and_a_log_out_may_race(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    async def call() -> None:
        for _ in range(5):
            await alice.call(a_read())

    async def toggle() -> None:
        for _ in range(5):
            await alice.disconnect()
            await alice.connect()

    async with asyncio.timeout(10):
        await asyncio.gather(call(), toggle(), call(), toggle(), return_exceptions=True)
        users = await alice.call(a_read())
        await asyncio.gather(call(), alice.log_out(), toggle(), return_exceptions=True)

    assert users[0].first_name == "Alice"
    with pytest.raises(AccessDenied):
        await alice.connect()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (401, "AUTH_KEY_UNREGISTERED"),
        (401, "SESSION_REVOKED"),
        (401, "SESSION_EXPIRED"),
        (401, "USER_DEACTIVATED"),
        (401, "USER_DEACTIVATED_BAN"),
        (406, "AUTH_KEY_DUPLICATED"),
        (401, "A_REASON_NOBODY_KNOWS_YET"),
    ],
)
async def test_a_session_that_telegram_ended_needs_a_login_and_is_not_dialled_again(
    alice: AccountRuntime, fault: Faults, dc: DataCentre, vault: Vault, code: int, text: str
) -> None:
    fault("rpc_error", "users.GetUsers", code=code, text=text)

    with pytest.raises(AccountReauthRequired):
        await alice.call(a_read())
    dc.reset_counters()
    with pytest.raises(AccountReauthRequired):
        await alice.call(a_read())

    assert not dc.requests
    assert alice.status is AccountStatus.REAUTH_REQUIRED
    assert (await vault.accounts())[0].needs_login


async def test_a_key_that_telegram_does_not_know_needs_a_login(
    alice: AccountRuntime, fault: Faults, vault: Vault
) -> None:
    fault("auth_key_lost", "users.GetUsers")

    with pytest.raises(AccountReauthRequired):
        await alice.call(a_read())

    assert (await vault.accounts())[0].needs_login


async def test_an_ended_session_is_noticed_by_the_connect(
    alice: AccountRuntime, dc: DataCentre, scene: Scene
) -> None:
    await alice.disconnect()
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    with pytest.raises(AccountReauthRequired):
        await alice.connect()


async def test_a_key_that_telegram_does_not_know_is_noticed_by_the_connect(
    alice: AccountRuntime, dc: DataCentre, vault: Vault
) -> None:
    await alice.disconnect()
    dc.keys.clear()

    with pytest.raises(AccountReauthRequired):
        await alice.call(a_read())

    assert (await vault.accounts())[0].needs_login


async def test_a_flood_wait_on_the_connect_is_told(alice: AccountRuntime, fault: Faults) -> None:
    await alice.disconnect()
    fault("flood_wait", "users.GetUsers", secs=42)

    with pytest.raises(FloodWait) as refused:
        await alice.connect()

    assert refused.value.retry_after_secs == 42


async def test_a_send_meets_an_ended_session_without_a_doubt_about_it(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("auth_key_lost", "messages.SendMessage")

    with pytest.raises(AccountReauthRequired):
        await alice.mutate(a_send(), is_exactly_once=True)


async def test_a_login_revives_an_account_that_needed_one(
    alice: AccountRuntime, fault: Faults, connect: Connect, scene: Scene, vault: Vault
) -> None:
    fault("rpc_error", "users.GetUsers", code=401, text="SESSION_REVOKED")
    with pytest.raises(AccountReauthRequired):
        await alice.call(a_read())

    again = await connect(scene.alice)

    assert again is alice
    assert (await alice.call(a_read()))[0].first_name == "Alice"
    assert not (await vault.accounts())[0].needs_login


async def test_an_unreadable_session_says_so_and_can_still_be_erased(
    alice: AccountRuntime,
    accounts: Accounts,
    vault: Vault,
    settings: Settings,
    tmp_path: Path,
    events: EventLog,
) -> None:
    await accounts.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "vasya.db")) as db, db:
        db.execute("UPDATE accounts SET session = x'00'")
    again = await _reopened(vault, settings, accounts.endpoint, events)
    account = again.get(alice.owner, alice.id)

    with pytest.raises(SessionUnreadable):
        await account.call(a_read())
    assert account.describe().status is AccountStatus.SESSION_UNREADABLE
    assert not await account.log_out()
    assert await vault.accounts() == []

    await again.close()


async def test_an_account_without_an_application_cannot_connect(
    connect: Connect,
    scene: Scene,
    vault: Vault,
    environment: dict[str, str],
    accounts: Accounts,
    events: EventLog,
) -> None:
    account = await connect(scene.alice)
    bare = {name: value for name, value in environment.items() if "API" not in name}
    alone = await _reopened(vault, load(bare), accounts.endpoint, events)

    with pytest.raises(CredentialsMissing):
        await alone.get(account.owner, account.id).connect()

    await alone.close()


async def test_a_closed_server_refuses_calls(alice: AccountRuntime, accounts: Accounts) -> None:
    await accounts.close()

    with pytest.raises(ShuttingDown):
        await alice.call(a_read())


async def test_closing_ends_calls_that_wait_for_a_silent_data_centre(
    alice: AccountRuntime, accounts: Accounts, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")
    waiting = asyncio.create_task(alice.call(a_read(), deadline_secs=30))
    await asyncio.sleep(0.1)

    async with asyncio.timeout(10):
        await accounts.close()
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]

    assert isinstance(outcome, Exception)


async def _reopened(
    vault: Vault, settings: Settings, endpoint: Endpoint, events: EventLog
) -> Accounts:
    """Return what a restart of the server finds."""
    accounts = Accounts(vault, settings, SystemClock(), endpoint, events)
    await accounts.open()
    return accounts


async def test_closing_leaves_no_task_behind(alice: AccountRuntime, accounts: Accounts) -> None:
    async with asyncio.timeout(10):
        while len(server_tasks()) != 6:  # one that tends all accounts, and five of the connection
            await asyncio.sleep(0.01)

    await accounts.close()

    assert server_tasks() == []
