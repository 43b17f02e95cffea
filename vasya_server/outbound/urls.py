"""Which URLs a caller may name: one strict reading, so that no two parsers see two hosts in one text (D-10.5)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import idna

from vasya_server.errors import OutboundRefused
from vasya_server.outbound.addresses import is_loopback

if TYPE_CHECKING:
    from vasya_server.settings import Settings

MAX_URL_CHARACTERS: Final = 2048
_MAX_HOST_CHARACTERS: Final = 253
_MAX_PORT: Final = 65535
_OWN_PORTS: Final = {"https": 443, "http": 80}
# Parsers differ over backslashes, some take them for slashes: the host would be another one.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]+)(?P<target>[/?][^#\\]*)?(?P<fragment>#.*)?"
)
_HOST_AND_PORT: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
# What inet_aton and the browsers take for an IPv4 address or a part of one: 127.1, 0x7f.1, 0177.1, 2130706433.
# Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True)
class OutboundUrl:
    """A URL that broke no rule, in its one spelling.

    Args:
        host: A DNS name in ASCII and lower case; an address only where loopback is allowed.
        target: Path and query.
        is_loopback_only: It is in clear, at another port or an address, which loopback alone may have.
    """

    scheme: str
    host: str
    port: int
    target: str
    is_loopback_only: bool

    @property
    def authority(self) -> str:
        """What the Host header says; a scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _OWN_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What a URL may name, as the settings say.

    Args:
        own_hosts: Names that this server answers for.
        is_loopback_allowed: For tests: loopback addresses may be named, in clear and at any port.
    """

    ports: frozenset[int]
    own_hosts: frozenset[str]
    is_loopback_allowed: bool

    @classmethod
    def of(cls, settings: Settings) -> UrlRules:
        """Take the rules out of the settings."""
        names = [f"//{name}" for name in (*settings.allowed_hosts, settings.host)]
        own = (urlsplit(text).hostname for text in (*names, settings.public_url or ""))
        return cls(
            ports=frozenset(settings.outbound_ports),
            own_hosts=frozenset(filter(None, own)),
            is_loopback_allowed=settings.outbound_loopback == "on",
        )


def checked_url(text: str, rules: UrlRules) -> OutboundUrl:
    """Read a URL as a caller wrote it.

    Nothing is resolved: what the host stands for is looked at when it is dialled, every time.

    Raises:
        OutboundRefused: It breaks a rule; the detail says which.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise OutboundRefused("too_long")
    found = _URL.fullmatch(text)
    if found is None or not text.isprintable() or any(map(str.isspace, text)):
        raise OutboundRefused("malformed")
    scheme, target = found["scheme"].lower(), found["target"] or "/"
    if scheme not in ({"https", "http"} if rules.is_loopback_allowed else {"https"}):
        raise OutboundRefused("not_https")
    if "@" in found["authority"]:
        raise OutboundRefused("has_userinfo")
    if found["fragment"] is not None:
        raise OutboundRefused("has_fragment")
    if not target.isascii():
        raise OutboundRefused("malformed")
    host, port, is_name = _host_and_port(found["authority"], _OWN_PORTS[scheme], rules)
    url = OutboundUrl(
        scheme=scheme,
        host=host,
        port=port,
        target=target if target.startswith("/") else f"/{target}",
        is_loopback_only=scheme != "https" or port not in rules.ports or not is_name,
    )
    if len(str(url)) > MAX_URL_CHARACTERS:
        raise OutboundRefused("too_long")
    return url


def _host_and_port(authority: str, own_port: int, rules: UrlRules) -> tuple[str, int, bool]:
    """Return host, port, and whether the host is a name that strangers may have."""
    found = _HOST_AND_PORT.fullmatch(authority)
    if found is None:
        raise OutboundRefused("ip_literal" if "[" in authority else "malformed")
    port = int(found["port"] or own_port)
    if not 1 <= port <= _MAX_PORT:
        raise OutboundRefused("malformed")
    if port not in rules.ports and not rules.is_loopback_allowed:
        raise OutboundRefused("port_not_allowed")
    if rules.is_loopback_allowed and (local := _local_host(found["host"])) is not None:
        return local, port, False
    return _checked_name(found["host"], rules.own_hosts), port, True


def _local_host(host: str) -> str | None:
    """Return `localhost` or a loopback address in its one spelling, and None for any other host."""
    if host == "localhost":
        return host
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return str(address) if is_loopback(address) else None


def _checked_name(host: str, own_hosts: frozenset[str]) -> str:
    """Return a DNS name as it is asked for; the mapping turns other digits, letters and dots into what they stand for.

    Source: https://www.unicode.org/reports/tr46/
    """
    if host.startswith("["):
        raise OutboundRefused("ip_literal")
    if len(host) > _MAX_HOST_CHARACTERS:
        raise OutboundRefused("host_invalid")
    try:
        name = idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise OutboundRefused("host_invalid") from None
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise OutboundRefused("ip_literal")
    if labels[-1] == "localhost" or ".".join(labels) in own_hosts:
        raise OutboundRefused("own_host")
    if name.endswith("."):
        raise OutboundRefused("host_invalid")
    if len(labels) == 1:
        raise OutboundRefused("single_label")
    return name
