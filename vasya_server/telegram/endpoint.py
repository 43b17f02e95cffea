"""Which data centres this process talks to: Telegram's own, or the one that the settings name, never both."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, NamedTuple

from telethon.client.telegrambaseclient import DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT
from telethon.crypto import rsa

from vasya_server.errors import ConfigurationInvalid
from vasya_server.telegram.connection import ConnectBucket, guarded_by
from vasya_server.telegram.logs import redact_telethon
from vasya_server.telegram.proxy import MtProxy, Proxy, parse_proxy

if TYPE_CHECKING:
    from vasya_server.settings import Settings

# Telegram's networks. Source: https://core.telegram.org/resources/cidr.txt
_TELEGRAM: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "91.105.192.0/23",
        "91.108.4.0/22",
        "91.108.8.0/22",
        "91.108.12.0/22",
        "91.108.16.0/22",
        "91.108.20.0/22",
        "91.108.56.0/22",
        "149.154.160.0/20",
        "185.76.151.0/24",
        "2001:67c:4e8::/48",
        "2001:b28:f23c::/48",
        "2001:b28:f23d::/48",
        "2001:b28:f23f::/48",
        "2a0a:f280::/32",
    )
)
# Source: https://core.telegram.org/mtproto/transports
_PORTS: Final = frozenset({80, 443, 5222})
# A module global in Telethon, which an override replaces: kept so that the next endpoint finds it.
_TELEGRAM_KEYS: Final = dict(rsa._server_keys)


class Address(NamedTuple):
    """A data centre and where it is."""

    dc_id: int
    host: str
    port: int


class Endpoint:
    """The rules of every dial in this process; making one sets which RSA keys Telethon trusts.

    Raises:
        ConfigurationInvalid: The named data centre's public key is none, or the proxy's URL is not understood.
    """

    def __init__(self, settings: Settings) -> None:
        self._named = settings.telegram_dc
        self.dial_timeout_secs = settings.connect_deadline_secs
        self.bucket = ConnectBucket()
        # A named data centre is dialled directly: that it is the only address dialled is its point.
        url = settings.telegram_proxy_url if self._named is None else None
        proxy = parse_proxy(url.reveal()) if url is not None else None
        self.proxy = proxy if isinstance(proxy, Proxy) else None
        self.mtproxy = proxy if isinstance(proxy, MtProxy) else None
        self.connection = guarded_by(self)
        redact_telethon()
        self._trust()

    @property
    def home(self) -> Address:
        """Where a login begins; Telegram sends it on if the account lives elsewhere."""
        if self._named is not None:
            return Address(self._named.dc_id, self._named.host, self._named.port)
        return Address(DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT)

    def allows(self, host: str, port: int) -> bool:
        """Tell whether this address may be dialled."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False  # a name would let whoever answers for it choose
        if self._named is not None:
            return address == ipaddress.ip_address(self._named.host) and port == self._named.port
        return port in _PORTS and any(address in network for network in _TELEGRAM)

    def place(self, dc_id: int, host: str, port: int) -> Address:
        """Return where a stored session is served now: a named data centre may have moved to another port."""
        if self._named is not None and host == self._named.host:
            return Address(dc_id, host, self._named.port)
        return Address(dc_id, host, port)

    def _trust(self) -> None:
        rsa._server_keys.clear()
        if self._named is None:
            rsa._server_keys.update(_TELEGRAM_KEYS)
            return
        try:
            rsa.add_key(self._named.public_key, old=False)
        except ValueError as error:
            raise ConfigurationInvalid(
                "VASYA_TELEGRAM_DC_KEY does not hold an RSA public key in PKCS#1 PEM form."
            ) from error
