"""What happens to an account while nobody uses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import a_read
from vasya_server.model.account import AccountPatch, AccountStatus

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"VASYA_IDLE_DISCONNECT_SECS": "1"}


async def test_an_idle_account_disconnects(alice: AccountRuntime, dc: DataCentre) -> None:
    await alice.call(a_read())

    async with asyncio.timeout(5):
        while dc.connections:
            await asyncio.sleep(0.05)

    assert alice.status is AccountStatus.DISCONNECTED
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_an_account_that_is_kept_connected_stays_so_and_comes_back(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    await alice.update(AccountPatch(keep_connected=True))
    await asyncio.sleep(2.2)
    assert alice.is_connected

    dc.drop_connections()
    await asyncio.sleep(0.05)
    assert not alice.is_connected

    async with asyncio.timeout(5):
        while not alice.is_connected:
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
