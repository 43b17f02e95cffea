"""Streams of JWTs: they end when the token does."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.conftest import API, BASE_URL, transport
from tests.api.streaming import streaming
from vasya_server.auth.jwt import JwtRules
from vasya_server.auth.mint import Minted, mint
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.clocks import MovableClock
    from vasya_server.gateway import Gateway

SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
RULES = JwtRules(secrets=(SECRET.encode(),), audience="vasya-server")
ENDS_WITHIN_SECS = 2.0


@pytest.fixture
async def gateway(environment: dict[str, str], clock: MovableClock) -> AsyncIterator[Gateway]:
    settings = environment | {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": SECRET,
        "JWT_AUDIENCE": "vasya-server",
    }
    key = parse_master_key(secrets.token_hex(32))
    async with open_gateway(load(settings), clock=clock, key=key) as gateway:
        yield gateway


@pytest.fixture
def token(clock: MovableClock) -> Minted:
    return mint(RULES, "alice", now=clock.now(), ttl=timedelta(hours=1), scope=None)


@pytest.fixture
async def alice(gateway: Gateway, token: Minted) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token.token}"}
    async with httpx.AsyncClient(
        transport=transport(gateway), base_url=BASE_URL, headers=headers
    ) as client:
        yield client


async def test_a_stream_ends_when_its_token_expires(
    gateway: Gateway, alice: httpx.AsyncClient, clock: MovableClock
) -> None:
    async with streaming(gateway, alice) as stream:
        clock.ahead += timedelta(hours=1)
        begun = time.monotonic()
        assert await stream.ended() == ": ended token_expired"
    assert time.monotonic() - begun < ENDS_WITHIN_SECS


@pytest.mark.parametrize("how", ["this one", "all that were issued before"])
async def test_a_stream_ends_when_its_token_is_revoked(
    gateway: Gateway, alice: httpx.AsyncClient, token: Minted, clock: MovableClock, how: str
) -> None:
    body = {"jti": token.jti}
    if how != "this one":
        clock.ahead += timedelta(seconds=2)
        body = {"allIssuedBefore": "0s"}
    async with streaming(gateway, alice) as stream:
        done = await alice.post(f"{API}/tokens/revoke", json=body)
        assert done.is_success, done.text
        begun = time.monotonic()
        assert await stream.ended() == ": ended invalid_token"
    assert time.monotonic() - begun < ENDS_WITHIN_SECS


async def test_a_token_that_is_good_listens_on(
    gateway: Gateway, alice: httpx.AsyncClient, clock: MovableClock
) -> None:
    async with streaming(gateway, alice) as stream:
        clock.ahead += timedelta(minutes=59)
        with pytest.raises(TimeoutError):
            await stream.ended()
        assert not stream.is_over
