"""The other side: an unmodified Telethon client that trusts a sandbox and stays on this machine."""

from __future__ import annotations

import ipaddress
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import ConnectionTcpFull
from telethon.sessions import MemorySession, StringSession

DC_ID = 2
# The sandbox accepts every application; these are nobody's.
API_ID, API_HASH = 1, "sandbox"


class SandboxClient(TelegramClient):
    """A client whose list of data centres is not shared with clients of the real service."""

    _config = None


def trust(public_pem: str) -> None:
    """Trust this data centre and no other, in the whole process.

    Telethon keeps its keys in a module global: a process talks to a sandbox or to Telegram.
    """
    rsa._server_keys.clear()
    rsa.add_key(public_pem, old=False)
    SandboxClient._config = None


def loopback(base: Any = ConnectionTcpFull) -> Any:
    """Return *base* as a connection that cannot leave this machine.

    Every path of Telethon to a socket goes through the connection class, and a session without an
    address silently points at production.
    """

    class Loopback(base):
        def __init__(self, ip: str, port: int, dc_id: int, **options: Any) -> None:
            if not ipaddress.ip_address(ip).is_loopback:
                raise ConnectionError(f"{ip} is not a loopback address")
            super().__init__(ip, port, dc_id, **options)

    return Loopback


def open_client(
    address: tuple[str, int],
    session: str | MemorySession | None = None,
    *,
    connection: Any = ConnectionTcpFull,
    **options: Any,
) -> SandboxClient:
    """Return a client that is not connected yet.

    Args:
        address: Host and port of the sandbox.
        session: A minted session string or a session object; None is nobody yet.
        connection: One of Telethon's connection classes.
        options: For `TelegramClient`.
    """
    if session is None:
        session = MemorySession()
    opened: Any = StringSession(session) if isinstance(session, str) else session
    if (opened.server_address, opened.port) != address:
        opened.set_dc(opened.dc_id or DC_ID, *address)
    return SandboxClient(opened, API_ID, API_HASH, connection=loopback(connection), **options)
