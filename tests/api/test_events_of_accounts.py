"""From what Telegram says to what listeners are told: accounts that somebody listens to stay connected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.api.streaming import POLL, followed, streaming
from vasya_sandbox import fanout

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User
    from vasya_server.gateway import Gateway


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"VASYA_IDLE_DISCONNECT_SECS": "1", "VASYA_STREAM_HEARTBEAT_SECS": "1"}


@pytest.fixture
async def account(gateway: Gateway, client: httpx.AsyncClient, account: str) -> str:
    await followed(gateway, client, account)
    return account


@pytest.fixture
def bob_says(dc: DataCentre, scene: Scene) -> Callable[[User, str], None]:
    def say(to: User, text: str) -> None:
        fanout.publish(dc, scene.world.post(scene.bob, to, text).notices)

    return say


async def is_connected(client: httpx.AsyncClient, account: str) -> bool:
    return bool((await client.get(account)).json().get("isConnected"))


async def test_a_message_is_told_when_it_arrives_and_what_the_gateway_sends_where_asked_for(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    bob_says: Callable[[User, str], None],
) -> None:
    async with (
        streaming(gateway, client) as incoming,
        streaming(gateway, client, direction="all") as every,
    ):
        sent = await client.post(f"{account}/chats/@bob_b/messages", json={"text": "ping"})
        assert sent.status_code == 201
        bob_says(scene.alice, "pong")
        event = await incoming.event()
        assert await every.texts(2) == ["ping", "pong"]

    assert event["data"]["message"]["text"] == "pong"
    assert event["chat"] == {"id": scene.bob.id, "type": "user", "title": "Bob"}


async def test_an_account_stays_connected_while_somebody_listens_and_no_longer(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await client.patch(account, json={"keepConnected": False})
    async with streaming(gateway, client):
        await asyncio.sleep(3)
        assert await is_connected(client, account)
    async with asyncio.timeout(10):
        while await is_connected(client, account):
            await asyncio.sleep(0.2)


async def test_a_poll_connects_the_account_that_it_listens_to(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    bob_says: Callable[[User, str], None],
) -> None:
    await client.patch(account, json={"keepConnected": False})
    await client.post(f"{account}/disconnect")
    poll = asyncio.create_task(
        client.get(
            POLL,
            params={"wait": 10, "chat": scene.bob.id, "account": "me", "type": "message.new"},
            timeout=20,
        )
    )
    async with asyncio.timeout(10):
        while not await is_connected(client, account):
            await asyncio.sleep(0.05)
    bob_says(scene.alice, "anybody there?")

    page = (await poll).json()
    assert [event["data"]["message"]["text"] for event in page["items"]] == ["anybody there?"]


async def test_an_account_that_is_logged_in_while_somebody_listens_is_listened_to(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    bob_says: Callable[[User, str], None],
) -> None:
    async with streaming(gateway, client, type="message.new") as stream:
        body = {"session": dc.mint(scene.carol)}
        made = await client.post(f"{API}/telegram/login/session", json=body)
        other = f"{API}/accounts/{made.json()['accountId']}"
        await followed(gateway, client, other)
        await client.patch(other, json={"keepConnected": False})
        await asyncio.sleep(3)
        assert await is_connected(client, other)
        bob_says(scene.carol, "for Carol")
        assert (await stream.event())["accountId"] == made.json()["accountId"]
