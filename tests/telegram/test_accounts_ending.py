"""An account that is erased, or gets another session, while something else happens to it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.disk import full_disk
from tests.telegram.conftest import SUBJECT, a_read, server_tasks
from vasya_server.clock import SystemClock
from vasya_server.errors import AccessDenied
from vasya_server.model.account import AccountPatch
from vasya_server.telegram.accounts import Accounts

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.events.log import EventLog
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.login import Logins

ALICE = "+999 66 21 0001"


async def log_in(logins: Logins, owner: OwnerId) -> str:
    sent = await logins.start_code(owner, SUBJECT, ALICE)
    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    assert state.status == "authorized"
    return state.account_id


async def until_alone(dc: DataCentre, scene: Scene) -> None:
    """Wait until Alice has one session at Telegram."""
    async with asyncio.timeout(3):
        while len(dc.authorizations_of(scene.alice)) > 1:
            await asyncio.sleep(0.02)


async def test_a_login_that_succeeds_during_a_log_out_is_not_erased_by_it(
    alice: AccountRuntime, logins: Logins, accounts: Accounts, owner: OwnerId, fault: Faults
) -> None:
    fault("delay", "auth.LogOut", secs=0.6)
    leaving = asyncio.create_task(alice.log_out())
    await asyncio.sleep(0.2)

    account_id = await log_in(logins, owner)

    assert await leaving
    assert account_id != alice.id
    assert [account.id for account in accounts.list(owner)] == [account_id]
    assert (await accounts.get(owner, account_id).call(a_read()))[0].first_name == "Alice"


@pytest.mark.parametrize("head_start_secs", [0.0, 0.005, 0.02])
async def test_a_login_and_a_log_out_at_once_leave_nothing_that_does_not_work(
    alice: AccountRuntime,
    logins: Logins,
    accounts: Accounts,
    owner: OwnerId,
    head_start_secs: float,
) -> None:
    sent = await logins.start_code(owner, SUBJECT, ALICE)
    verifying = asyncio.create_task(logins.verify_code(owner, SUBJECT, sent.account_id, "12345"))
    await asyncio.sleep(head_start_secs)

    await asyncio.gather(verifying, alice.log_out())

    for account in accounts.list(owner):
        assert (await account.call(a_read()))[0].first_name == "Alice"


async def test_an_account_that_the_disk_could_not_erase_answers_no_more(
    alice: AccountRuntime, accounts: Accounts, owner: OwnerId, dc: DataCentre
) -> None:
    with full_disk():
        assert await alice.log_out()

    assert dc.requests["auth.LogOut"] == 1
    with pytest.raises(AccessDenied):
        await alice.call(a_read())
    with pytest.raises(AccessDenied):
        accounts.get(owner, alice.id)


async def test_a_login_erases_what_a_full_disk_had_kept(
    alice: AccountRuntime, logins: Logins, accounts: Accounts, owner: OwnerId, vault: Vault
) -> None:
    with full_disk():
        await alice.log_out()

    account_id = await log_in(logins, owner)

    assert [account.id for account in accounts.list(owner)] == [account_id]
    assert [record.id for record in await vault.accounts()] == [account_id]
    assert account_id != alice.id


async def test_the_session_that_a_login_replaces_is_logged_out(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    (old,) = dc.authorizations_of(scene.alice)

    assert await log_in(logins, owner) == alice.id
    await until_alone(dc, scene)

    assert dc.authorizations_of(scene.alice) != [old]
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_a_session_that_is_imported_again_is_not_logged_out(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    text = dc.mint(scene.alice, is_stable=True)
    await alice.disconnect()
    await logins.import_session(owner, text)
    await until_alone(dc, scene)
    await alice.disconnect()

    await logins.import_session(owner, text)
    await asyncio.sleep(0.2)

    assert dc.requests["auth.LogOut"] == 1
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_closing_does_not_wait_for_the_log_out_of_a_replaced_session(
    alice: AccountRuntime, logins: Logins, accounts: Accounts, owner: OwnerId, fault: Faults
) -> None:
    fault("silence", "auth.LogOut")
    await log_in(logins, owner)
    await asyncio.sleep(0.2)
    started = time.monotonic()

    await accounts.close()

    assert time.monotonic() - started < 5
    assert server_tasks() == []


async def test_an_account_that_is_kept_connected_is_dialled_only_where_somebody_serves(
    alice: AccountRuntime,
    accounts: Accounts,
    vault: Vault,
    settings: Settings,
    dc: DataCentre,
    events: EventLog,
) -> None:
    await alice.update(AccountPatch(keep_connected=True))
    await accounts.close()
    again = Accounts(vault, settings, SystemClock(), accounts.endpoint, events)
    await again.open()
    await asyncio.sleep(0.3)
    offline = dc.connections

    again.start()
    async with asyncio.timeout(10):
        while not again.get(alice.owner, alice.id).is_connected:
            await asyncio.sleep(0.02)

    assert offline == 0
    await again.close()
