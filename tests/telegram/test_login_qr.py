"""Logging in by a QR code that a phone accepts."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import TYPE_CHECKING

from telethon.tl import functions

from tests.telegram.conftest import SUBJECT
from vasya_sandbox.client import open_client
from vasya_server.clock import SystemClock
from vasya_server.telegram.login import Logins

if TYPE_CHECKING:
    from datetime import datetime

    from tests.telegram.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import Accounts


class FastClock(SystemClock):
    """The machine's clock, ahead of Telegram's by as much as the test says."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def scan(dc: DataCentre, user: User, url: str) -> None:
    """Accept a QR code with a phone on which *user* is logged in."""
    token = url.removeprefix("tg://login?token=")
    phone = open_client(dc.address, dc.mint(user), receive_updates=False)
    await phone.connect()
    value = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    await phone(functions.auth.AcceptLoginTokenRequest(value))
    await phone.disconnect()


async def test_a_qr_code_logs_in_once_a_phone_has_accepted_it(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    waiting = await logins.state(owner, SUBJECT, shown.account_id)

    await scan(dc, scene.carol, shown.url)
    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert waiting.status == "qr_waiting"
    assert waiting.url == shown.url, "asking must not change what a camera looks at"
    assert waiting.svg is not None
    assert waiting.svg.startswith("<svg")
    assert state.status == "authorized"
    assert state.account_id == shown.account_id


async def test_a_qr_code_that_runs_out_is_renewed(
    accounts: Accounts, vault: Vault, settings: Settings, owner: OwnerId
) -> None:
    clock = FastClock()
    logins = Logins(accounts, vault, settings, clock)
    shown = await logins.start_qr(owner, SUBJECT)
    clock.ahead = timedelta(seconds=26)
    same = await logins.state(owner, SUBJECT, shown.account_id)
    clock.ahead = timedelta(seconds=30)

    renewed = await logins.state(owner, SUBJECT, shown.account_id)

    assert same.url == shown.url
    assert renewed.url != shown.url
    await logins.close()


async def test_a_qr_code_is_noticed_to_be_accepted_where_the_push_was_lost(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    dc.drop_connections()
    await asyncio.sleep(0.05)
    await scan(dc, scene.carol, shown.url)

    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert state.status == "authorized"


async def test_a_password_is_asked_for_after_a_qr_code(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    await scan(dc, scene.bob, shown.url)

    asked = await logins.state(owner, SUBJECT, shown.account_id)
    state = await logins.verify_password(owner, SUBJECT, shown.account_id, "correct horse")

    assert asked.status == "password_required"
    assert state.status == "authorized"


async def test_a_qr_code_logs_in_at_the_data_centre_of_the_account(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    scene.carol.home_dc_id = 4
    shown = await logins.start_qr(owner, SUBJECT)
    await scan(dc, scene.carol, shown.url)

    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert state.status == "authorized"
    session = (await vault.accounts())[0].session
    assert session is not None
    assert session.dc_id == 4
