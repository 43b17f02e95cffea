"""Which addresses strangers may make this server dial: public ones alone (D-10.5)."""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# Python before 3.12.4 takes several of these for global, among them the networks that carry an IPv4 address in an IPv6 one.
# Source: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
_DENIED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind carriers' translators
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: the clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "::1/128",
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of one network
        "100::/64",  # discarded
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",  # site-local
    )
)


def is_loopback(address: Address) -> bool:
    """Tell whether *address* is this machine itself, in its plain form."""
    return any(address in network for network in _LOOPBACK)


def is_public(address: Address) -> bool:
    """Tell whether *address* is one host of the public internet.

    An IPv6 address with a scope id is none: a scope is an interface of this machine.
    """
    if getattr(address, "scope_id", None) is not None or address.is_multicast:
        return False
    return address.is_global and not any(address in network for network in _DENIED)
