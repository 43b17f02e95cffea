"""Which addresses are dialled, and how often."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest
from telethon.crypto import AuthKey, rsa
from telethon.sessions import StringSession

from tests.telegram.conftest import SUBJECT, RawCentre, a_read
from vasya_server.clock import SystemClock
from vasya_server.errors import ConfigurationInvalid, SessionInvalid, TelegramUnavailable
from vasya_server.settings import DataCentre as NamedCentre
from vasya_server.settings import load
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.connection import ConnectBucket, pause_secs
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.errors import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.telegram.conftest import Faults
    from vasya_sandbox.dc import DataCentre
    from vasya_server.events.log import EventLog
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.login import Logins

TELEGRAM_DC2 = ("149.154.167.51", 443)


@pytest.fixture
def at_telegram(environment: dict[str, str], settings: Settings) -> Iterator[Endpoint]:
    """An endpoint of Telegram's own data centres; nothing is dialled."""
    sandboxed = ("VASYA_TELEGRAM_DC", "VASYA_TELEGRAM_DC_KEY", "VASYA_PACING")
    own = {name: text for name, text in environment.items() if name not in sandboxed}
    yield Endpoint(load(own))
    Endpoint(settings)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 1),
        ("127.0.0.2", 443),
        ("149.154.167.51", 443),
        ("localhost", 443),
        ("169.254.169.254", 80),
        ("", 0),
    ],
)
def test_a_named_data_centre_is_the_only_address(settings: Settings, host: str, port: int) -> None:
    endpoint = Endpoint(settings)

    with pytest.raises(AddressRefused):
        endpoint.connection(host, port, 2, loggers=None)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 443),
        ("10.0.0.1", 443),
        ("8.8.8.8", 443),
        ("149.154.167.51", 22),
        ("telegram.org", 443),
        ("::1", 443),
    ],
)
def test_telegrams_networks_are_the_only_addresses_otherwise(
    at_telegram: Endpoint, host: str, port: int
) -> None:
    assert not at_telegram.allows(host, port)
    assert at_telegram.allows(*TELEGRAM_DC2)
    assert at_telegram.allows("2001:67c:4e8:f002::a", 443)
    assert at_telegram.home == (2, *TELEGRAM_DC2)


def test_a_named_data_centre_is_the_only_one_trusted(
    settings: Settings, at_telegram: Endpoint
) -> None:
    assert at_telegram
    assert len(rsa._server_keys) == 8  # noqa: SLF001 — Telethon's one table

    Endpoint(settings)

    assert len(rsa._server_keys) == 1  # noqa: SLF001 — as above


def test_a_key_that_is_none_is_refused_at_the_start(settings: Settings) -> None:
    named = settings.telegram_dc
    assert named is not None
    broken = NamedCentre(2, named.host, named.port, "-----BEGIN RSA PUBLIC KEY-----\nnonsense")

    with pytest.raises(ConfigurationInvalid):
        Endpoint(dataclasses.replace(settings, telegram_dc=broken))


async def test_a_session_of_an_address_that_may_not_be_dialled_is_refused(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    session = StringSession()
    session.set_dc(2, *TELEGRAM_DC2)
    session.auth_key = AuthKey(bytes(range(1, 256)) + b"\x01")

    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, session.save())

    assert dc.connections == 0


async def test_a_stored_session_of_an_address_that_may_not_be_dialled_is_left_alone(
    alice: AccountRuntime,
) -> None:
    await alice.disconnect()
    session = alice.record.session
    assert session is not None
    elsewhere = type(session)(
        dc_id=2, host="149.154.167.51", port=443, auth_key=session.auth_key, user_id=session.user_id
    )
    alice.record = dataclasses.replace(alice.record, session=elsewhere)
    started = time.monotonic()

    with pytest.raises(TelegramUnavailable, match="may not dial"):
        await alice.call(a_read())

    assert time.monotonic() - started < 5
    assert not alice.record.needs_login


async def test_a_migration_to_another_address_is_refused_before_a_socket_exists(
    logins: Logins, owner: OwnerId, dc: DataCentre, fault: Faults
) -> None:
    trap = RawCentre(hangs_up=True)
    await trap.start(0)
    dc.address = ("127.0.0.1", trap.port)  # what help.getConfig tells of every data centre
    fault("rpc_error", "auth.SendCode", code=303, text="PHONE_MIGRATE_4")

    with pytest.raises(TelegramUnavailable):
        await logins.start_code(owner, SUBJECT, "+99966210001")

    assert trap.connections == 0
    assert dc.requests["help.GetConfig"] == 2
    await trap.stop()


async def test_a_data_centre_that_moved_to_another_port_keeps_its_sessions(
    alice: AccountRuntime,
    accounts: Accounts,
    dc: DataCentre,
    settings: Settings,
    vault: Vault,
    events: EventLog,
) -> None:
    await accounts.close()
    await dc.stop()
    await dc.start()
    assert settings.telegram_dc is not None
    named = dataclasses.replace(settings.telegram_dc, port=dc.address[1])
    moved = dataclasses.replace(settings, telegram_dc=named)

    restarted = Accounts(vault, moved, SystemClock(), Endpoint(moved), events)
    await restarted.open()
    users = await restarted.get(alice.owner, alice.id).call(a_read())

    assert users[0].first_name == "Alice"
    await restarted.close()


async def test_dials_of_the_process_are_limited_together() -> None:
    bucket = ConnectBucket(per_sec=50, burst=10)
    started = time.monotonic()

    await asyncio.gather(*(bucket.take() for _ in range(30)))

    assert 0.35 < time.monotonic() - started < 5


def test_the_pause_grows_to_a_ceiling_and_begins_at_nothing() -> None:
    def longest(_low: float, high: float) -> float:
        return high

    pauses = [pause_secs(failures, longest) for failures in (0, 1, 2, 3, 4, 5, 6, 7, 8, 50)]

    assert pauses == [0, 0, 0.5, 1, 2, 4, 8, 15, 15, 15]


async def test_an_idle_connection_is_four_tasks(alice: AccountRuntime) -> None:
    """Two loops of the transport and two of the protocol; Telethon's own client runs six."""
    assert alice.is_connected

    names = sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]  # every task has one

    assert [name for name in names if "_loop" in name] == [
        "Connection._recv_loop",
        "Connection._send_loop",
        "MTProtoSender._recv_loop",
        "MTProtoSender._send_loop",
    ]
