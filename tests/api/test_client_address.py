from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from vasya_server.api.client_address import client_address

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ff::/48"))


def seen(peer: str | None, *lines: str, trusted: tuple[Any, ...] = TRUSTED) -> str:
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    scope: Any = {
        "type": "http",
        "client": None if peer is None else (peer, 4711),
        "headers": [(b"host", b"vasya.example"), *headers],
    }
    return client_address(scope, trusted)


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        pytest.param("192.0.2.1", (), "192.0.2.1", id="no proxy"),
        pytest.param("192.0.2.1", ("198.51.100.9",), "192.0.2.1", id="a client that lies"),
        pytest.param("10.0.0.2", ("198.51.100.9",), "198.51.100.9", id="one proxy"),
        pytest.param(
            "10.0.0.2", ("203.0.113.5, 198.51.100.9",), "198.51.100.9", id="a lie behind a proxy"
        ),
        pytest.param(
            "10.0.0.2", ("10.9.9.9, 198.51.100.9",), "198.51.100.9", id="a lie that looks trusted"
        ),
        pytest.param(
            "10.0.0.2", ("198.51.100.9, 10.0.0.3",), "198.51.100.9", id="two proxies, one line"
        ),
        pytest.param(
            "10.0.0.2", ("203.0.113.5", "198.51.100.9", "10.0.0.3"), "198.51.100.9", id="lines"
        ),
        pytest.param("10.0.0.2", (), "10.0.0.2", id="the proxy itself"),
        pytest.param("10.0.0.2", ("10.0.0.4, 10.0.0.3",), "10.0.0.4", id="trusted all the way"),
        pytest.param("10.0.0.2", ("",), "10.0.0.2", id="empty header"),
        pytest.param("10.0.0.2", ("198.51.100.9, unknown",), "10.0.0.2", id="no address"),
        pytest.param("10.0.0.2", ("198.51.100.9:4711",), "198.51.100.9", id="with a port"),
        pytest.param("10.0.0.2", ("[2001:db8::1]:4711",), "2001:db8::1", id="IPv6 with a port"),
        pytest.param("10.0.0.2", ("2001:DB8:0::1",), "2001:db8::1", id="IPv6 in another form"),
        pytest.param("::ffff:10.0.0.2", ("::ffff:198.51.100.9",), "198.51.100.9", id="mapped"),
        pytest.param("2001:db8:ff::7", ("198.51.100.9",), "198.51.100.9", id="a proxy over IPv6"),
        pytest.param("10.0.0.2", ("\xff",), "10.0.0.2", id="not ASCII"),
        pytest.param(None, ("198.51.100.9",), "", id="no network"),
        pytest.param("/run/vasya.sock", ("198.51.100.9",), "", id="a socket's file"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_trusted_proxys(
    peer: str | None, lines: tuple[str, ...], client: str
) -> None:
    assert seen(peer, *lines) == client


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert seen("10.0.0.2", "198.51.100.9", trusted=()) == "10.0.0.2"
