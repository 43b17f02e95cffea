"""Webhooks of agent keys: they carry what the key may read when it is sent, and end with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.hooking import (
    FAST,
    HOOKS,
    Receiver,
    always,
    happen,
    hook,
    receiving,
    said,
    settled,
)
from tests.api.streaming import followed
from tests.problems import assert_problem
from vasya_sandbox import fanout
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action as FaultAction
from vasya_sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEYS = f"{API}/agent-keys"
SCOPES = ["events:read", "webhooks:write"]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | FAST


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def numbers(receiver: Receiver) -> list[int]:
    return [body["data"]["messageId"] for body in receiver.bodies]


async def keyed(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """Make an agent key, and return it with the header that presents it."""
    made = await client.post(KEYS, json={"name": "agent", "scopes": SCOPES, **more})
    assert made.status_code == 201, made.text
    return {**made.json(), "bearer": {"Authorization": f"Bearer {made.json()['secret']}"}}


async def key_hook(
    client: httpx.AsyncClient, key: dict[str, Any], receiver: Receiver
) -> dict[str, Any]:
    body = {"url": receiver.url, "types": ["message.new"]}
    made = await client.post(HOOKS, json=body, headers=key["bearer"])
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def shown(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get(f"{HOOKS}/{made['id']}")).json()
    return answer


async def disabled(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    async with asyncio.timeout(5):
        while not (await shown(client, made)).get("isDisabled"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("lacking", "needed"), [("events:read", "events:read"), ("webhooks:write", "webhooks:write")]
)
async def test_a_key_needs_both_scopes(
    client: httpx.AsyncClient, receiver: Receiver, lacking: str, needed: str
) -> None:
    key = await keyed(client, scopes=[scope for scope in SCOPES if scope != lacking])

    made = await client.post(HOOKS, json={"url": receiver.url}, headers=key["bearer"])

    assert assert_problem(made, 403, "scope_required")["requiredScope"] == needed


async def test_a_key_sees_its_own_and_a_human_sees_all(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    first, second = await keyed(client), await keyed(client)
    humans = await hook(client, receiver)
    firsts = await key_hook(client, first, receiver)
    seconds = await key_hook(client, second, receiver)

    async def listed(**headers: str) -> list[str]:
        items = (await client.get(HOOKS, headers=headers)).json()["items"]
        return [item["id"] for item in items]

    assert await listed() == [seconds["id"], firsts["id"], humans["id"]]
    assert await listed(**first["bearer"]) == [firsts["id"]]
    assert await listed(**second["bearer"]) == [seconds["id"]]
    assert (await shown(client, firsts))["keyId"] == first["id"]
    assert "keyId" not in await shown(client, humans)


async def test_a_keys_webhook_names_only_accounts_of_the_key(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, receiver: Receiver
) -> None:
    session = {"session": dc.mint(scene.carol)}
    other = (await client.post(f"{API}/telegram/login/session", json=session)).json()["accountId"]
    own = account.rpartition("/")[2]
    key = await keyed(client, accountIds=[own])

    async def asked(account_id: str) -> httpx.Response:
        body = {"url": receiver.url, "accountIds": [account_id]}
        return await client.post(HOOKS, json=body, headers=key["bearer"])

    problems = [
        assert_problem(await asked(each), 422, "validation_failed")["errors"]
        for each in (other, "acc_" + "z" * 26)
    ]
    assert problems[0] == problems[1] == [{"pointer": "/accountIds/0", "code": "unknown"}]
    assert (await asked(own)).status_code == 201


async def test_a_keys_webhook_is_told_what_the_key_may_read(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    key = await keyed(client, chats={"read": {"ids": [7]}})
    await key_hook(client, key, receiver)

    await happen(gateway, account, said(1, chat_id=8), said(2), said(3, chat_id=9), said(4))
    await receiver.got(2)
    await asyncio.sleep(0.1)

    assert numbers(receiver) == [2, 4]


async def test_where_telegram_cannot_say_what_is_in_a_folder_events_wait(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    receiver: Receiver,
) -> None:
    scene.alice.folders.append(Folder(2, "Agent", [scene.bob.id]))
    key = await keyed(
        client, accountIds=[account.rpartition("/")[2]], chats={"read": {"folders": [2]}}
    )
    await key_hook(client, key, receiver)
    await asyncio.sleep(2.1)  # what was asked for the key is forgotten
    asked = "messages.GetDialogFilters"
    dc.faults.add(
        Fault(action=FaultAction.RPC_ERROR, request=asked, times=4, code=500, text="CALL_FAILED")
    )

    await happen(
        gateway,
        account,
        said(1, chat_id=scene.carol.id),
        said(2, chat_id=scene.bob.id),
        said(3, chat_id=scene.bob.id),
    )
    await receiver.got(2)

    assert numbers(receiver) == [2, 3]
    assert dc.requests[asked] >= 4


async def test_a_narrowed_keys_webhook_is_told_less_at_once(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(always(500)) as receiver:
        key = await keyed(client)
        made = await key_hook(client, key, receiver)
        await happen(gateway, account, said(1, chat_id=8), said(2))
        await receiver.got(1)
        await client.patch(f"{KEYS}/{key['id']}", json={"chats": {"read": {"ids": [7]}}})
        seen = len(receiver.posts)
        receiver.saying = always(200)
        await settled(client, made, 1, status="delivered")

        assert set(numbers(receiver)[:seen]) == {1}
        assert set(numbers(receiver)[seen:]) == {2}
        [dead] = await settled(client, made, 1, status="dead")
        assert dead["reason"] == "not_allowed"
        again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{dead['id']}/retry")
        assert_problem(again, 410, "event_gone")


@pytest.mark.parametrize("scopes", [["events:read"], ["webhooks:write"]])
async def test_a_key_that_lost_a_scope_is_told_nothing(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    receiver: Receiver,
    scopes: list[str],
) -> None:
    key = await keyed(client)
    await key_hook(client, key, receiver)
    await client.patch(f"{KEYS}/{key['id']}", json={"scopes": scopes})
    await happen(gateway, account, said(1))
    await asyncio.sleep(0.2)
    assert receiver.posts == []

    await client.patch(f"{KEYS}/{key['id']}", json={"scopes": SCOPES})
    await happen(gateway, account, said(2))

    await receiver.got(1)
    assert numbers(receiver) == [2]


@pytest.mark.parametrize("end", ["revoked", "lockdown"])
async def test_nothing_is_posted_after_the_answer_to_the_end_of_the_key(
    gateway: Gateway, client: httpx.AsyncClient, account: str, end: str
) -> None:
    async with receiving(always(0)) as receiver:  # takes the post, and does not answer
        key = await keyed(client)
        made = await key_hook(client, key, receiver)
        await happen(gateway, account, said(1), said(2))
        await receiver.got(1)
        if end == "revoked":
            await client.delete(f"{KEYS}/{key['id']}")
        else:
            await client.post(f"{API}/lockdown")
        await asyncio.wait_for(receiver.server.closed.get(), 0.5)  # broken off
        await happen(gateway, account, said(3))
        await asyncio.sleep(0.3)

        assert len(receiver.posts) == 1
        await disabled(client, made)
        audit = await client.get(f"{API}/audit", params={"action": "webhook:disable"})
        assert [line["result"]["code"] for line in audit.json()["items"]] == ["key_ended"]
        enabled = await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})
        assert_problem(enabled, 409, "key_ended")


async def test_a_webhook_ends_with_the_time_of_its_key(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene, receiver: Receiver
) -> None:
    async with serve() as (gateway, client):
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        key = await keyed(client, ttlSecs=600)
        made = await key_hook(client, key, receiver)
        await happen(gateway, account["accountId"], said(1))
        await receiver.got(1)
        clock.ahead = timedelta(seconds=601)
        await happen(gateway, account["accountId"], said(2))
        await disabled(client, made)
        tested = await client.post(f"{HOOKS}/{made['id']}/test")

    assert len(receiver.posts) == 1
    assert_problem(tested, 409, "key_ended")


@pytest.mark.parametrize("grace_secs", [0, 600])
async def test_a_webhook_goes_on_with_the_keys_successor(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    receiver: Receiver,
    grace_secs: int,
) -> None:
    key = await keyed(client)
    made = await key_hook(client, key, receiver)
    rotated = await client.post(f"{KEYS}/{key['id']}/rotate", json={"graceSecs": grace_secs})
    new = {"Authorization": f"Bearer {rotated.json()['secret']}"}

    await happen(gateway, account, said(1))
    await receiver.got(1)
    seen = await client.get(f"{HOOKS}/{made['id']}", headers=new)
    await client.patch(f"{KEYS}/{rotated.json()['id']}", json={"chats": {"read": {"ids": [8]}}})
    await happen(gateway, account, said(2), said(3, chat_id=8))
    await receiver.got(2)

    assert seen.status_code == 200
    assert "isDisabled" not in seen.json()
    assert numbers(receiver) == [1, 3]


async def test_an_account_stays_connected_while_a_webhook_wants_its_events(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    [runtime] = gateway.accounts.list(gateway.owner)
    made = await hook(client, receiver)
    async with asyncio.timeout(5):
        while not runtime.consumers.is_followed:
            await asyncio.sleep(0.01)

    await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": True})

    assert not runtime.consumers.is_followed


async def test_messages_that_arrive_are_posted_and_login_codes_never(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    receiver: Receiver,
) -> None:
    await client.patch(f"{API}/settings", json={"canWebhooksCarryContent": True})
    await hook(client, receiver, include="content")
    await followed(gateway, client, account)

    world = scene.world
    code = world.post(world.service, scene.alice, "Login code: 31415")
    fanout.publish(dc, code.notices)
    sent = world.post(scene.bob, scene.alice, "are you there?")
    fanout.publish(dc, sent.notices)
    redacted, told = await receiver.got(2)

    assert redacted["data"]["data"]["message"]["redacted"] == "service_notification"
    assert b"31415" not in b"".join(post.body for post in receiver.posts)
    assert told["data"]["chat"]["id"] == scene.bob.id
    assert told["data"]["data"]["message"]["text"] == "are you there?"
