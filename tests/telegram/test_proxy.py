"""Telegram through a proxy, and never past it."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.telegram.conftest import RawCentre, a_read
from tests.telegram.middleman import Middleman
from vasya_server.clock import SystemClock
from vasya_server.errors import ConfigurationInvalid, TelegramError, TelegramUnavailable
from vasya_server.settings import Secret, load
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.proxy import MtProxy, Proxy, parse_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_sandbox.dc import DataCentre
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime


class ProxiedEndpoint(Endpoint):
    """The sandbox behind a proxy; settings have proxies for Telegram's own data centres only."""

    def __init__(self, settings: Settings, proxy: Proxy) -> None:
        super().__init__(settings)
        self.proxy = proxy


class Behind(Protocol):
    """Restart the server behind a proxy."""

    async def __call__(
        self,
        middleman: Middleman,
        kind: str,
        username: str = "",
        password: str = "",
    ) -> AccountRuntime: ...


@pytest.fixture
async def behind(
    alice: AccountRuntime, accounts: Accounts, vault: Vault, settings: Settings, events: EventLog
) -> AsyncIterator[Behind]:
    opened: list[tuple[Accounts, Middleman]] = []

    async def behind(
        middleman: Middleman, kind: str, username: str = "", password: str = ""
    ) -> AccountRuntime:
        await accounts.close()
        proxy = Proxy(kind, "127.0.0.1", await middleman.start(), username, password)
        restarted = Accounts(
            vault, settings, SystemClock(), ProxiedEndpoint(settings, proxy), events
        )
        opened.append((restarted, middleman))
        await restarted.open()
        return restarted.get(alice.owner, alice.id)

    yield behind
    for restarted, middleman in opened:
        await restarted.close()
        await middleman.stop()


async def test_an_http_proxy_is_asked_for_the_data_centre(behind: Behind, dc: DataCentre) -> None:
    middleman = Middleman()
    account = await behind(middleman, "http", "user", "pass word")

    users = await account.call(a_read())

    assert users[0].first_name == "Alice"
    pair = base64.b64encode(b"user:pass word").decode()
    address = f"127.0.0.1:{dc.address[1]}"
    assert middleman.asked == [
        f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\nProxy-Authorization: Basic {pair}\r\n\r\n"
    ]


async def test_a_socks_proxy_is_asked_for_the_data_centre(behind: Behind, dc: DataCentre) -> None:
    middleman = Middleman()
    account = await behind(middleman, "socks5")

    users = await account.call(a_read())

    assert users[0].first_name == "Alice"
    assert middleman.asked == [f"127.0.0.1:{dc.address[1]}"]


async def test_a_socks_proxy_is_given_its_password(behind: Behind) -> None:
    account = await behind(Middleman("s3cret"), "socks5", "user", "s3cret")

    assert (await account.call(a_read()))[0].first_name == "Alice"


@pytest.mark.short_deadlines
@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_nothing_is_dialled_past_a_proxy_that_refuses(
    behind: Behind, dc: DataCentre, kind: str
) -> None:
    account = await behind(Middleman(is_refusing=True), kind)

    with pytest.raises(TelegramUnavailable):
        await account.call(a_read())

    assert dc.connections == 0


@pytest.mark.short_deadlines
@pytest.mark.parametrize(("username", "password"), [("user", "wrong"), ("", "")])
async def test_a_socks_proxy_that_wants_another_password_is_a_failed_dial(
    behind: Behind, dc: DataCentre, username: str, password: str
) -> None:
    account = await behind(Middleman("s3cret"), "socks5", username, password)

    with pytest.raises(TelegramUnavailable):
        await account.call(a_read())

    assert dc.connections == 0


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("socks5://10.0.0.1", Proxy("socks5", "10.0.0.1", 1080)),
        ("socks5://u:p%40ss@proxy.example:9", Proxy("socks5", "proxy.example", 9, "u", "p@ss")),
        ("http://proxy.example/", Proxy("http", "proxy.example", 8080)),
        ("http://[::1]:3128", Proxy("http", "::1", 3128)),
        (
            "tg://proxy?server=p.example&port=443&secret=dd00112233445566778899aabbccddeeff",
            MtProxy("p.example", 443, "dd00112233445566778899aabbccddeeff"),
        ),
        (
            "https://t.me/proxy?server=p.example&port=443&secret=00112233445566778899aabbccddeeff",
            MtProxy("p.example", 443, "00112233445566778899aabbccddeeff"),
        ),
    ],
)
def test_a_proxy_url_is_read(url: str, proxy: Proxy | MtProxy) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy.example:1080",
        "ftp://proxy.example",
        "socks5://",
        "socks5://proxy.example:99999",
        "http://proxy.example/path",
        f"socks5://{'u' * 256}:p@proxy.example",
        "tg://proxy?server=p.example&port=443",
        "tg://proxy?server=p.example&port=0&secret=00112233445566778899aabbccddeeff",
        "tg://proxy?server=p.example&port=443&secret=ee00112233445566778899aabbccddeeff61",
    ],
)
def test_a_url_that_is_not_understood_stops_the_start_and_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        parse_proxy(url)

    assert "example" not in refused.value.detail


def test_what_a_proxy_knows_is_not_printed() -> None:
    assert "s3cret" not in repr(parse_proxy("http://user:s3cret@proxy.example"))
    assert "0011" not in repr(MtProxy("p.example", 443, "00112233445566778899aabbccddeeff"))


def test_a_named_data_centre_is_dialled_directly(settings: Settings) -> None:
    endpoint = Endpoint(
        dataclasses.replace(settings, telegram_proxy_url=Secret("socks5://10.0.0.1"))
    )

    assert endpoint.proxy is None


@pytest.mark.short_deadlines
async def test_an_mtproto_proxy_is_dialled_in_the_place_of_telegram(
    environment: dict[str, str],
    settings: Settings,
    alice: AccountRuntime,
    vault: Vault,
    events: EventLog,
) -> None:
    trap = RawCentre(hangs_up=True)
    await trap.start(0)
    link = f"tg://proxy?server=127.0.0.1&port={trap.port}&secret=dd00112233445566778899aabbccddeeff"
    sandboxed = ("VASYA_TELEGRAM_DC", "VASYA_TELEGRAM_DC_KEY", "VASYA_PACING")
    own = {name: text for name, text in environment.items() if name not in sandboxed}
    through = load(own | {"TELEGRAM_PROXY_URL": link})
    session = alice.record.session
    assert session is not None
    await alice.disconnect()
    at_telegram = type(session)(
        dc_id=2, host="149.154.167.51", port=443, auth_key=session.auth_key, user_id=session.user_id
    )
    await vault.save_session(alice.id, at_telegram)
    restarted = Accounts(vault, through, SystemClock(), Endpoint(through), events)
    await restarted.open()

    with pytest.raises(TelegramError):
        await restarted.get(alice.owner, alice.id).call(a_read())

    assert trap.connections >= 1
    await restarted.close()
    await trap.stop()
    Endpoint(settings)
