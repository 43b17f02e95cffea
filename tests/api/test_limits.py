"""How often, over HTTP: what is refused, what that costs, and what clients are told."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.conftest import API, BASE_URL, TOKEN
from tests.clocks import MovableClock
from tests.problems import assert_problem
from vasya_server.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Scene, Serve
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

WHOAMI = f"{API}/whoami"
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
WRONG = {"Authorization": "Bearer wrong"}


class StandingClock(MovableClock):
    """Buckets fill when the test says so."""

    def now_ns(self) -> int:
        return 1_800_000_000_000_000_000 + self.ahead // timedelta(seconds=1) * 1_000_000_000


async def make_key(human: httpx.AsyncClient) -> dict[str, Any]:
    """Make a key that may write; that costs one change of the human's."""
    body = {"name": "writer", "scopes": ["accounts:read", "messages:send"]}
    response = await human.post(f"{API}/agent-keys", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


@contextlib.asynccontextmanager
async def calling_with(gateway: Gateway, key: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Call the same server with an agent key."""
    app: Any = create_app(gateway)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key['secret']}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers) as client:
        yield client


@pytest.fixture
def clock() -> MovableClock:
    return StandingClock()


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    async with serve() as served:
        yield served


@pytest.fixture
async def gateway(served: tuple[Gateway, httpx.AsyncClient]) -> Gateway:
    return served[0]


@pytest.fixture
async def client(served: tuple[Gateway, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]


@pytest.fixture
async def anonymous(client: httpx.AsyncClient) -> httpx.AsyncClient:
    del client.headers["authorization"]
    return client


@pytest.fixture
def few(environment: dict[str, str]) -> None:
    """Give humans what a key has, and that is four requests and two changes, one a minute."""
    environment["VASYA_LIMIT_HUMAN_FACTOR"] = "1"
    environment["VASYA_LIMIT_READ_PER_MIN"] = "1"
    environment["VASYA_LIMIT_READ_BURST"] = "4"
    environment["VASYA_LIMIT_MUTATE_PER_MIN"] = "1"
    environment["VASYA_LIMIT_MUTATE_BURST"] = "2"


@pytest.fixture
def few_changes(environment: dict[str, str]) -> None:
    """Give a human three changes: one brings the account."""
    environment["VASYA_LIMIT_HUMAN_FACTOR"] = "1"
    environment["VASYA_LIMIT_MUTATE_PER_MIN"] = "1"
    environment["VASYA_LIMIT_MUTATE_BURST"] = "3"


def sent(dc: DataCentre) -> int:
    return dc.requests["messages.SendMessage"]


async def test_every_answer_says_what_is_left(client: httpx.AsyncClient) -> None:
    response = await client.get(WHOAMI)

    assert response.headers["ratelimit-policy"] == '"read";q=600;w=30'
    assert response.headers["ratelimit"] == '"read";r=599;t=1'
    assert "retry-after" not in response.headers


async def test_what_stops_short_of_an_operation_costs_nothing_and_says_what_is_left(
    client: httpx.AsyncClient,
) -> None:
    for path, status in (("/nowhere", 404), ("/accounts/acc_aaaaaaaaaaaaaaaaaaaaaaaaaa", 403)):
        response = await client.get(f"{API}{path}")
        assert response.status_code == status
        assert response.headers["ratelimit"] == '"read";r=600;t=0'


async def test_a_stranger_is_told_of_no_bucket(anonymous: httpx.AsyncClient) -> None:
    for path, status in (("/health", 200), ("/whoami", 401)):
        response = await anonymous.get(f"{API}{path}")
        assert response.status_code == status
        assert not {name for name in response.headers if name.startswith("ratelimit")}


async def test_a_request_with_wrong_fields_costs_one_read(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{API}/accounts?limit=0")

    assert_problem(response, 422, "validation_failed")
    assert response.headers["ratelimit"] == '"read";r=599;t=1'


async def test_an_empty_bucket_is_429_until_it_has_filled_again(
    few: None, client: httpx.AsyncClient, clock: MovableClock
) -> None:
    for _ in range(4):
        assert (await client.get(WHOAMI)).status_code == 200

    response = await client.get(WHOAMI)

    problem = assert_problem(response, 429, "rate_limited")
    assert problem["violatedPolicies"] == ["read"]
    assert problem["isRetryable"] is True
    assert problem["retryAfterSecs"] == 60
    assert "VASYA_LIMIT_READ_PER_MIN" in problem["remedy"]
    assert response.headers["retry-after"] == "60"
    assert response.headers["ratelimit-policy"] == '"read";q=4;w=240'
    assert response.headers["ratelimit"] == '"read";r=0;t=60'

    clock.ahead += timedelta(seconds=60)
    assert (await client.get(WHOAMI)).status_code == 200
    assert_problem(await client.get(WHOAMI), 429, "rate_limited")


async def test_a_read_that_is_refused_asks_nothing_of_telegram(
    few: None, client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    for _ in range(3):
        await client.get(WHOAMI)
    before = dc.requests.total()

    assert_problem(await client.get(f"{account}/chats"), 429, "rate_limited")

    assert dc.requests.total() == before


async def test_a_change_that_is_refused_is_not_claimed_not_written_down_and_not_sent(
    few_changes: None,
    client: httpx.AsyncClient,
    gateway: Gateway,
    account: str,
    dc: DataCentre,
    clock: MovableClock,
) -> None:
    to_bob = f"{account}/chats/@bob_b/messages"
    for text in ("one", "two"):
        assert (await client.post(to_bob, json={"text": text})).status_code == 201
    log = (gateway.settings.data_dir / "audit.log").read_bytes()

    refused = await client.post(to_bob, json={"text": "three"}, headers=KEY)

    problem = assert_problem(refused, 429, "rate_limited")
    assert problem["violatedPolicies"] == ["mutate"]
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["ratelimit-policy"] == '"read";q=60;w=30, "mutate";q=3;w=180'
    assert refused.headers["ratelimit"] == '"read";r=56;t=1, "mutate";r=0;t=60'
    assert sent(dc) == 2
    assert (gateway.settings.data_dir / "audit.log").read_bytes() == log

    clock.ahead += timedelta(seconds=60)
    assert (await client.post(to_bob, json={"text": "three"}, headers=KEY)).status_code == 201
    assert sent(dc) == 3


async def test_a_replay_costs_a_read_and_no_change(
    few_changes: None, client: httpx.AsyncClient, account: str
) -> None:
    to_bob = f"{account}/chats/@bob_b/messages"
    first = await client.post(to_bob, json={"text": "hi"}, headers=KEY)

    for _ in range(5):
        again = await client.post(to_bob, json={"text": "hi"}, headers=KEY)
        assert again.status_code == 201
        assert again.headers["idempotency-replayed"] == "true"

    assert first.headers["ratelimit"] == '"read";r=58;t=1, "mutate";r=1;t=60'
    assert again.headers["ratelimit"] == '"read";r=53;t=1'
    other = await client.post(to_bob, json={"text": "something else"})
    assert other.headers["ratelimit"] == '"read";r=52;t=1, "mutate";r=0;t=60'


async def test_a_human_closes_a_gate_though_every_bucket_is_empty(
    few: None, client: httpx.AsyncClient, account: str
) -> None:
    while (await client.get(WHOAMI)).status_code == 200:
        pass

    response = await client.patch(account, json={"canSend": False})

    assert response.status_code == 200
    assert "canSend" not in response.json()


async def test_a_key_ends_itself_though_its_bucket_is_empty(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    """Whoever stole a key could otherwise keep its agent from ending it."""
    async with calling_with(gateway, await make_key(client)) as key:
        while (await key.get(WHOAMI)).status_code == 200:
            pass

        assert (await key.delete(f"{API}/agent-keys/self")).status_code == 204
        assert_problem(await key.get(WHOAMI), 401, "key_revoked")


async def test_a_restart_refills_nothing(few: None, serve: Serve, clock: MovableClock) -> None:
    async with serve() as (_, client):
        for _ in range(4):
            await client.get(WHOAMI)

    async with serve() as (_, client):
        assert_problem(await client.get(WHOAMI), 429, "rate_limited")
        clock.ahead += timedelta(seconds=60)
        assert (await client.get(WHOAMI)).status_code == 200


async def test_one_keys_limit_is_nobody_elses_and_its_rotation_does_not_refill(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    key, other = await make_key(client), await make_key(client)
    async with calling_with(gateway, key) as old:
        for _ in range(60):
            assert (await old.get(WHOAMI)).status_code == 200
        assert_problem(await old.get(WHOAMI), 429, "rate_limited")
    rotated = await client.post(f"{API}/agent-keys/{key['id']}/rotate", json={})
    assert rotated.status_code == 201, rotated.text

    async with calling_with(gateway, rotated.json()) as new:
        assert_problem(await new.get(WHOAMI), 429, "rate_limited")
    async with calling_with(gateway, other) as another:
        assert (await another.get(WHOAMI)).headers["ratelimit"] == '"read";r=59;t=1'
    assert (await client.get(WHOAMI)).headers["ratelimit"] == '"read";r=596;t=1'


async def test_a_key_is_limited_in_one_chat_by_whatever_name_and_not_in_another(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    environment["VASYA_LIMIT_CHAT_PER_HOUR"] = "2"
    async with serve() as (gateway, human):
        imported = await human.post(
            f"{API}/telegram/login/session", json={"session": dc.mint(scene.alice)}
        )
        account = f"{API}/accounts/{imported.json()['accountId']}"
        async with calling_with(gateway, await make_key(human)) as client:
            for chat in ("@bob_b", str(scene.bob.id)):
                path = f"{account}/chats/{chat}/messages"
                assert (await client.post(path, json={"text": "hi"})).status_code == 201

            path = f"{account}/chats/@bob_b/messages"
            refused = await client.post(path, json={"text": "hi"})

            problem = assert_problem(refused, 429, "rate_limited")
            assert problem["violatedPolicies"] == ["chat"]
            assert refused.headers["retry-after"] == "1800"
            assert refused.headers["ratelimit"].endswith('"mutate";r=28;t=2, "chat";r=0;t=1800')
            assert sent(dc) == 2
            path = f"{account}/chats/@carol_c/messages"
            assert (await client.post(path, json={"text": "hi"})).status_code == 201
            listed = (await human.get(f"{account}/chats/@bob_b/messages")).json()["items"]
            path = f"{account}/chats/@bob_b/messages/{listed[0]['id']}"
            # What sends nothing is bound by the limit of changes alone.
            assert (await client.patch(path, json={"text": "hello"})).status_code == 200
        path = f"{account}/chats/@bob_b/messages"
        assert (await human.post(path, json={"text": "hi"})).status_code == 201


async def test_wrong_credentials_beyond_ten_are_429_and_a_right_one_is_let_in(
    anonymous: httpx.AsyncClient, clock: MovableClock
) -> None:
    for _ in range(10):
        assert_problem(await anonymous.get(WHOAMI, headers=WRONG), 401, "invalid_token")

    response = await anonymous.get(WHOAMI, headers=WRONG)

    problem = assert_problem(response, 429, "auth_rate_limited")
    assert problem["retryAfterSecs"] == 6
    assert response.headers["retry-after"] == "6"
    assert "www-authenticate" not in response.headers
    right = await anonymous.get(WHOAMI, headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200
    assert_problem(await anonymous.get(WHOAMI), 401, "missing_token")
    clock.ahead += timedelta(seconds=6)
    assert_problem(await anonymous.get(WHOAMI, headers=WRONG), 401, "invalid_token")


async def test_requests_without_a_credential_are_never_counted(
    anonymous: httpx.AsyncClient,
) -> None:
    for _ in range(20):
        assert_problem(await anonymous.get(WHOAMI), 401, "missing_token")
    assert_problem(await anonymous.get(WHOAMI, headers=WRONG), 401, "invalid_token")


async def test_a_fourth_login_code_in_an_hour_is_not_asked_for(
    client: httpx.AsyncClient, dc: DataCentre
) -> None:
    body = {"phone": "+99966210002"}
    for _ in range(3):
        response = await client.post(f"{API}/telegram/login/code", json=body)
        assert response.status_code == 200, response.text

    refused = await client.post(f"{API}/telegram/login/code", json=body)

    problem = assert_problem(refused, 429, "rate_limited")
    assert problem["violatedPolicies"] == ["login"]
    assert refused.headers["retry-after"] == "1200"
    assert dc.requests["auth.SendCode"] == 3
    other = await client.post(f"{API}/telegram/login/code", json={"phone": "+99966210003"})
    assert other.status_code == 200


async def test_limits_are_the_callers_own_buckets(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with calling_with(gateway, await make_key(client)) as key:
        keys = await key.get(f"{account}/limits")
    mine = await client.get(f"{account}/limits")

    assert mine.json() == {
        "buckets": [
            {"name": "read", "quota": 600, "windowSecs": 30, "remaining": 597, "resetSecs": 1},
            {"name": "mutate", "quota": 300, "windowSecs": 60, "remaining": 298, "resetSecs": 1},
        ]
    }
    assert keys.json() == {
        "buckets": [
            {"name": "read", "quota": 60, "windowSecs": 30, "remaining": 59, "resetSecs": 1},
            {"name": "mutate", "quota": 30, "windowSecs": 60, "remaining": 30, "resetSecs": 0},
            {"name": "newpeer", "quota": 10, "windowSecs": 86400, "remaining": 10, "resetSecs": 0},
        ]
    }
