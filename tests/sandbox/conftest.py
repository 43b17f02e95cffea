"""A running data centre with an empty world, and clients that connect to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from telethon.network import ConnectionTcpFull

from tests.sandbox.control_client import Http
from tests.sandbox.raw_client import RawClient
from vasya_sandbox.client import SandboxClient, open_client, trust
from vasya_sandbox.control import Control
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.handshake import RsaKey
from vasya_sandbox.model import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_sandbox.authorization import Authorization
    from vasya_sandbox.records import User


class Connect(Protocol):
    """Open a connected Telethon client: of *user*, of a session string, or of nobody yet."""

    async def __call__(
        self,
        user: User | None = None,
        session: Any = None,
        *,
        connection: Any = ConnectionTcpFull,
        **options: Any,
    ) -> SandboxClient: ...


class ConnectRaw(Protocol):
    """Open a hand-written client: on *auth*, on a new key of *user*, or without a key."""

    async def __call__(
        self,
        user: User | None = None,
        *,
        auth: Authorization | None = None,
        session_id: int | None = None,
    ) -> RawClient: ...


@pytest.fixture(scope="session")
def private_key() -> bytes:
    return RsaKey.generate().private_pem


@pytest.fixture
async def dc(private_key: bytes) -> AsyncIterator[DataCentre]:
    world = World()
    world.private_key = private_key
    centre = DataCentre(world)
    trust(centre.rsa_key.public_pem)
    await centre.start()
    yield centre
    await centre.stop()
    assert not centre.handler_errors


@pytest.fixture
def world(dc: DataCentre) -> World:
    return dc.world


@pytest.fixture
async def connect(dc: DataCentre) -> AsyncIterator[Connect]:
    opened: list[SandboxClient] = []

    async def connect(
        user: User | None = None,
        session: Any = None,
        *,
        connection: Any = ConnectionTcpFull,
        **options: Any,
    ) -> SandboxClient:
        if user is not None:
            session = dc.mint(user)
        client = open_client(dc.address, session, connection=connection, **options)
        opened.append(client)
        await client.connect()
        return client

    yield connect
    for client in opened:
        await client.disconnect()


@pytest.fixture
async def connect_raw(dc: DataCentre) -> AsyncIterator[ConnectRaw]:
    opened: list[RawClient] = []

    async def connect_raw(
        user: User | None = None,
        *,
        auth: Authorization | None = None,
        session_id: int | None = None,
    ) -> RawClient:
        if user is not None:
            dc.mint(user)
            auth = dc.authorizations_of(user)[-1]
        client = await RawClient.open(dc.address)
        opened.append(client)
        if auth is not None:
            client.use(auth.key, auth.salt(dc.clock()), session_id)
        return client

    yield connect_raw
    for client in opened:
        await client.close()


@pytest.fixture
async def control(dc: DataCentre) -> AsyncIterator[Http]:
    port = Control(dc)
    await port.start()
    yield Http(port.url)
    await port.stop()
