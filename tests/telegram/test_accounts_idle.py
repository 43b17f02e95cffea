"""What happens to an account while nobody uses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.telegram.conftest import a_read
from vasya_server.model.account import AccountPatch, AccountStatus

if TYPE_CHECKING:
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.telegram.accounts import AccountRuntime

# Longer than an account may be idle.
LONG_SECS = 100_000


async def test_an_idle_account_disconnects(
    alice: AccountRuntime, dc: DataCentre, clock: MovableClock
) -> None:
    await alice.call(a_read())
    clock.passed_secs += LONG_SECS

    async with asyncio.timeout(10):
        while dc.connections:
            await asyncio.sleep(0.05)

    assert alice.status is AccountStatus.DISCONNECTED
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_an_account_that_is_kept_connected_stays_so_and_comes_back(
    alice: AccountRuntime, dc: DataCentre, clock: MovableClock
) -> None:
    await alice.update(AccountPatch(keep_connected=True))
    clock.passed_secs += LONG_SECS
    await asyncio.sleep(2.2)
    assert alice.is_connected
    before = alice.following.connections

    dc.drop_connections()

    async with asyncio.timeout(10):
        while alice.following.connections == before or not alice.is_connected:
            await asyncio.sleep(0.05)


async def test_an_account_disconnected_by_hand_is_left_alone_until_it_is_used(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    await alice.update(AccountPatch(keep_connected=True))
    await alice.connect()

    await alice.disconnect()
    await asyncio.sleep(2.2)

    assert dc.connections == 0
    assert (await alice.call(a_read()))[0].first_name == "Alice"
