"""What a credential is told of itself: everything that it takes to plan."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from tests.api.conftest import API, BASE_URL, transport
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

WHOAMI = f"{API}/whoami"


async def test_a_key_is_told_its_limits_its_lists_and_its_end(
    client: httpx.AsyncClient, gateway: Gateway, account: str
) -> None:
    account_id = account.rpartition("/")[2]
    body = {
        "name": "summariser",
        "preset": "chat_reader",
        "accountIds": [account_id],
        "chats": {"read": {"ids": [42]}},
        "expiresAt": "2031-01-01T00:00:00Z",
    }
    key = (await client.post(f"{API}/agent-keys", json=body)).json()
    headers = {"Authorization": f"Bearer {key['secret']}"}

    async with httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as agent:
        me = (await agent.get(WHOAMI, headers=headers)).json()

    assert me["kind"] == "agent_key"
    assert (me["keyId"], me["keyName"]) == (key["id"], "summariser")
    assert me["scopes"] == ["chats:read", "events:read", "messages:read"]
    assert me["accounts"] == [{"accountId": account_id}]
    assert me["chats"] == {"read": {"ids": [42]}, "write": {"ids": [42]}}
    assert me["expiresAt"] == "2031-01-01T00:00:00Z"
    assert {bucket["name"]: bucket["quota"] for bucket in me["limits"]} == {
        "read": 60,
        "mutate": 30,
    }
    assert "operations" not in me


async def test_the_operations_that_a_credential_may_call_are_told_when_asked_for(
    agent: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    key = (await agent.get(WHOAMI, params={"include": "operations"})).json()["operations"]
    human = (await client.get(WHOAMI, params={"include": "operations"})).json()["operations"]

    assert "send_message" in key
    assert "create_agent_key" not in key
    assert "create_agent_key" in human


async def test_an_agent_sees_no_account_outside_its_list(
    client: httpx.AsyncClient, gateway: Gateway, account: str
) -> None:
    body = {"name": "elsewhere", "preset": "reader", "accountIds": [account.rpartition("/")[2]]}
    key = (await client.post(f"{API}/agent-keys", json=body)).json()
    await client.delete(account)
    headers = {"Authorization": f"Bearer {key['secret']}"}

    async with httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as agent:
        listed = await agent.get(f"{API}/accounts", headers=headers)
        me = await agent.get(WHOAMI, headers=headers)

    assert listed.json() == {"items": []}
    assert me.json()["accounts"] == []


async def test_a_send_that_waits_for_its_connection_is_not_made_when_its_key_is_revoked(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    await client.post(f"{account}/disconnect")
    dc.faults.add(Fault(action=Action.DELAY, request="users.GetUsers", secs=1.5))
    key_id = agent.headers["Authorization"].split("_")[1]

    sending = asyncio.create_task(
        agent.post(f"{account}/chats/me/messages", json={"text": "never"})
    )
    await asyncio.sleep(0.2)
    await client.delete(f"{API}/agent-keys/{key_id}")

    assert_problem(await sending, 403, "access_denied")
    assert dc.requests["messages.SendMessage"] == 0
