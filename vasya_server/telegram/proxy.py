"""Reaching Telegram through a proxy: SOCKS5, HTTP, or one of Telegram's own kind.

Telethon leaves the first two to packages that patch each other's exceptions; the handshakes are shorter than the glue. The
third is a transport of Telethon's, which is told here what it needs. A proxy that fails is a connection that fails: nothing ever falls back to dialling directly, which is what it is there to prevent.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from telethon.network import ConnectionTcpMTProxyRandomizedIntermediate

from vasya_server.errors import ConfigurationInvalid

_DEFAULT_PORTS: Final = {"socks5": 1080, "http": 8080}
_MAX_ANSWER_BYTES: Final = 8192
_MAX_CREDENTIAL_BYTES: Final = 255
_MAX_PORT: Final = 65535
_NO_AUTHENTICATION: Final = 0
_USERNAME_AND_PASSWORD: Final = 2

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyFailed(ConnectionError):
    """The proxy does not speak its protocol, or refuses."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and how it is told what to dial.

    Args:
        kind: `socks5` or `http`.
    """

    kind: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    async def open(self, host: str, port: int) -> Streams:
        """Return the two ends of a tunnel to the address.

        Raises:
            OSError: There is no way through.
        """
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            ask = self._ask_socks5 if self.kind == "socks5" else self._ask_http
            await ask(reader, writer, host, port)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.transport.abort()
            raise ProxyFailed("the proxy hung up or said too much") from error
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    async def _ask_http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        """Ask for a tunnel. Source: RFC 9110, section 9.3.6."""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.username:
            pair = f"{self.username}:{self.password}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if len(answer) > _MAX_ANSWER_BYTES or answer.split(b" ", 2)[1:2] != [b"200"]:
            raise ProxyFailed("the proxy refuses the tunnel")

    async def _ask_socks5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        """Ask for a tunnel. Source: RFC 1928; RFC 1929 for the password."""
        methods = bytes([_NO_AUTHENTICATION, _USERNAME_AND_PASSWORD] if self.username else [0])
        writer.write(bytes([5, len(methods)]) + methods)
        version, method = await reader.readexactly(2)
        if version != 5 or method not in methods:  # noqa: PLR2004 — SOCKS5
            raise ProxyFailed("the proxy wants another kind of authentication")
        if method == _USERNAME_AND_PASSWORD:
            name, password = self.username.encode(), self.password.encode()
            writer.write(b"\x01" + bytes([len(name)]) + name + bytes([len(password)]) + password)
            if (await reader.readexactly(2))[1]:
                raise ProxyFailed("the proxy does not accept the password")
        address = ipaddress.ip_address(host)
        kind = 1 if address.version == 4 else 4  # noqa: PLR2004 — IPv4
        writer.write(bytes([5, 1, 0, kind]) + address.packed + struct.pack(">H", port))
        _, status, _, kind = await reader.readexactly(4)
        if status:
            raise ProxyFailed("the proxy refuses the tunnel")
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        await reader.readexactly(length + 2)


class MtProxy(NamedTuple):
    """An MTProto proxy, in the form that Telethon's transport takes."""

    host: str
    port: int
    secret: str

    def __repr__(self) -> str:
        return "MtProxy(…)"


def parse_proxy(url: str) -> Proxy | MtProxy:
    """Read `socks5://` or `http://`, `user:password@` and port where they are needed, or a proxy link of Telegram's.

    Raises:
        ConfigurationInvalid: It is something else; the URL itself, which may hold a password, is not repeated.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        if parts.scheme == "tg" or parts.hostname == "t.me":
            return _parse_link(dict(parse_qsl(parts.query)))
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
    except (KeyError, ValueError) as error:
        raise _unclear() from error
    too_long = max(len(username.encode()), len(password.encode())) > _MAX_CREDENTIAL_BYTES
    if not parts.hostname or parts.path.strip("/") or parts.query or too_long:
        raise _unclear()
    if parts.scheme not in _DEFAULT_PORTS:
        raise _unclear()
    port = port or _DEFAULT_PORTS[parts.scheme]
    return Proxy(parts.scheme, parts.hostname, port, username, password)


def _parse_link(said: dict[str, str]) -> MtProxy:
    """Read `tg://proxy?server=…&port=…&secret=…`. Source: https://core.telegram.org/api/links#mtproxy-links."""
    proxy = MtProxy(said["server"], int(said["port"]), said["secret"])
    if proxy.secret.startswith("ee"):
        raise ConfigurationInvalid(
            "TELEGRAM_PROXY_URL names an MTProto proxy that poses as a web server (secret ee…); use one with dd… or none."
        )
    ConnectionTcpMTProxyRandomizedIntermediate.normalize_secret(proxy.secret)
    if not proxy.host or not 1 <= proxy.port <= _MAX_PORT:
        raise _unclear()
    return proxy


def _unclear() -> ConfigurationInvalid:
    return ConfigurationInvalid(
        "TELEGRAM_PROXY_URL must look like socks5://user:password@host:port, http://host:port or "
        "tg://proxy?server=host&port=443&secret=…"
    )
