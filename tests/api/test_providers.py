"""Keys for services beside Telegram: set, never shown again, erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Serve
    from vasya_server.gateway import Gateway

DEEPGRAM = f"{API}/providers/deepgram"
SECRET = "3f9c1d7e5b2a48f0916c8d4e7a0b5f2c6d1e9a37"
OTHER = "aa9c1d7e5b2a48f0916c8d4e7a0b5f2c6d1ebbbb"


async def test_a_key_is_shown_by_its_end_only(client: httpx.AsyncClient) -> None:
    before = await client.get(DEEPGRAM)
    put = await client.put(DEEPGRAM, json={"key": SECRET})
    found = await client.get(DEEPGRAM)

    assert before.json() == {"name": "deepgram"}
    assert put.json() == found.json() == {"name": "deepgram", "isSet": True, "key": "…9a37"}


async def test_a_second_key_takes_the_place_of_the_first(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    await client.put(DEEPGRAM, json={"key": SECRET})
    await client.put(DEEPGRAM, json={"key": OTHER})

    assert (await client.get(DEEPGRAM)).json()["key"] == "…bbbb"
    assert await gateway.providers.find(gateway.owner, "deepgram") == OTHER


async def test_an_erased_key_is_gone_and_may_be_erased_again(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    await client.put(DEEPGRAM, json={"key": SECRET})

    first, second = await client.delete(DEEPGRAM), await client.delete(DEEPGRAM)

    assert (first.status_code, second.status_code) == (204, 204)
    assert (await client.get(DEEPGRAM)).json() == {"name": "deepgram"}
    assert await gateway.providers.find(gateway.owner, "deepgram") is None


async def test_a_key_is_its_owners_alone(client: httpx.AsyncClient, gateway: Gateway) -> None:
    other = await gateway.vault.owner("somebody-else")

    await client.put(DEEPGRAM, json={"key": SECRET})

    assert await gateway.providers.find(other, "deepgram") is None


async def test_no_file_holds_a_key_in_clear(serve: Serve) -> None:
    headers = {"Idempotency-Key": "one-intent"}
    async with serve() as (gateway, client):
        await client.put(DEEPGRAM, json={"key": SECRET}, headers=headers)
        folder = gateway.settings.data_dir
        held = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    assert "vasya.db-wal" in held
    assert [name for name, content in held.items() if SECRET.encode() in content] == []


async def test_keys_outlast_a_restart(serve: Serve) -> None:
    async with serve() as (_, client):
        await client.put(DEEPGRAM, json={"key": SECRET})
    async with serve() as (_, client):
        assert (await client.get(DEEPGRAM)).json()["key"] == "…9a37"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unknown_provider_is_refused_with_those_there_are(
    client: httpx.AsyncClient, method: str
) -> None:
    body = {"key": SECRET} if method == "PUT" else None
    response = await client.request(method, f"{API}/providers/whisper", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "{name}", "code": "unknown", "allowed": ["deepgram"]}]


@pytest.mark.parametrize(
    "secret", ["short", "x" * 513, "with a space in it", SECRET + "\n", "ключ" * 8]
)
async def test_what_cannot_be_a_key_is_refused(client: httpx.AsyncClient, secret: str) -> None:
    response = await client.put(DEEPGRAM, json={"key": secret})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"][0]["pointer"] == "/key"
    assert (await client.get(DEEPGRAM)).json() == {"name": "deepgram"}
