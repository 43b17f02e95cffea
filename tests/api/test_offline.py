"""A data dir that is opened by a command and not served."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from tests.api.conftest import TOKEN
from vasya_server.auth.embedded import EmbeddedToken
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.model.account import AccountPatch
from vasya_server.settings import load

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


async def test_what_is_kept_connected_is_dialled_by_a_server_and_by_no_command(
    environment: dict[str, str], dc: DataCentre, scene: Scene
) -> None:
    settings, clock = load(dict(environment)), SystemClock()
    hexadecimal = secrets.token_hex(32)
    async with open_gateway(settings, clock=clock, key=parse_master_key(hexadecimal)) as command:
        state = await command.logins.import_session(command.owner, dc.mint(scene.alice))
        account = command.accounts.get(command.owner, state.account_id)
        await account.update(AccountPatch(keep_connected=True))
    dc.reset_counters()

    async with open_gateway(settings, clock=clock, key=parse_master_key(hexadecimal)):
        await asyncio.sleep(0.3)
    by_command = dict(dc.requests)
    async with (
        open_gateway(
            settings, clock=clock, key=parse_master_key(hexadecimal), token=EmbeddedToken(TOKEN)
        ),
        asyncio.timeout(10),
    ):
        while not dc.requests:
            await asyncio.sleep(0.02)

    assert by_command == {}
