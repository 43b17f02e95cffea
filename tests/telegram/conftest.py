"""A sandbox over TCP and, in front of it, accounts on a fresh data dir."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from telethon.tl import functions, types

from tests.clocks import MovableClock
from tests.deadlines import deadlines_of
from tests.telegram.hearing import Heard
from vasya_sandbox import fanout
from vasya_sandbox.client import open_client, trust
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.faults import Fault
from vasya_sandbox.handshake import RsaKey
from vasya_sandbox.model import World
from vasya_sandbox.srp import make_verifier
from vasya_server.auth.chat_lists import ChatLists, ChatRule
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import MasterKey
from vasya_server.events.log import EventLog
from vasya_server.sessions.vault import Vault
from vasya_server.settings import load
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.login import Logins
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.records import Channel, Group, Peer, User, Verifier
    from vasya_server.ids import OwnerId
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.client import Client

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
SUBJECT = "local"
PASSWORD = "correct horse"


@dataclass
class Scene:
    """Alice owns the account, the others write to her; Bob has a two-step password."""

    alice: User
    bob: User
    carol: User
    group: Group
    supergroup: Channel
    channel: Channel


class Faults(Protocol):
    """Plan what goes wrong with the next requests of a name (None: any)."""

    def __call__(self, action: str, request: str | None = None, **details: Any) -> None: ...


class Connect(Protocol):
    """Import a user's account, which then connects when it is used."""

    async def __call__(self, user: User) -> AccountRuntime: ...


class RawCentre:
    """A listener that speaks no MTProto: it accepts, and then is silent or hangs up."""

    def __init__(self, *, hangs_up: bool) -> None:
        self.connections = 0
        self._hangs_up = hangs_up
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        if self._hangs_up:
            writer.transport.abort()
            return
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()


@pytest.fixture(scope="session")
def private_key() -> bytes:
    return RsaKey.generate().private_pem


@pytest.fixture
def world(private_key: bytes) -> World:
    world = World()
    world.private_key = private_key
    return world


@pytest.fixture(scope="session")
def verifier() -> Verifier:
    """Return what the data centre keeps of Bob's password: deriving it is slow by design."""
    return make_verifier(PASSWORD, b"first salt", b"second salt")


@pytest.fixture
def scene(world: World, verifier: Verifier) -> Scene:
    alice = world.add_user("Alice", "Archer", "alice_a", phone="99966210001")
    bob = world.add_user("Bob", None, "bob_b", phone="99966210002")
    bob.password, bob.verifier = PASSWORD, verifier
    carol = world.add_user("Кэрол", None, "carol_c", phone="99966210003")
    group = world.add_group("Lunch", alice, [bob, carol])
    supergroup = world.add_channel("Garden club", bob, [alice, carol], username="garden_club")
    channel = world.add_channel("Daily news", carol, [alice], "daily_news", is_broadcast=True)
    world.post(bob, alice, "hello")
    world.post(alice, bob, "good morning")
    world.post(carol, group, "soup?")
    return Scene(alice, bob, carol, group, supergroup, channel)


@pytest.fixture
async def dc(world: World, scene: Scene) -> AsyncIterator[DataCentre]:
    assert scene
    dc = DataCentre(world)
    await dc.start()
    yield dc
    await dc.stop()
    assert not dc.unserved
    assert not dc.handler_errors


@pytest.fixture
def fault(dc: DataCentre) -> Faults:
    def plan(action: str, request: str | None = None, **details: Any) -> None:
        dc.faults.add(Fault(action=action, request=request, **details))  # type: ignore[arg-type]  # the plan's own words

    return plan


