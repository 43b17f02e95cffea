"""Logins on a server that has no application of its own, or little patience."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import SUBJECT
from vasya_server.clock import SystemClock
from vasya_server.errors import CredentialsMissing, LoginNotFound
from vasya_server.model.login import Credentials
from vasya_server.telegram.login import Logins

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import Accounts


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(
        settings, login_ttl_secs=1, telegram_api_id=None, telegram_api_hash=None
    )


async def test_a_login_without_an_application_says_so(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    with pytest.raises(CredentialsMissing):
        await logins.start_code(owner, SUBJECT, "+99966210001")
    with pytest.raises(CredentialsMissing):
        await logins.start_qr(owner, SUBJECT)

    assert dc.connections == 0
    assert await logins.credentials(owner) == Credentials(source="none")


async def test_the_owners_own_application_is_enough(logins: Logins, owner: OwnerId) -> None:
    await logins.set_credentials(owner, 777, "ab" * 16)

    sent = await logins.start_code(owner, SUBJECT, "+99966210001")

    assert sent.code_type == "sms"


async def test_a_login_that_nobody_finishes_ends(
    logins: Logins, owner: OwnerId, dc: DataCentre, world: World
) -> None:
    await logins.set_credentials(owner, 777, "ab" * 16)
    sent = await logins.start_code(owner, SUBJECT, "+99966210001")

    async with asyncio.timeout(3):
        while dc.connections:
            await asyncio.sleep(0.05)

    assert world.logins == {}
    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, sent.account_id)


async def test_logins_are_not_stored(
    logins: Logins, owner: OwnerId, vault: Vault, settings: Settings, accounts: Accounts
) -> None:
    await logins.set_credentials(owner, 777, "ab" * 16)
    sent = await logins.start_code(owner, SUBJECT, "+99966210001")
    restarted = Logins(accounts, vault, settings, SystemClock())

    with pytest.raises(LoginNotFound):
        await restarted.state(owner, SUBJECT, sent.account_id)

    assert await vault.accounts() == []
