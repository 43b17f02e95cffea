"""A message that waited for its time gets another id when it is sent; its event tells both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions

from vasya_sandbox import scheduling
from vasya_sandbox.client import open_client
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.telegram.conftest import Scene
    from tests.telegram.hearing import Heard
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.fixture
async def phone(dc: DataCentre, scene: Scene) -> AsyncIterator[SandboxClient]:
    """Return Alice's own phone."""
    client = open_client(dc.address, dc.mint(scene.alice))
    await client.connect()
    yield client
    await client.disconnect()


async def schedule(phone: SandboxClient, dc: DataCentre, chat: str, random_id: int = 1) -> None:
    date = dc.world.now + 60
    await phone(
        functions.messages.SendMessageRequest(
            chat, "later", random_id=random_id, schedule_date=date
        )
    )


async def test_the_event_of_a_message_that_was_scheduled_tells_the_id_it_had(
    heard: Heard, scene: Scene, dc: DataCentre, phone: SandboxClient
) -> None:
    await schedule(phone, dc, "bob_b")
    await schedule(phone, dc, "garden_club", 2)

    sent = scheduling.send_due(
        dc, scene.alice, list(scheduling.outbox(dc.world, scene.alice).waiting.values())
    )

    told = await heard.of(EventType.MESSAGE_NEW, count=2)
    assert {each.data.scheduled_id: each.data.message.id for each in told if each.data.message} == {
        1: sent[1],
        2: sent[2],
    }


async def test_where_nobody_listened_the_event_tells_of_no_id_that_it_cannot_know(
    heard: Heard, scene: Scene, dc: DataCentre, phone: SandboxClient, alice: AccountRuntime
) -> None:
    await schedule(phone, dc, "bob_b")
    await alice.disconnect()
    scheduling.send_due(
        dc, scene.alice, scheduling.outbox(dc.world, scene.alice).within(scene.bob.id)
    )

    await alice.connect()

    (told,) = await heard.of(EventType.MESSAGE_NEW, count=1)
    assert told.data.message is not None
    assert (told.data.message.text, told.data.scheduled_id) == ("later", None)
