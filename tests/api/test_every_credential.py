"""Every route, asked with every credential that must not open it: its exact refusal, and nothing reaches Telegram.

New operations are walked without anybody remembering: what is expected follows from the hand-written access matrix
(tests/rules), and not from what the code that refuses looks at.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import jwt
import pytest

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from tests.api.conftest import API, BASE_URL, TOKEN, transport
from tests.api.walking import NAMED, UNLIMITED
from tests.problems import assert_problem
from vasya_server.auth.agent_keys import make_key
from vasya_server.auth.scopes import Scope
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.ids import KeyId
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

MATRIX = Path(__file__).parents[1] / "rules" / "access_matrix.txt"
SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
OTHER_SECRET = "Zp8wQ2nXk5Vt1MrB7yLd4HsC9fGjTeUa"
NO_ACCOUNT = "acc_" + "b" * 26


class Route(NamedTuple):
    """One line of the matrix."""

    method: str
    path: str
    opens: str

    def at(self, account: str) -> str:
        """Return the path for *account*, with ids that have the form of real ones."""
        return API + self.path.format(**NAMED | {"account": account})


def routes() -> Iterator[Route]:
    for line in MATRIX.read_text().splitlines():
        if line and line[0] != "#":
            yield Route(*line.split()[:3])


ROUTES = list(routes())
GUARDED = [route for route in ROUTES if route.opens != "public"]
SCOPED = [route for route in ROUTES if ":" in route.opens]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


async def refused(
    client: httpx.AsyncClient,
    walked: list[Route],
    dc: DataCentre,
    expected: tuple[int, str],
    *,
    account: str,
    bearer: str | None = None,
) -> list[dict[str, Any]]:
    """See that every route refuses as expected, and return the problems."""
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    before = sum(dc.requests.values())
    problems = []
    for route in walked:
        response = await client.request(route.method, route.at(account), headers=headers)
        assert (response.status_code, response.json()["code"]) == expected, route
        problems.append(assert_problem(response, *expected))
    assert sum(dc.requests.values()) == before
    return problems


async def log_in(client: httpx.AsyncClient, dc: DataCentre, name: str, **request: Any) -> str:
    """Log the Telegram user of that first name in, and return the account's id."""
    user = next(user for user in dc.world.users.values() if user.first_name == name)
    body = {"session": dc.mint(user)}
    made = await client.post(f"{API}/telegram/login/session", json=body, **request)
    assert made.status_code == 200, made.text
    return str(made.json()["accountId"])


def flipped(token: str) -> str:
    """Return *token* with one digit of its secret changed."""
    at = 40
    return token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :]


@pytest.fixture
async def account(client: httpx.AsyncClient, dc: DataCentre) -> str:
    """Log Alice in, and return the account's id: whoever is let through reaches Telegram."""
    return await log_in(client, dc, "Alice")


async def test_public_routes_answer_without_a_credential(anonymous: httpx.AsyncClient) -> None:
    answers = {
        route.path: (await anonymous.get(route.at("me"))).status_code
        for route in ROUTES
        if route.opens == "public"
    }

    # The link that is walked opens nothing.
    assert answers == {"/health": 200, "/openapi.json": 200, "/files/{ticket}": 404}


