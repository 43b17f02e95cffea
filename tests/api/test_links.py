"""Links to files: they speak for whoever made them, for a while, and open one file and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.test_media import DATA, document
from tests.disk import full_disk
from tests.problems import assert_problem
from vasya_sandbox.records import FileMedia
from vasya_server.auth.chat_lists import ChatRule
from vasya_server.gateway import DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

NOWHERE = f"{API}/files/vt_{'0' * 64}"


async def link(client: httpx.AsyncClient, path: str, **body: Any) -> str:
    response = await client.post(f"{path}/media/link", json=body)
    assert response.status_code == 201, response.text
    url: str = response.json()["url"]
    return url


async def assert_opens_nothing(anonymous: httpx.AsyncClient, url: str) -> None:
    """See that the link answers byte for byte what one that never was answers."""
    headers = {"X-Request-Id": "12345678"}
    response, unknown = [await anonymous.get(each, headers=headers) for each in (url, NOWHERE)]

    assert_problem(response, 404, "link_not_found")
    assert response.content == unknown.content
    assert sorted(response.headers) == sorted(unknown.headers)


@pytest.fixture
def path(account: str, scene: Scene) -> str:
    return f"{account}/{document(scene)}"


async def test_a_link_opens_the_file_without_a_credential(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    url = await link(client, path)

    response = await anonymous.get(url)

    assert url.startswith("http://127.0.0.1:8787/api/v1/files/vt_")
    assert len(url.rpartition("/")[2]) == 67
    assert (response.status_code, response.content) == (200, DATA)
    assert response.headers["content-disposition"].startswith("attachment;")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/pdf"


async def test_a_link_gives_parts_and_heads(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    url = await link(client, path)

    part = await anonymous.get(url, headers={"Range": "bytes=10-19"})
    head = await anonymous.head(url)

    assert (part.status_code, part.content) == (206, DATA[10:20])
    assert head.headers["content-length"] == str(len(DATA))


async def test_links_begin_with_the_public_url(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    environment["VASYA_PUBLIC_URL"] = "https://vasya.example"
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        assert (await client.post(f"{API}/telegram/login/session", json=body)).is_success

        url = await link(client, f"{API}/accounts/me/{document(scene)}")

    assert url.startswith("https://vasya.example/api/v1/files/vt_")


async def test_a_link_ends_after_five_minutes_or_as_it_was_asked(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        assert (await client.post(f"{API}/telegram/login/session", json=body)).is_success
        path = f"{API}/accounts/me/{document(scene)}"
        usual, short = await link(client, path), await link(client, path, ttlSecs=60)
        assert (await client.get(short)).status_code == 200

        clock.ahead += timedelta(seconds=60)
        assert_problem(await client.get(short), 404, "link_not_found")
        assert (await client.get(usual)).status_code == 200
        clock.ahead += timedelta(seconds=240)
        assert_problem(await client.get(usual), 404, "link_not_found")


@pytest.mark.parametrize("secs", [0, 3601, "60"])
async def test_no_link_is_good_for_longer_than_an_hour(
    client: httpx.AsyncClient, path: str, secs: object
) -> None:
    response = await client.post(f"{path}/media/link", json={"ttlSecs": secs})

    assert_problem(response, 422, "validation_failed")
    assert response.json()["errors"][0]["pointer"] == "/ttlSecs"


async def test_links_outlive_the_process(serve: Serve, dc: DataCentre, scene: Scene) -> None:
    async with serve() as (_, client):
        body = {"session": dc.mint(scene.alice)}
        assert (await client.post(f"{API}/telegram/login/session", json=body)).is_success
        url = await link(client, f"{API}/accounts/me/{document(scene)}")
    async with serve() as (_, client):
        assert (await client.get(url)).content == DATA


@pytest.mark.parametrize(
    "token",
    ["vt_" + "0" * 64, "vt_" + "0" * 63, "vt_" + "A" * 64, "x", "vt_" + "0" * 64 + "%00", "%2e%2e"],
)
async def test_what_is_no_link_opens_nothing(anonymous: httpx.AsyncClient, token: str) -> None:
    assert_problem(await anonymous.get(f"{API}/files/{token}"), 404, "link_not_found")


async def test_a_link_ends_with_its_key(
    client: httpx.AsyncClient, with_key: WithKey, anonymous: httpx.AsyncClient, path: str
) -> None:
    agent = await with_key(scopes=["messages:read"])
    url = await link(agent, path)
    assert (await anonymous.get(url)).content == DATA

    assert (await agent.delete(f"{API}/agent-keys/self")).status_code == 204

    await assert_opens_nothing(anonymous, url)


async def test_a_link_outlives_the_rotation_of_its_key(
    client: httpx.AsyncClient, with_key: WithKey, anonymous: httpx.AsyncClient, path: str
) -> None:
    agent = await with_key(scopes=["messages:read"])
    url = await link(agent, path)
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]

    assert (await client.post(f"{API}/agent-keys/{key_id}/rotate", json={})).status_code == 201

    assert (await anonymous.get(url)).content == DATA


@pytest.mark.parametrize("narrower", ["scopes", "chats"])
async def test_a_link_opens_no_more_than_its_key_may_read_now(
    client: httpx.AsyncClient,
    with_key: WithKey,
    anonymous: httpx.AsyncClient,
    path: str,
    scene: Scene,
    narrower: str,
) -> None:
    agent = await with_key(scopes=["messages:read"])
    url = await link(agent, path)
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]

    given = {"scopes": ["chats:read"], "chats": {"read": {"ids": [scene.carol.id]}}}
    body = {narrower: given[narrower]}
    changed = await client.patch(f"{API}/agent-keys/{key_id}", json=body)

    assert changed.status_code == 200, changed.text
    await assert_opens_nothing(anonymous, url)


async def test_a_link_ends_with_the_account(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, account: str, path: str
) -> None:
    url = await link(client, path)

    assert (await client.delete(account)).status_code == 200

    await assert_opens_nothing(anonymous, url)


async def test_a_link_ends_with_the_message(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    url = await link(client, path)

    assert (await client.delete(path, params={"forEveryone": "true"})).is_success

    await assert_opens_nothing(anonymous, url)


async def test_a_lockdown_ends_the_links_of_humans_too_and_new_ones_can_be_made(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    url = await link(client, path)

    assert (await client.post(f"{API}/lockdown")).status_code == 200

    await assert_opens_nothing(anonymous, url)
    assert (await anonymous.get(await link(client, path))).content == DATA


async def test_a_link_that_is_revoked_ends_what_is_open(
    client: httpx.AsyncClient,
    with_key: WithKey,
    anonymous: httpx.AsyncClient,
    gateway: Gateway,
    path: str,
) -> None:
    agent = await with_key(scopes=["messages:read"])
    url = await link(agent, path)
    download = await anonymous.get(url, headers={"Range": "bytes=0-0"})
    assert download.status_code == 206
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    watch = gateway.keys.watch(key_id)

    await client.delete(f"{API}/agent-keys/{key_id}")

    async with asyncio.timeout(10):
        await watch.over()


async def test_a_link_lives_no_longer_than_its_key(with_key: WithKey, path: str) -> None:
    agent = await with_key(ttlSecs=60)
    ends_at = (await agent.get(f"{API}/whoami")).json()["expiresAt"]

    made = (await agent.post(f"{path}/media/link", json={"ttlSecs": 600})).json()

    assert made["expiresAt"] == ends_at


async def test_a_lockdown_on_a_full_disk_ends_links_too(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    url = await link(client, path)
    with full_disk():
        assert (await client.post(f"{API}/lockdown")).status_code == 200

        await assert_opens_nothing(anonymous, url)


async def test_a_key_makes_links_for_chats_that_it_may_read_alone(
    acting: Acting, scene: Scene, account: str, path: str
) -> None:
    reader = await acting(ChatRule(ids=frozenset({scene.bob.id})), ChatRule(ids=frozenset({1})))
    stranger = await acting(ChatRule(ids=frozenset({scene.carol.id})))

    assert (await reader.post(f"{path}/media/link")).status_code == 201
    assert_problem(await stranger.post(f"{path}/media/link"), 403, "chat_not_allowed")
    nowhere = f"{account}/chats/@nobody_at_all/messages/1/media/link"
    assert_problem(await stranger.post(nowhere), 403, "chat_not_allowed")


async def test_no_agent_links_to_a_service_notification(
    client: httpx.AsyncClient, with_key: WithKey, account: str, scene: Scene
) -> None:
    file = scene.world.add_file("document", "application/pdf", data=b"code", name="c.pdf")
    posted = scene.world.post(scene.world.service, scene.alice, media=FileMedia(file.id)).message
    path = f"{account}/chats/777000/messages/{posted.copies[scene.alice.id]}"

    assert_problem(await (await with_key()).post(f"{path}/media/link"), 403, "service_chat")
    assert (await client.post(f"{path}/media/link")).status_code == 201


async def test_there_is_no_link_to_nothing(client: httpx.AsyncClient, account: str) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"limit": 1})).json()
    text = f"{account}/chats/@bob_b/messages/{page['items'][0]['id']}/media/link"
    gone = f"{account}/chats/@bob_b/messages/4711/media/link"

    assert_problem(await client.post(text), 404, "media_not_found")
    assert_problem(await client.post(gone), 404, "message_not_found")


async def test_a_link_to_saved_messages_opens(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    file = scene.world.add_file("document", "application/pdf", data=DATA, name="a.pdf")
    posted = scene.world.post(scene.alice, scene.alice, media=FileMedia(file.id)).message
    url = await link(client, f"{account}/chats/me/messages/{posted.copies[scene.alice.id]}")

    assert (await anonymous.get(url)).content == DATA


async def test_a_repeated_request_makes_no_second_link_and_shows_the_first_no_more(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post(f"{path}/media/link", json={}, headers=headers)
    again = await client.post(f"{path}/media/link", json={}, headers=headers)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {"urlShown": True, "expiresAt": first.json()["expiresAt"]}
    assert (await anonymous.get(first.json()["url"])).content == DATA


async def test_of_the_link_only_a_digest_is_stored(
    client: httpx.AsyncClient, gateway: Gateway, path: str
) -> None:
    token = (await link(client, path)).rpartition("/")[2]

    with closing(sqlite3.connect(gateway.settings.data_dir / DATABASE_FILE)) as db:
        rows = db.execute("SELECT digest FROM tickets").fetchall()

    assert rows == [(hashlib.sha256(token.encode()).digest(),)]
    for file in gateway.settings.data_dir.iterdir():
        if file.is_file():
            assert token.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tickets SET expires_at_ms = expires_at_ms + 1",
        "UPDATE tickets SET lineage = 'user2'",
        "UPDATE tickets SET made_at_ms = 1",
    ],
)
async def test_a_link_that_somebody_else_changed_opens_nothing(
    client: httpx.AsyncClient,
    anonymous: httpx.AsyncClient,
    gateway: Gateway,
    path: str,
    change: str,
) -> None:
    url = await link(client, path)
    with closing(sqlite3.connect(gateway.settings.data_dir / DATABASE_FILE)) as db:
        db.execute(change)
        db.commit()

    await assert_opens_nothing(anonymous, url)


async def test_links_that_are_over_are_erased(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        body = {"session": dc.mint(scene.alice)}
        assert (await client.post(f"{API}/telegram/login/session", json=body)).is_success
        path = f"{API}/accounts/me/{document(scene)}"
        await link(client, path, ttlSecs=60)
        clock.ahead += timedelta(seconds=61)
        await link(client, path)

        with closing(sqlite3.connect(gateway.settings.data_dir / DATABASE_FILE)) as db:
            assert db.execute("SELECT count(*) FROM tickets").fetchone() == (1,)


async def test_a_download_by_link_is_written_down_as_the_keys(
    client: httpx.AsyncClient, with_key: WithKey, anonymous: httpx.AsyncClient, path: str
) -> None:
    agent = await with_key(scopes=["messages:read"])
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    await anonymous.get(await link(agent, path))

    lines = (await client.get(f"{API}/audit", params={"key": key_id})).json()["items"]

    assert lines[0]["action"] == "media:download"
    assert lines[0]["actor"]["keyId"] == key_id
    assert "media:link" in [line["action"] for line in lines]


class TestLimits:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"VASYA_LIMIT_FILES_PER_MIN": "3"}

    async def test_one_address_opens_so_many_links_a_minute(
        self, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
    ) -> None:
        url = await link(client, path)
        answers = [await anonymous.get(each) for each in (url, NOWHERE, url, url)]

        assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
        assert_problem(answers[3], 429, "rate_limited")
        assert answers[3].json()["violatedPolicies"] == ["file"]
        assert int(answers[3].headers["retry-after"]) > 0
        assert (await client.get(url)).status_code == 200
