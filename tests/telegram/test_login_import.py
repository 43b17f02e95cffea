"""Taking over sessions that were made elsewhere, and whose application is used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import API_HASH, a_read
from vasya_server.errors import (
    AccountExists,
    SessionInvalid,
    TelegramTimeout,
)
from vasya_server.model.login import Credentials

if TYPE_CHECKING:
    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.login import Logins


async def test_a_session_string_is_taken_over_once_telegram_has_confirmed_it(
    connect: Connect, scene: Scene, dc: DataCentre
) -> None:
    account = await connect(scene.carol)

    assert dc.requests["users.GetUsers"] == 1
    assert account.describe().user is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "1" + "A" * 352,
        "1" + "A" * 351,
        "1" + "A" * 100,
        "2" + "A" * 352,
        "1" + "ы" * 352,
        "1" + "A" * 350 + "\n=",
    ],
    ids=["empty", "nonsense", "zeros", "odd", "short", "version", "unicode", "newline"],
)
async def test_what_is_no_session_string_is_refused_unasked(
    logins: Logins, owner: OwnerId, dc: DataCentre, text: str
) -> None:
    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert not dc.requests


async def test_a_session_that_telegram_does_not_know_is_refused_and_not_stored(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    text = dc.mint(scene.alice)
    dc.keys.clear()

    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert await vault.accounts() == []


async def test_a_session_that_was_logged_out_is_refused_and_not_stored(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    text = dc.mint(scene.alice)
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert await vault.accounts() == []


async def test_a_bots_session_is_refused(
    logins: Logins, owner: OwnerId, dc: DataCentre, world: World
) -> None:
    bot = world.add_user("Bot", username="some_bot", bot=True)

    with pytest.raises(SessionInvalid, match="bot"):
        await logins.import_session(owner, dc.mint(bot))


async def test_a_session_of_a_connected_account_is_refused(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    with pytest.raises(AccountExists):
        await logins.import_session(owner, dc.mint(scene.alice))


async def test_a_session_of_a_disconnected_account_replaces_the_old_one(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    await alice.disconnect()
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    state = await logins.import_session(owner, dc.mint(scene.alice))

    assert state.account_id == alice.id
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_two_imports_at_once_make_one_account(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    first, second = await asyncio.gather(
        logins.import_session(owner, dc.mint(scene.alice)),
        logins.import_session(owner, dc.mint(scene.alice)),
    )

    assert first.account_id == second.account_id
    assert len(await vault.accounts()) == 1


@pytest.mark.short_deadlines
async def test_an_import_ends_at_its_deadline(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")

    async with asyncio.timeout(8):
        with pytest.raises(TelegramTimeout):
            await logins.import_session(owner, dc.mint(scene.alice))


async def test_the_owners_application_goes_before_the_servers(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    own = "ab" + "0" * 28 + "cd"

    shown = await logins.set_credentials(owner, 777, own)
    await logins.import_session(owner, dc.mint(scene.alice))

    assert shown == Credentials(source="owner", api_id=777, api_hash="ab" + "*" * 28 + "cd")
    assert dc.authorizations_of(scene.alice)[0].api_id == 777


async def test_the_servers_application_is_used_where_the_owner_has_none(
    logins: Logins, owner: OwnerId
) -> None:
    await logins.set_credentials(owner, 777, "ab" + "0" * 30)
    await logins.erase_credentials(owner)

    shown = await logins.credentials(owner)

    assert (shown.source, shown.api_id) == ("server", 12345)
    assert shown.api_hash is not None
    assert API_HASH not in shown.api_hash