async def test_without_a_credential(
    anonymous: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    await refused(anonymous, GUARDED, dc, (401, "missing_token"), account=account)


WRONG = {
    "prefix of the token": TOKEN[:-1],
    "token in capitals": TOKEN.upper(),
    "key without its checksum": "vk_ak0123456789abcdef_" + "0" * 64,
    "key with a wrong checksum": "vk_ak0123456789abcdef_" + "0" * 72,
    "key in capitals": make_key(KeyId("ak0123456789abcdef")).token.upper(),
    "key that was never made": make_key(KeyId("ak0123456789abcdef")).token,
    "good JWT where no JWT is taken": jwt.encode({"sub": "alice", "exp": 2**31}, SECRET, "HS256"),
    "JWT without an algorithm": jwt.encode({"sub": "alice", "exp": 2**31}, "", "none"),
    "session string": "1" + "A" * 351 + "=",
}


@pytest.mark.parametrize("what", WRONG)
async def test_with_a_credential_that_is_not_good(
    anonymous: httpx.AsyncClient, account: str, dc: DataCentre, what: str
) -> None:
    expected = (401, "invalid_token")
    await refused(anonymous, ROUTES, dc, expected, account=account, bearer=WRONG[what])


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    made = await client.post(f"{API}/agent-keys", json={"name": "agent", **body})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def test_with_a_key_that_has_one_wrong_digit(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    key = await make(client, preset="reader")
    wrong = flipped(key["secret"])

    await refused(anonymous, ROUTES, dc, (401, "invalid_token"), account=account, bearer=wrong)


async def test_with_a_revoked_key(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    key = await make(client, preset="reader")
    await client.delete(f"{API}/agent-keys/{key['id']}")

    expected = (401, "key_revoked")
    await refused(anonymous, ROUTES, dc, expected, account=account, bearer=key["secret"])


async def test_with_an_expired_key(serve: Any, clock: MovableClock, dc: DataCentre) -> None:
    async with serve() as (_, client):
        account = await log_in(client, dc, "Alice")
        key = await make(client, preset="reader", ttlSecs=60)
        clock.ahead += timedelta(seconds=60)

        expected = (401, "key_expired")
        await refused(client, ROUTES, dc, expected, account=account, bearer=key["secret"])


async def test_with_a_key_that_lacks_the_one_scope(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    for scope in Scope:
        walked = [route for route in SCOPED if route.opens == scope]
        others = [other.value for other in Scope if other is not scope]
        key = await make(client, scopes=others)

        problems = await refused(
            client,
            walked,
            dc,
            (403, "scope_required"),
            account=account,
            bearer=key["secret"],
        )
        assert {problem["requiredScope"] for problem in problems} <= {scope.value}


async def test_with_a_key_that_has_every_scope_where_only_a_human_may(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    key = await make(client, scopes=[scope.value for scope in Scope])
    human = [route for route in ROUTES if route.opens == "human"]

    assert len(human) > 15
    await refused(
        client,
        human,
        dc,
        (403, "human_required"),
        account=account,
        bearer=key["secret"],
    )


async def test_with_a_key_for_another_account(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    walked = [route for route in SCOPED if "{account}" in route.path]
    listed = await make(client, scopes=[s.value for s in Scope], accountIds=[account])
    other = await log_in(client, dc, "Bob")
    key = await make(client, scopes=[s.value for s in Scope], accountIds=[other])

    outside = await refused(
        client, walked, dc, (403, "access_denied"), account=account, bearer=key["secret"]
    )
    nowhere = await refused(
        client, walked, dc, (403, "access_denied"), account=NO_ACCOUNT, bearer=listed["secret"]
    )

    for one, two in zip(outside, nowhere, strict=True):
        assert _same(one) == _same(two)


def _same(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in problem.items() if name not in ("requestId", "instance")}


@pytest.fixture
async def jwt_gateway(environment: dict[str, str]) -> AsyncIterator[Gateway]:
    settings = environment | {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": SECRET,
        "JWT_AUDIENCE": "vasya-server",
        "JWT_ISSUER": "https://issuer.example",
    }
    key = parse_master_key(secrets.token_hex(32))
    async with open_gateway(load(settings), clock=SystemClock(), key=key) as gateway:
        yield gateway


GOOD = {
    "sub": "alice",
    "exp": 2**31,
    "aud": "vasya-server",
    "iss": "https://issuer.example",
}
BAD_JWTS = {
    "forged": (jwt.encode(GOOD, OTHER_SECRET, "HS256"), "invalid_token"),
    "expired": (jwt.encode(GOOD | {"exp": 1_700_000_000}, SECRET, "HS256"), "token_expired"),
    "for another audience": (jwt.encode(GOOD | {"aud": "other"}, SECRET, "HS256"), "invalid_token"),
    "of another issuer": (jwt.encode(GOOD | {"iss": "other"}, SECRET, "HS256"), "invalid_token"),
    "without an algorithm": (jwt.encode(GOOD, "", "none"), "invalid_token"),
    "with another algorithm": (jwt.encode(GOOD, SECRET * 2, "HS512"), "invalid_token"),
    "of the embedded owner": (
        jwt.encode(GOOD | {"sub": "local"}, SECRET, "HS256"),
        "invalid_token",
    ),
    "the embedded token": (TOKEN, "invalid_token"),
}


@pytest.mark.parametrize("what", BAD_JWTS)
async def test_in_jwt_mode_with_a_token_that_is_not_good(
    jwt_gateway: Gateway, dc: DataCentre, what: str
) -> None:
    token, code = BAD_JWTS[what]
    async with httpx.AsyncClient(transport=transport(jwt_gateway), base_url=BASE_URL) as client:
        good = jwt.encode(GOOD, SECRET, "HS256")
        account = await log_in(client, dc, "Alice", headers={"Authorization": f"Bearer {good}"})

        await refused(client, ROUTES, dc, (401, code), account=account, bearer=token)


async def test_in_jwt_mode_with_somebody_elses_token(jwt_gateway: Gateway, dc: DataCentre) -> None:
    """Another owner's account answers as what never was."""
    alice, mallory = (
        jwt.encode(GOOD | {"sub": sub}, SECRET, "HS256") for sub in ("alice", "mallory")
    )
    async with httpx.AsyncClient(transport=transport(jwt_gateway), base_url=BASE_URL) as client:
        headers = {"Authorization": f"Bearer {alice}"}
        account = await log_in(client, dc, "Alice", headers=headers)
        walked = [route for route in GUARDED if "{account}" in route.path]

        theirs = await refused(
            client, walked, dc, (403, "access_denied"), account=account, bearer=mallory
        )
        nobodys = await refused(
            client, walked, dc, (403, "access_denied"), account=NO_ACCOUNT, bearer=mallory
        )
        mine = await client.get(f"{API}/accounts", headers=headers)
        others = await client.get(f"{API}/accounts", headers={"Authorization": f"Bearer {mallory}"})

    assert [_same(one) for one in theirs] == [_same(one) for one in nobodys]
    assert len(mine.json()["items"]) == 1
    assert others.json() == {"items": []}
