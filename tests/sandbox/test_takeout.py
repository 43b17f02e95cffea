from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import errors, functions

from tests.sandbox.refusals import refused
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World


async def test_an_export_reads_through_its_takeout_and_ends_it(
    dc: DataCentre, world: World, connect: Connect
) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob")
    world.post(bob, ada, "hello")
    client = await connect(ada)
    (auth,) = dc.authorizations_of(ada)
    async with client.takeout(users=True) as takeout:
        assert auth.takeout_id == client.session.takeout_id
        assert [message.text async for message in takeout.iter_messages("bob")] == ["hello"]
    assert auth.takeout_id is None


async def test_a_takeout_that_was_finished_is_no_more(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    begun = await client(functions.account.InitTakeoutSessionRequest(contacts=True))
    finish = functions.account.FinishTakeoutSessionRequest(success=True)
    wrapped = functions.InvokeWithTakeoutRequest(begun.id, finish)
    assert await client(wrapped) is True
    with refused("TAKEOUT_INVALID"):
        await client(wrapped)
    with refused("TAKEOUT_REQUIRED"):
        await client(finish)


async def test_a_takeout_is_of_one_device_and_ends_with_its_login(
    dc: DataCentre, world: World, connect: Connect
) -> None:
    ada = world.add_user("Ada")
    client, tablet = await connect(ada), await connect(ada)
    begun = await client(functions.account.InitTakeoutSessionRequest())
    read = functions.InvokeWithTakeoutRequest(begun.id, functions.help.GetConfigRequest())
    assert await client(read)
    with refused("TAKEOUT_INVALID"):
        await tablet(read)
    auth = dc.authorizations_of(ada)[0]
    dc.log_out(auth)
    assert auth.takeout_id is None


async def test_an_export_may_have_to_wait(dc: DataCentre, world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    wait = Fault(
        action=Action.RPC_ERROR,
        request="account.initTakeoutSession",
        code=420,
        text="TAKEOUT_INIT_DELAY_86400",
    )
    dc.faults.add(wait)
    with pytest.raises(errors.TakeoutInitDelayError) as refusal:
        await client(functions.account.InitTakeoutSessionRequest())
    assert refusal.value.seconds == 86_400
