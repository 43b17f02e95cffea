"""Steps of one login that meet: each ends in time, and giving up waits for none."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.disk import full_disk
from tests.telegram.conftest import SUBJECT
from tests.waiting import until_asked
from vasya_server.errors import LoginNotFound, StorageFailed, TelegramTimeout

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.telegram.login import Logins

CAROL = "+99966210003"


@pytest.mark.short_deadlines
async def test_steps_that_wait_for_one_another_end_at_one_deadline(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("silence", "auth.SignIn", times=9)
    started = time.monotonic()

    outcomes = await asyncio.gather(
        *(logins.verify_code(owner, SUBJECT, sent.account_id, "12345") for _ in range(6)),
        return_exceptions=True,
    )

    assert {type(outcome) for outcome in outcomes} == {TelegramTimeout}
    assert time.monotonic() - started < 6


@pytest.mark.short_deadlines
async def test_the_requests_of_one_step_share_its_deadline(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, "+99966210002")
    fault("delay", "auth.SignIn", secs=1.5)
    fault("silence", "account.GetPassword")
    started = time.monotonic()

    with pytest.raises(TelegramTimeout):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert time.monotonic() - started < 3.3


async def test_a_login_is_cancelled_while_a_step_of_it_waits_for_telegram(
    logins: Logins, owner: OwnerId, fault: Faults, dc: DataCentre, world: World, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("silence", "auth.SignIn")
    verifying = asyncio.create_task(logins.verify_code(owner, SUBJECT, sent.account_id, "12345"))
    await asyncio.sleep(0.1)
    started = time.monotonic()

    await logins.cancel(owner, SUBJECT, sent.account_id)
    with pytest.raises(LoginNotFound):
        await verifying

    assert time.monotonic() - started < 5
    assert world.logins == {}
    assert await vault.accounts() == []


async def test_a_sign_in_that_succeeds_while_its_login_is_cancelled_is_logged_out(
    logins: Logins, owner: OwnerId, fault: Faults, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("delay", "auth.SignIn", secs=0.3)
    fault("delay", "auth.CancelCode", secs=1.5)
    verifying = asyncio.create_task(logins.verify_code(owner, SUBJECT, sent.account_id, "12345"))
    await until_asked(dc, "auth.SignIn")

    cancelling = asyncio.create_task(logins.cancel(owner, SUBJECT, sent.account_id))
    async with asyncio.timeout(10):
        while not dc.authorizations_of(scene.carol):
            await asyncio.sleep(0.01)
    await cancelling
    with pytest.raises(LoginNotFound):
        await verifying

    assert dc.authorizations_of(scene.carol) == []
    assert await vault.accounts() == []


async def test_a_login_that_is_through_and_cannot_be_stored_may_be_cancelled_and_is_logged_out(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    with full_disk(), pytest.raises(StorageFailed):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    assert len(dc.authorizations_of(scene.carol)) == 1

    await logins.cancel(owner, SUBJECT, sent.account_id)

    assert dc.authorizations_of(scene.carol) == []
    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, sent.account_id)


async def test_a_login_that_could_not_be_stored_is_stored_by_asking_again(
    logins: Logins, owner: OwnerId, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    with full_disk(), pytest.raises(StorageFailed):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    state = await logins.state(owner, SUBJECT, sent.account_id)

    assert (state.status, state.account_id) == ("authorized", sent.account_id)
    assert len(await vault.accounts()) == 1
