"""The real application over HTTP, in front of a sandbox over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest

from tests.clocks import MovableClock
from tests.deadlines import deadlines_of
from vasya_sandbox.client import open_client
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.model import World
from vasya_server.app import create_app
from vasya_server.auth.embedded import EmbeddedToken
from vasya_server.auth.scopes import Scope
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import Gateway, open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.records import Channel, Group, User
    from vasya_server.auth.chat_lists import ChatRule

Served: TypeAlias = "tuple[Gateway, httpx.AsyncClient]"
Serve: TypeAlias = "Callable[[], AbstractAsyncContextManager[Served]]"
Acting: TypeAlias = "Callable[..., Awaitable[httpx.AsyncClient]]"
TOKEN = "vl_" + "0123456789abcdef" * 4
BASE_URL = "http://127.0.0.1:8787"
API = "/api/v1"


@dataclass
class Scene:
    """A small world: Alice owns the account, the others write to her."""

    world: World
    alice: User
    bob: User
    carol: User
    group: Group
    supergroup: Channel
    channel: Channel


@pytest.fixture(scope="session")
def private_key() -> bytes:
    """Return one RSA key for every data centre of the run: making one takes longer than most tests."""
    world = World()
    DataCentre(world)
    return world.private_key


@pytest.fixture
def scene(private_key: bytes) -> Scene:
    world = World()
    world.private_key = private_key
    alice = world.add_user("Alice", "Archer", "alice_a", phone="99966210001")
    bob = world.add_user("Bob", None, "bob_b", phone="99966210002")
    carol = world.add_user("Кэрол", None, "carol_c", phone="99966210003")
    group = world.add_group("Lunch", alice, [bob, carol])
    supergroup = world.add_channel("Garden club", bob, [alice, carol], username="garden_club")
    channel = world.add_channel("Daily news", carol, [alice], "daily_news", is_broadcast=True)
    for n in range(1, 6):
        world.post(bob, alice, f"hello {n}")
    world.post(alice, bob, "good morning")
    world.post(carol, alice, "доброе утро")
    world.post(carol, group, "soup?")
    world.post(bob, supergroup, "the roses are out")
    world.post(carol, channel, "nothing happened")
    return Scene(world, alice, bob, carol, group, supergroup, channel)


@pytest.fixture
async def dc(scene: Scene) -> AsyncIterator[DataCentre]:
    dc = DataCentre(scene.world)
    await dc.start()
    yield dc
    await dc.stop()
    assert not dc.unserved
    assert not dc.handler_errors


@pytest.fixture
def environment(dc: DataCentre, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings; a test may change them before it asks for the gateway."""
    pem = tmp_path / "dc.pem"
    pem.write_text(dc.rsa_key.public_pem)
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return {
        "VASYA_DATA_DIR": str(data_dir),
        "VASYA_TELEGRAM_DC": f"{dc.dc_id}@127.0.0.1:{dc.address[1]}",
        "VASYA_PACING": "off",
        "VASYA_TELEGRAM_DC_KEY": str(pem),
        "TELEGRAM_API_ID": "12345",
        "TELEGRAM_API_HASH": "0123456789abcdef0123456789abcdef",
        **deadlines_of(request, read_secs=2, send_secs=3, connect_secs=2),
    }


@pytest.fixture
async def gateway(environment: dict[str, str]) -> AsyncIterator[Gateway]:
    settings = load(dict(environment))
    key = parse_master_key(secrets.token_hex(32))
    async with open_gateway(
        settings, clock=SystemClock(), key=key, token=EmbeddedToken(TOKEN)
    ) as gateway:
        yield gateway


def transport(gateway: Gateway) -> httpx.ASGITransport:
    app: Any = create_app(gateway)  # its scopes are narrower than httpx's any mapping
    return httpx.ASGITransport(app, raise_app_exceptions=False)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def serve(environment: dict[str, str], clock: MovableClock) -> Serve:
    """Return what starts the server on one data dir, as often as a test wants."""
    master_key = secrets.token_hex(32)

    @contextlib.asynccontextmanager
    async def serve() -> AsyncIterator[Served]:
        async with (
            open_gateway(
                load(dict(environment)),
                clock=clock,
                key=parse_master_key(master_key),
                token=EmbeddedToken(TOKEN),
            ) as gateway,
            httpx.AsyncClient(
                transport=transport(gateway),
                base_url=BASE_URL,
                headers={"Authorization": f"Bearer {TOKEN}"},
            ) as client,
        ):
            yield gateway, client

    return serve


@pytest.fixture
async def anonymous(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as client:
        yield client


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=transport(gateway), base_url=BASE_URL, headers=headers
    ) as client:
        yield client


@pytest.fixture
async def with_key(
    gateway: Gateway, client: httpx.AsyncClient
) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Return what makes a client of a new agent key that has every scope, and what else its request says."""
    async with contextlib.AsyncExitStack() as stack:

        async def with_key(**more: Any) -> httpx.AsyncClient:
            body = {"name": "agent", "scopes": [scope.value for scope in Scope], **more}
            made = await client.post(f"{API}/agent-keys", json=body)
            assert made.status_code == 201, made.text
            headers = {"Authorization": f"Bearer {made.json()['secret']}"}
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL, headers=headers)
            )

        yield with_key


@pytest.fixture
def acting(with_key: Callable[..., Awaitable[httpx.AsyncClient]]) -> Acting:
    """Return what makes a client of a new agent key that has these chat lists."""

    async def acting(read: ChatRule, write: ChatRule | None = None) -> httpx.AsyncClient:
        return await with_key(chats={"read": as_asked(read), "write": as_asked(write or read)})

    return acting


def as_asked(rule: ChatRule) -> dict[str, list[int]]:
    """Return *rule* as a request names it."""
    lists = {"ids": rule.ids, "folders": rule.folders, "except": rule.excepted}
    return {name: sorted(ids) for name, ids in lists.items() if ids}


@pytest.fixture
async def agent(with_key: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    """Return a client of an agent key that has every scope and every chat."""
    return await with_key()


@pytest.fixture
async def account(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    """Import Alice's account and return the path of everything below it."""
    body = {"session": dc.mint(scene.alice)}
    response = await client.post(f"{API}/telegram/login/session", json=body)
    assert response.status_code == 200, response.text
    return f"{API}/accounts/{response.json()['accountId']}"


@pytest.fixture
def account_id(account: str) -> str:
    return account.rsplit("/", 1)[1]


@pytest.fixture
async def phone(dc: DataCentre, scene: Scene) -> AsyncIterator[SandboxClient]:
    """Return Alice's own phone."""
    client = open_client(dc.address, dc.mint(scene.alice))
    await client.connect()
    yield client
    await client.disconnect()


async def listening(gateway: Gateway) -> None:
    """Wait until the gateway hears what the owner's devices do."""
    for account in gateway.accounts.list(gateway.owner):
        async with asyncio.timeout(15):
            while not account.following.is_current.is_set():
                await asyncio.sleep(0.02)


async def followed(dc: DataCentre) -> None:
    """Wait until the first connection of an account has asked where its updates begin."""
    async with asyncio.timeout(5):
        while not dc.requests["updates.GetState"]:
            await asyncio.sleep(0.01)


@pytest.fixture
def to_bob(account: str, scene: Scene) -> str:
    return f"{account}/chats/{scene.bob.id}/messages"


@pytest.fixture
def log(gateway: Gateway) -> Path:
    return gateway.settings.data_dir / "audit.log"
