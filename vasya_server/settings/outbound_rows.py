"""The settings of HTTP to addresses that callers name (D-10.5)."""

from __future__ import annotations

from typing import Final

from vasya_server.settings.row import Setting
from vasya_server.settings.values import certificates, host_addresses, one_of, ports

OUTBOUND: Final = (
    Setting(
        "VASYA_OUTBOUND_PORTS",
        "outbound_ports",
        ports,
        "443",
        "Ports that a URL which a caller names may have, separated by commas.",
    ),
    Setting(
        "VASYA_OUTBOUND_CA_FILE",
        "outbound_ca_file",
        certificates,
        None,
        "PEM file of further certificate authorities that the servers behind such URLs may have; beside the public ones.",
    ),
    Setting(
        "VASYA_OUTBOUND_LOOPBACK",
        "outbound_loopback",
        one_of("on", "off"),
        "off",
        "For tests: `on` lets such URLs reach loopback addresses, in clear and at any port; only with a "
        "`VASYA_TELEGRAM_DC` on loopback.",
    ),
    Setting(
        "VASYA_OUTBOUND_HOSTS",
        "outbound_hosts",
        host_addresses,
        "",
        "For tests: what names resolve to, `name=address,name=address`; all others as ever. Only with a "
        "`VASYA_TELEGRAM_DC` on loopback.",
    ),
)
