"""An agent key as the bearer of requests: what it opens, what it does not, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API, TOKEN
from tests.api.test_keys import KEYS, make
from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_a_key_opens_its_scopes_and_nothing_else(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    key = bearer((await make(client))["secret"])
    to_bob = f"{account}/chats/{scene.bob.id}/messages"

    read = await client.get(to_bob, headers=key)
    dc.reset_counters()
    sent = await client.post(to_bob, json={"text": "x"}, headers=key)

    assert read.status_code == 200, read.text
    assert assert_problem(sent, 403, "scope_required")["requiredScope"] == "messages:send"
    assert dc.requests["messages.SendMessage"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/agent-keys"),
        ("POST", "/agent-keys"),
        ("GET", "/agent-keys/ak0123456789abcdef"),
        ("PATCH", "/agent-keys/ak0123456789abcdef"),
        ("DELETE", "/agent-keys/ak0123456789abcdef"),
        ("POST", "/agent-keys/ak0123456789abcdef/rotate"),
        ("GET", "/audit"),
    ],
)
async def test_what_is_a_humans_no_key_opens(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    made = await make(client, preset="assistant")
    body: Any = {"name": "x"} if method in {"POST", "PATCH"} else None

    response = await client.request(method, API + path, json=body, headers=bearer(made["secret"]))

    assert_problem(response, 403, "human_required")
    assert len((await client.get(KEYS)).json()["items"]) == 1


async def test_any_key_may_ask_what_scopes_there_are_and_end_itself(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client)
    key = bearer(made["secret"])

    scopes = await client.get(f"{KEYS}/scopes", headers=key)
    ended = await client.delete(f"{KEYS}/self", headers=key)
    after = await client.get(f"{API}/whoami", headers=key)

    assert scopes.status_code == 200
    assert ended.status_code == 204
    assert_problem(after, 401, "key_revoked")
    assert (await client.get(f"{KEYS}/{made['id']}")).json()["isRevoked"] is True
    entries = (await client.get(f"{API}/audit", params={"action": "key:revoke"})).json()["items"]
    assert {(e["actor"]["keyId"], e["target"]) for e in entries} == {(made["id"], made["id"])}


async def test_a_key_for_another_account_reaches_none_of_this_one(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    other = await client.post(
        f"{API}/telegram/login/session", json={"session": dc.mint(scene.carol)}
    )
    made = await make(client, accountIds=[other.json()["accountId"]])
    dc.reset_counters()

    response = await client.get(f"{account}/chats", headers=bearer(made["secret"]))

    assert_problem(response, 403, "access_denied")
    assert not dc.requests


async def test_a_wrong_key_is_refused_and_asks_telegram_nothing(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    secret = (await make(client))["secret"]
    dc.reset_counters()
    for wrong in (
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        secret[:30] + ("0" if secret[30] != "0" else "1") + secret[31:],
        secret[:-1],
        secret + "0",
        secret.upper(),
        "vk_",
        "vk_" + TOKEN,
    ):
        response = await client.get(f"{account}/chats", headers=bearer(wrong))
        problem = assert_problem(response, 401, "invalid_token")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert wrong not in str(problem)
    assert not dc.requests


async def test_narrowing_takes_effect_on_the_next_request(
    client: httpx.AsyncClient, account: str
) -> None:
    made = await make(client)
    key = bearer(made["secret"])
    assert (await client.get(f"{account}/chats", headers=key)).status_code == 200

    await client.patch(f"{KEYS}/{made['id']}", json={"scopes": ["messages:read"]})

    response = await client.get(f"{account}/chats", headers=key)
    assert assert_problem(response, 403, "scope_required")["requiredScope"] == "chats:read"


async def test_a_replay_goes_on_in_the_lineage_and_ends_with_the_grant(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    made = await make(client, preset="assistant")
    to_bob = f"{account}/chats/{scene.bob.id}/messages"
    intent = {"Idempotency-Key": "one"}
    first = await client.post(
        to_bob, json={"text": "once"}, headers=bearer(made["secret"]) | intent
    )
    new = (await client.post(f"{KEYS}/{made['id']}/rotate")).json()

    again = await client.post(to_bob, json={"text": "once"}, headers=bearer(new["secret"]) | intent)
    await client.patch(f"{KEYS}/{new['id']}", json={"scopes": ["chats:read"]})
    narrowed = await client.post(
        to_bob, json={"text": "once"}, headers=bearer(new["secret"]) | intent
    )

    assert first.status_code == 201, first.text
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert_problem(narrowed, 403, "scope_required")


@pytest.mark.parametrize("end", ["revoked", "expired", "rotated"])
async def test_a_key_that_was_one_is_told_what_became_of_it(
    serve: Serve, clock: MovableClock, end: str
) -> None:
    async with serve() as (_, client):
        made = await make(client, ttlSecs=600)
        key = bearer(made["secret"])
        assert (await client.get(f"{API}/whoami", headers=key)).status_code == 200
        code = "key_revoked" if end == "revoked" else "key_expired"
        match end:
            case "revoked":
                await client.delete(f"{KEYS}/{made['id']}")
            case "expired":
                clock.ahead = timedelta(seconds=601)
            case _:
                await client.post(f"{KEYS}/{made['id']}/rotate")

        assert_problem(await client.get(f"{API}/whoami", headers=key), 401, code)


async def test_a_key_that_names_a_folder_follows_it(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    folder = Folder(2, "Agent", [scene.bob.id])
    scene.alice.folders.append(folder)
    made = await make(
        client, accountIds=[account.rpartition("/")[2]], chats={"read": {"folders": [2]}}
    )
    key = bearer(made["secret"])

    bob = await client.get(f"{account}/chats/{scene.bob.id}/messages", headers=key)
    carol = await client.get(f"{account}/chats/{scene.carol.id}/messages", headers=key)

    assert bob.status_code == 200, bob.text
    assert_problem(carol, 403, "chat_not_allowed")


@pytest.mark.parametrize("is_presented_again", [False, True])
async def test_a_body_that_takes_its_time_does_not_outlast_a_narrowing(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    *,
    is_presented_again: bool,
) -> None:
    made = await make(client, preset="assistant")
    key = bearer(made["secret"])
    to_bob = f"{account}/chats/{scene.bob.id}/messages"

    async def body() -> AsyncIterator[bytes]:
        yield b'{"text": '
        narrower = {"chats": {"read": {"ids": [scene.group.peer_id]}}}
        assert (await client.patch(f"{KEYS}/{made['id']}", json=narrower)).status_code == 200
        if is_presented_again:
            assert (await client.get(f"{API}/whoami", headers=key)).status_code == 200
        yield b'"late"}'

    json = {"Content-Type": "application/json"}
    sent = await client.post(to_bob, content=body(), headers=key | json)

    assert_problem(sent, 403, "access_denied")
    assert dc.requests["messages.SendMessage"] == 0
