"""A key that is used from where it never came from is told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from tests.api.conftest import API, BASE_URL, listening
from tests.api.lining import answered, open_line
from vasya_server.app import create_app

if TYPE_CHECKING:
    from typing import Any

    from tests.api.conftest import Scene, Serve
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


async def used_from(gateway: Gateway, secret: str, address: str) -> None:
    app: Any = create_app(gateway)
    transport = httpx.ASGITransport(app, client=(address, 50_000))
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE_URL, headers=headers
    ) as machine:
        assert (await machine.get(f"{API}/whoami")).status_code == 200


async def events(gateway: Gateway) -> list[str]:
    """Return the keys of which a new address was told, in their order."""
    found, _ = await gateway.events.stored(gateway.owner, 0, 200)
    return [str(e.draft.key_id) for e in found if e.draft.type.value == "key.new_address"]


async def test_a_second_address_is_told_once_and_the_first_is_not(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        await client.post(f"{API}/telegram/login/session", json=body)
        made = await client.post(
            f"{API}/agent-keys", json={"name": "agent", "scopes": ["chats:read"]}
        )
        secret, key_id = made.json()["secret"], made.json()["id"]
        await used_from(gateway, secret, "192.0.2.1")
        assert await events(gateway) == []
        await used_from(gateway, secret, "192.0.2.2")
        await used_from(gateway, secret, "192.0.2.2")
        await used_from(gateway, secret, "192.0.2.1")
        assert await events(gateway) == [key_id]
        rotated = await client.post(f"{API}/agent-keys/{key_id}/rotate", json={})
    async with serve() as (gateway, client):
        # Its successor comes from where it came from, and that outlives a restart.
        await used_from(gateway, rotated.json()["secret"], "192.0.2.2")
        assert await events(gateway) == [key_id]
        await used_from(gateway, rotated.json()["secret"], "2001:db8::1")
        await used_from(gateway, rotated.json()["secret"], "2001:db8::2")
        assert await events(gateway) == [key_id, rotated.json()["id"]]


async def test_it_is_told_in_the_owners_chat(serve: Serve, dc: DataCentre, scene: Scene) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        made = await client.post(f"{API}/telegram/login/session", json=body)
        await open_line(client, made.json()["accountId"])
        await listening(gateway)
        key = await client.post(
            f"{API}/agent-keys", json={"name": "agent", "scopes": ["chats:read"]}
        )
        await used_from(gateway, key.json()["secret"], "192.0.2.1")
        await used_from(gateway, key.json()["secret"], "192.0.2.2")
        said = await answered(scene, "Vasya: “agent” was used from an address")
    assert said.endswith("vasya revoke <name>, or vasya lock.")
