"""Which machine a request comes from, believing nobody but the proxies that the operator named (D-12.6)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import HTTPScope

    from vasya_server.settings import Network

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Every request by an agent key asks for its own; reading one costs as much as the rest of letting it in.
_MAX_READ: Final = 4096


def client_address(scope: HTTPScope, trusted: Sequence[Network]) -> str:
    """Return the address of the client in its one written form; empty where the request came over no network.

    Each trusted proxy has put its own peer at the right end of `X-Forwarded-For`, so the right-most address that is no
    trusted proxy's is the client's. What stands further left, and all of the header where the peer itself is not
    trusted, is whatever the client likes.
    """
    client = scope.get("client")
    if client is None:
        return ""
    if not trusted:
        return _written(client[0])
    found = _address(client[0])
    if found is None:
        return ""
    for hop in _hops(scope):
        if not _is_in(found, trusted) or (forwarded := _address(hop)) is None:
            break
        found = forwarded
    return str(found)


def _hops(scope: HTTPScope) -> list[str]:
    """Return the hops that were written down, nearest first; several lines are one list."""
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return b",".join(lines).decode("latin-1").split(",")[::-1]


@lru_cache(_MAX_READ)
def _written(text: str) -> str:
    found = _address(text)
    return "" if found is None else str(found)


@lru_cache(_MAX_READ)
def _address(text: str) -> Address | None:
    """Read `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1` or `[2001:db8::1]:1234`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 peers as ::ffff:192.0.2.1.
    return getattr(found, "ipv4_mapped", None) or found


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
