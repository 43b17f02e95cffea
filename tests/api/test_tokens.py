"""JWT mode over HTTP: who is let in, how far, and until when."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.conftest import API, BASE_URL, TOKEN, transport
from tests.disk import files_end_at
from tests.problems import assert_problem
from vasya_server.auth.jwt import JwtRules
from vasya_server.auth.mint import Minted, mint
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.api.conftest import Scene
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
MASTER_KEY = secrets.token_hex(32)
RULES = JwtRules(secrets=(SECRET.encode(),), audience="vasya-server")
REVOKE = f"{API}/tokens/revoke"
WHOAMI = f"{API}/whoami"


class Caller:
    """One token, and the calls that are made with it."""

    def __init__(self, client: httpx.AsyncClient, made: Minted) -> None:
        self.made = made
        self._client = client

    async def ask(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self.made.token}"} | headers
        return await self._client.request(method, path, json=json, headers=bearer)

    async def revoke(self, **body: str) -> httpx.Response:
        return await self.ask("POST", REVOKE, body)

    async def status(self) -> int:
        return (await self.ask("GET", WHOAMI)).status_code


@pytest.fixture
def gateways(
    environment: dict[str, str], clock: MovableClock
) -> Callable[[], AbstractAsyncContextManager[Gateway]]:
    """Return what opens the one data dir in JWT mode, as often as a test wants."""
    settings = environment | {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": SECRET,
        "JWT_AUDIENCE": "vasya-server",
    }
    return lambda: open_gateway(load(dict(settings)), clock=clock, key=parse_master_key(MASTER_KEY))


@pytest.fixture
async def jwt_gateway(
    gateways: Callable[[], AbstractAsyncContextManager[Gateway]],
) -> AsyncIterator[Gateway]:
    async with gateways() as gateway:
        yield gateway


@pytest.fixture
async def stranger(jwt_gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport(jwt_gateway), base_url=BASE_URL) as client:
        yield client


@pytest.fixture
def caller(stranger: httpx.AsyncClient, clock: MovableClock) -> Callable[..., Caller]:
    def make(subject: str = "alice", scope: str | None = None) -> Caller:
        made = mint(RULES, subject, now=clock.now(), ttl=timedelta(hours=1), scope=scope)
        return Caller(stranger, made)

    return make


async def test_a_token_opens_what_its_subject_owns_and_nothing_else(
    caller: Callable[..., Caller], dc: DataCentre, scene: Scene
) -> None:
    alice, bob = caller("alice"), caller("bob")
    body = {"session": dc.mint(scene.alice)}
    account = (await alice.ask("POST", f"{API}/telegram/login/session", body)).json()["accountId"]

    assert (await alice.ask("GET", WHOAMI)).json()["kind"] == "jwt"
    assert (await alice.ask("GET", f"{API}/accounts/{account}/chats")).status_code == 200
    assert (await bob.ask("GET", f"{API}/accounts")).json() == {"items": []}
    refused = await bob.ask("GET", f"{API}/accounts/{account}/chats")
    assert_problem(refused, 403, "access_denied")


async def test_the_embedded_token_opens_nothing_in_jwt_mode(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get(WHOAMI, headers={"Authorization": f"Bearer {TOKEN}"})

    assert_problem(response, 401, "invalid_token")


async def test_a_jwt_opens_nothing_in_embedded_mode(
    anonymous: httpx.AsyncClient, clock: MovableClock
) -> None:
    made = mint(RULES, "alice", now=clock.now(), ttl=timedelta(hours=1), scope=None)
    response = await anonymous.get(WHOAMI, headers={"Authorization": f"Bearer {made.token}"})

    assert_problem(response, 401, "invalid_token")


async def test_an_expired_token_says_so(caller: Callable[..., Caller], clock: MovableClock) -> None:
    alice = caller()
    before = await alice.status()
    clock.ahead += timedelta(hours=1)
    refused = await alice.ask("GET", WHOAMI)

    assert before == 200
    assert_problem(refused, 401, "token_expired")
    assert refused.headers["www-authenticate"] == 'Bearer realm="vasya", error="invalid_token"'


async def test_a_token_with_a_scope_claim_opens_what_it_names(
    caller: Callable[..., Caller],
) -> None:
    narrow = caller(scope="accounts:read")

    assert (await narrow.ask("GET", f"{API}/accounts")).status_code == 200
    assert (await narrow.ask("GET", WHOAMI)).json()["scopes"] == ["accounts:read"]
    login = await narrow.ask("POST", f"{API}/telegram/login/qr")
    assert assert_problem(login, 403, "scope_required")["requiredScope"] == "telegram:login"
    assert_problem(await narrow.ask("GET", f"{API}/audit"), 403, "human_required")
    assert_problem(await narrow.revoke(jti="any"), 403, "human_required")


async def test_human_in_a_scope_claim_keeps_what_only_people_may(
    caller: Callable[..., Caller],
) -> None:
    human = caller(scope="human")

    assert (await human.ask("GET", f"{API}/audit")).status_code == 200
    assert_problem(await human.ask("GET", f"{API}/accounts"), 403, "scope_required")


async def test_what_was_done_is_told_to_a_narrowed_human_as_far_as_they_read(
    caller: Callable[..., Caller], dc: DataCentre, scene: Scene
) -> None:
    whole = caller()
    body = {"session": dc.mint(scene.alice)}
    account = (await whole.ask("POST", f"{API}/telegram/login/session", body)).json()["accountId"]
    chat = f"{API}/accounts/{account}/chats/{scene.bob.id}/messages"
    sent = await whole.ask("POST", chat, {"text": "see you at noon"})
    action = f"{API}/actions/{sent.headers['action-id']}"

    async def told(scope: str) -> tuple[str | None, str | None, bool]:
        one = caller(scope=f"human {scope}")
        items = (await one.ask("GET", f"{API}/activity")).json()["items"]
        item = next(item for item in items if item["action"] == "message:send")
        done = (await one.ask("GET", action)).json()
        assert done["status"] == "done"
        return item.get("chat", {}).get("title"), item.get("text"), "result" in done

    assert sent.status_code == 201
    assert await told("accounts:read") == (None, None, False)
    assert await told("messages:read") == (None, None, False)
    assert await told("chats:read") == ("Bob", None, False)
    assert await told("chats:read messages:read") == ("Bob", "see you at noon", False)
    assert await told("messages:send") == (None, None, True)


async def test_an_empty_scope_claim_opens_nothing(caller: Callable[..., Caller]) -> None:
    nothing = caller(scope="")

    assert (await nothing.ask("GET", WHOAMI)).json()["scopes"] == []
    assert_problem(await nothing.ask("GET", f"{API}/accounts"), 403, "scope_required")


async def test_what_a_human_was_answered_is_not_read_with_a_narrow_token(
    caller: Callable[..., Caller],
) -> None:
    human, narrow = caller(), caller(scope="telegram:login")
    done = await human.ask("POST", f"{API}/telegram/login/qr")
    path = f"{API}/actions/{done.headers['action-id']}"

    assert (await human.ask("GET", path)).status_code == 200
    assert_problem(await narrow.ask("GET", path), 403, "access_denied")


async def test_a_revoked_token_is_refused_at_the_next_request(
    caller: Callable[..., Caller],
) -> None:
    lost, kept = caller(), caller()
    before = await lost.status()
    revoked = await kept.revoke(jti=lost.made.jti)
    refused = await lost.ask("GET", WHOAMI)

    assert (before, revoked.status_code) == (200, 204)
    assert_problem(refused, 401, "invalid_token")
    assert await kept.status() == 200


async def test_a_token_can_end_itself(caller: Callable[..., Caller]) -> None:
    alice = caller()
    revoked = await alice.revoke(jti=alice.made.jti)

    assert revoked.status_code == 204
    assert await alice.status() == 401


async def test_a_token_of_another_owner_cannot_be_revoked(caller: Callable[..., Caller]) -> None:
    alice, mallory = caller("alice"), caller("mallory")
    answered = await mallory.revoke(jti=alice.made.jti)

    assert answered.status_code == 204
    assert await alice.status() == 200


async def test_all_tokens_until_now_are_refused_and_new_ones_taken(
    caller: Callable[..., Caller], clock: MovableClock
) -> None:
    old, other, foreign = caller(), caller(), caller("bob")
    clock.ahead += timedelta(seconds=2)
    revoked = await old.revoke(allIssuedBefore="0s")
    clock.ahead += timedelta(seconds=2)

    assert revoked.status_code == 204
    assert [await each.status() for each in (old, other, foreign, caller())] == [401, 401, 200, 200]


async def test_tokens_issued_before_a_moment_of_the_past_are_refused(
    caller: Callable[..., Caller], clock: MovableClock
) -> None:
    old = caller()
    clock.ahead += timedelta(minutes=10)
    new = caller()
    at = (clock.now() - timedelta(minutes=5)).isoformat()

    assert (await new.revoke(allIssuedBefore=at)).status_code == 204
    assert [await old.status(), await new.status()] == [401, 200]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        pytest.param({}, "", "exactly_one", id="neither"),
        pytest.param({"jti": "a", "allIssuedBefore": "0s"}, "", "exactly_one", id="both"),
        pytest.param({"jti": "a b"}, "/jti", "wrong_form", id="no jti"),
        pytest.param({"allIssuedBefore": "soon"}, "/allIssuedBefore", "invalid_time", id="no time"),
        pytest.param(
            {"allIssuedBefore": "2999-01-01T00:00:00Z"}, "/allIssuedBefore", "in_future", id="ahead"
        ),
    ],
)
async def test_what_names_no_token_is_refused_and_changes_nothing(
    caller: Callable[..., Caller], body: dict[str, str], pointer: str, code: str
) -> None:
    alice = caller()
    refused = await alice.revoke(**body)

    (error,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert await alice.status() == 200


async def test_a_revocation_is_written_down_without_the_token(
    caller: Callable[..., Caller], jwt_gateway: Gateway
) -> None:
    alice = caller()
    await alice.revoke(jti="a-name-of-somebody")
    audit = await alice.ask("GET", f"{API}/audit?action=token:revoke")
    log = (jwt_gateway.settings.data_dir / "audit.log").read_bytes()

    assert [item["kind"] for item in audit.json()["items"]] == ["outcome", "intent"]
    assert b"a-name-of-somebody" not in log
    assert b"alice" not in log


async def test_a_revocation_on_a_full_disk_holds_and_outlives_a_restart(
    gateways: Callable[[], AbstractAsyncContextManager[Gateway]], clock: MovableClock
) -> None:
    made = [
        mint(RULES, name, now=clock.now(), ttl=timedelta(hours=1), scope=None)
        for name in ("alice", "alice", "bob")
    ]
    clock.ahead += timedelta(seconds=2)
    statuses = []
    for is_first in (True, False):
        async with (
            gateways() as gateway,
            httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as client,
        ):
            lost, kept, bob = [Caller(client, each) for each in made]
            if is_first:
                assert [await each.status() for each in (lost, kept, bob)] == [200, 200, 200]
                with files_end_at(3000):
                    assert (await kept.revoke(jti=lost.made.jti)).status_code == 204
                    assert (await bob.revoke(allIssuedBefore="0s")).status_code == 204
                    await gateway.audit.close()
            statuses.append([await each.status() for each in (lost, kept, bob)])

    assert statuses == [[401, 200, 401], [401, 200, 401]]


async def test_a_replayed_revocation_is_one(caller: Callable[..., Caller]) -> None:
    alice = caller()
    key = {"Idempotency-Key": "once"}
    first, second = [await alice.ask("POST", REVOKE, {"jti": "some"}, **key) for _ in range(2)]

    assert (first.status_code, second.status_code) == (204, 204)
    assert second.headers["idempotency-replayed"] == "true"


async def test_a_narrowed_token_that_ends_itself_as_a_key_does_is_limited(
    caller: Callable[..., Caller],
) -> None:
    """It has nothing to end, and could ask to for ever."""
    narrowed = caller(scope="chats:read")
    while (answer := await narrowed.ask("DELETE", f"{API}/agent-keys/self")).status_code == 403:
        assert answer.json()["code"] == "agent_key_required"

    assert_problem(answer, 429, "rate_limited")


async def test_a_narrowed_token_leaves_no_webhook_behind_and_sees_none(
    caller: Callable[..., Caller],
) -> None:
    hooks, body = f"{API}/webhooks", {"url": "https://hooks.example.com/"}
    narrow = caller(scope="webhooks:write events:read")
    made = (await caller().ask("POST", hooks, body)).json()

    assert_problem(await narrow.ask("POST", hooks, body), 403, "human_required")
    assert (await narrow.ask("GET", hooks)).json() == {"items": []}
    assert_problem(await narrow.ask("GET", f"{hooks}/{made['id']}"), 403, "access_denied")
    blind = await caller(scope="human webhooks:write").ask("POST", hooks, body)
    assert assert_problem(blind, 403, "scope_required")["requiredScope"] == "events:read"


async def test_webhooks_of_another_owner_are_not_there(caller: Callable[..., Caller]) -> None:
    hooks = f"{API}/webhooks"
    alice, bob = caller("alice"), caller("bob")
    made = (await alice.ask("POST", hooks, {"url": "https://hooks.example.com/"})).json()

    assert (await bob.ask("GET", hooks)).json() == {"items": []}
    for method, below in [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate")]:
        refused = await bob.ask(method, f"{hooks}/{made['id']}{below}")
        assert_problem(refused, 403, "access_denied")
    assert len((await alice.ask("GET", hooks)).json()["items"]) == 1


async def test_a_narrowed_human_switches_no_scope_on_that_they_are_without(
    caller: Callable[..., Caller],
) -> None:
    whole, narrow = caller(), caller(scope="human accounts:read")
    off = {"disabledScopes": ["accounts:read", "messages:send"]}
    await whole.ask("PATCH", f"{API}/settings", off)

    refused = await narrow.ask("PATCH", f"{API}/settings", {"disabledScopes": []})
    own = await narrow.ask("PATCH", f"{API}/settings", {"disabledScopes": ["messages:send"]})

    problem = assert_problem(refused, 403, "scope_required")
    assert problem["requiredScope"] == "messages:send"
    assert own.json()["disabledScopes"] == ["messages:send"]