@pytest.fixture
def environment(dc: DataCentre, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings; a test may change them before it asks for accounts."""
    pem = tmp_path / "dc.pem"
    pem.write_text(dc.rsa_key.public_pem)
    return {
        "VASYA_DATA_DIR": str(tmp_path),
        "VASYA_TELEGRAM_DC": f"{dc.dc_id}@127.0.0.1:{dc.address[1]}",
        "VASYA_TELEGRAM_DC_KEY": str(pem),
        "VASYA_PACING": "off",
        "TELEGRAM_API_ID": str(API_ID),
        "TELEGRAM_API_HASH": API_HASH,
        **deadlines_of(request, read_secs=1, send_secs=2, connect_secs=2),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load(dict(environment))


@pytest.fixture
def key() -> MasterKey:
    return MasterKey(bytes(range(32)))


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = await open_sqlite(tmp_path / "vasya.db")
    await migrate(db)
    yield db
    await db.close()


@pytest.fixture
async def vault(db: Database, key: MasterKey) -> Vault:
    vault = Vault(db, key, SystemClock())
    await vault.verify_key()
    return vault


@pytest.fixture
async def owner(vault: Vault) -> OwnerId:
    return await vault.owner("local")


def server_tasks() -> list[str]:
    """Return what the server, or Telethon on its behalf, still has under way."""
    codes = [task.get_coro().cr_code for task in asyncio.all_tasks()]  # type: ignore[union-attr]  # every task runs a coroutine
    return [
        code.co_qualname
        for code in codes
        if "vasya_server" in code.co_filename or "telethon" in code.co_filename
    ]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def events(db: Database, key: MasterKey, clock: MovableClock) -> AsyncIterator[EventLog]:
    events = EventLog(db, key, clock)
    await events.open()
    yield events
    await events.close()


@pytest.fixture
async def accounts(
    vault: Vault, settings: Settings, clock: MovableClock, events: EventLog
) -> AsyncIterator[Accounts]:
    accounts = Accounts(vault, settings, clock, Endpoint(settings), events)
    await accounts.open()
    accounts.start()
    yield accounts
    await accounts.close()
    assert server_tasks() == []


@pytest.fixture
async def logins(accounts: Accounts, vault: Vault, settings: Settings) -> AsyncIterator[Logins]:
    logins = Logins(accounts, vault, settings, SystemClock())
    yield logins
    await logins.close()


@pytest.fixture
def connect(logins: Logins, accounts: Accounts, owner: OwnerId, dc: DataCentre) -> Connect:
    async def connect(user: User) -> AccountRuntime:
        state = await logins.import_session(owner, dc.mint(user))
        return accounts.get(owner, state.account_id)

    return connect


@pytest.fixture
async def alice(connect: Connect, scene: Scene, dc: DataCentre) -> AccountRuntime:
    """Alice's account, connected, with the counters of the sandbox at zero."""
    account = await connect(scene.alice)
    await account.connect()
    await followed(account)
    dc.reset_counters()
    return account


async def followed(account: AccountRuntime) -> None:
    """Wait until it is written down from where on the account's updates are events."""
    async with asyncio.timeout(5):
        while await account.following.store.load() is None:
            await asyncio.sleep(0.01)


def as_owner(account: AccountRuntime) -> AccountView:
    """Return all of the account, as its owner sees it."""
    owner = Principal(
        kind=PrincipalKind.EMBEDDED, owner=account.owner, scopes=frozenset(Scope), is_human=True
    )
    return AccountView(account, owner)


def restricted(
    account: AccountRuntime, read: ChatRule, write: ChatRule | None = None
) -> AccountView:
    """Return the account as a key with chat lists sees it; it may write where it may read unless *write* says otherwise."""
    key = Principal(
        kind=PrincipalKind.AGENT_KEY,
        owner=account.owner,
        scopes=frozenset(Scope),
        is_human=False,
        lineage="kl_test",
        chats=ChatLists(read=read, write=write or read),
    )
    return AccountView(account, key)


def only(*chat_ids: int, **fields: frozenset[int]) -> ChatRule:
    """Return the rule that names these chats."""
    return ChatRule(ids=frozenset(chat_ids), **fields)


def all_but(*chat_ids: int) -> ChatRule:
    """Return the rule that leaves these chats out."""
    return ChatRule(excepted=frozenset(chat_ids))


def a_read() -> Any:
    """Return a request that changes nothing."""
    return functions.users.GetUsersRequest([types.InputUserSelf()])


def a_send(text: str = "hi", random_id: int = 7) -> Any:
    """Return a message to Saved Messages: Telegram drops its copies by the random id."""
    return functions.messages.SendMessageRequest(types.InputPeerSelf(), text, random_id=random_id)


def an_edit(message_id: int, text: str = "edited") -> Any:
    """Return a change without a random id."""
    return functions.messages.EditMessageRequest(types.InputPeerSelf(), message_id, message=text)


def saved_texts(scene: Scene, world: World) -> list[str]:
    """Return what Telegram holds in Alice's Saved Messages."""
    box = scene.alice.box
    ids = world.ids(scene.alice, scene.alice)
    assert box is not None
    found = [world.message(scene.alice, scene.alice, message_id) for message_id in ids]
    return [message.text for message in found if message is not None]


def client_of(account: AccountRuntime) -> Client:
    client = account._client  # noqa: SLF001 — nothing else reaches what only Telethon does
    assert client is not None
    return client


def sender_of(account: AccountRuntime) -> Any:
    return client_of(account)._sender  # noqa: SLF001 — as above


async def until_noticed(account: AccountRuntime) -> None:
    """Wait until the account knows that its connection is gone."""
    async with asyncio.timeout(10):
        while account.is_connected:
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def nothing_is_left_unsaid(caplog: pytest.LogCaptureFixture) -> object:
    """Fail where asyncio reports a forgotten task or an exception that nobody looked at."""
    yield
    said = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    assert [text for text in said if "never retrieved" in text or "destroyed" in text] == []


@pytest.fixture
def heard(events: EventLog, alice: AccountRuntime) -> Heard:
    return Heard(events, alice)


@pytest.fixture
def say(dc: DataCentre, world: World) -> Callable[[User, Peer, str], int]:
    """Have somebody write from a phone of theirs; return the number of the message."""

    def say(sender: User, peer: Peer, text: str) -> int:
        posted = world.post(sender, peer, text)
        fanout.publish(dc, posted.notices)
        return posted.message.number

    return say


@pytest.fixture
async def bobs_phone(dc: DataCentre, scene: Scene) -> AsyncIterator[SandboxClient]:
    trust(dc.rsa_key.public_pem)
    async with open_client(dc.address, dc.mint(scene.bob)) as phone:
        yield phone
