"""`vasya-server demo`: the whole gateway on a sandboxed Telegram of its own, gone when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.cli import demo_folder, sandbox_process
from vasya_server.cli.api_client import api_at
from vasya_server.cli.mcp_config import configuration
from vasya_server.cli.serve import prepared, serve
from vasya_server.cli.standard_files import answer, say
from vasya_server.errors import ConfigurationInvalid, MasterKeyMismatch
from vasya_server.model.account import AccountStatus
from vasya_server.model.key import KeyMade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.cli.sandbox_process import Sandbox, SandboxInfo
    from vasya_server.gateway import Gateway

_FOREIGN_ADDRESSES: Final = ("VASYA_TELEGRAM_DC", "VASYA_TELEGRAM_DC_KEY", "TELEGRAM_PROXY_URL")
# No application of my.telegram.org: the sandbox takes any, and Telegram would take none of these.
_API_ID: Final = "17349"
_API_HASH: Final = b"vasya-demo-hash!".hex()
_OWN_SETTINGS: Final = {
    "AUTH_MODE": "embedded",
    "TELEGRAM_API_ID": _API_ID,
    "TELEGRAM_API_HASH": _API_HASH,
}
_ENDS_SEALED: Final = "The data dir is sealed with a key that ends with this process; to use it again, start with SESSION_MASTER_KEY set."
_USABLE: Final = {AccountStatus.CONNECTED, AccountStatus.CONNECTING, AccountStatus.DISCONNECTED}


class Ready(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The last line of start-up, for programs."""

    url: str
    token: str
    account_id: str
    data_dir: str
    sandbox: str


def run(flags: dict[str, str | None], *, is_mcp: bool = False) -> int:
    """Run the demo until a signal; return the exit code.

    Args:
        is_mcp: Make an agent key, and print what an MCP client has to be told.
    """
    _refuse_foreign_addresses()
    # Until the event loop takes the signal over, SIGTERM ends the demo as Ctrl-C does: tidily.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _places(flags["VASYA_DATA_DIR"]) as (data_dir, sandbox_dir, is_kept):
        # First, because it takes longest: the rest of the start happens while it builds its world.
        sandbox = sandbox_process.start(sandbox_dir, is_kept=is_kept)
        try:
            flags |= {"VASYA_DATA_DIR": str(data_dir)}
            return _serve_on(sandbox, flags, is_kept=is_kept, is_mcp=is_mcp)
        finally:
            sandbox.stop()


def _refuse_foreign_addresses() -> None:
    """Refuse to play with a Telegram that may be real.

    Raises:
        ConfigurationInvalid: A setting names another data centre, or a proxy to one.
    """
    if named := [name for name in _FOREIGN_ADDRESSES if os.environ.get(name)]:
        raise ConfigurationInvalid(
            f"The demo talks to its own sandbox and to nothing else, and {' and '.join(named)} would lead elsewhere.",
            remedy=f"unset {' '.join(named)}, or use vasya-server serve.",
        )


@contextlib.contextmanager
def _places(given: str | None) -> Iterator[tuple[Path, Path, bool]]:
    """Yield the data dir, the sandbox's directory, which is never inside it, and whether they are kept."""
    if given:
        data_dir = Path(given).expanduser().absolute()
        demo_folder.keep(data_dir)
        yield data_dir, data_dir.parent / f"{data_dir.name}-sandbox", True
        return
    with demo_folder.fresh() as root:
        yield root / demo_folder.DATA, root / demo_folder.SANDBOX, False


def _serve_on(
    sandbox: Sandbox, flags: dict[str, str | None], *, is_kept: bool, is_mcp: bool
) -> int:
    _import_early()
    info = asyncio.run(sandbox_process.info_of(sandbox))
    has_key = any(os.environ.get(f"SESSION_MASTER_KEY{end}") for end in ("", "_FILE"))
    flags |= _OWN_SETTINGS | {
        "VASYA_PORT": flags["VASYA_PORT"] or os.environ.get("VASYA_PORT") or "0",
        # On a person's terminal its lines would bury the welcome.
        "VASYA_ACCESS_LOG": os.environ.get("VASYA_ACCESS_LOG", "off"),
        "VASYA_TELEGRAM_DC": f"{info.dc_id}@{info.address}",
        "VASYA_TELEGRAM_DC_KEY": info.public_key,
    }
    if not has_key:
        # Never the keychain: a demo leaves nothing behind in it.
        flags["SESSION_MASTER_KEY"] = secrets.token_hex(32)

    async def announce(gateway: Gateway, url: str, token: str) -> None:
        account_id = await _first_account(gateway, info)
        _welcome(url, token, account_id, info)
        if is_kept and not has_key:
            say(_ENDS_SEALED)
        if is_mcp:
            await _welcome_clients(url, token)
        ready = Ready(
            url=url,
            token=token,
            account_id=account_id,
            data_dir=str(gateway.settings.data_dir),
            sandbox=str(sandbox.info_path),
        )
        answer(f"READY {msgspec.json.encode(ready).decode()}")

    try:
        with prepared(flags) as ready:
            return serve(ready, announce)
    except MasterKeyMismatch as refusal:
        if has_key:
            raise
        raise MasterKeyMismatch(
            f"{refusal.detail} Without SESSION_MASTER_KEY the demo makes a new key at every start.",
            remedy="Start with the SESSION_MASTER_KEY that sealed it, or give --data-dir a directory that is not there yet.",
        ) from refusal


def _import_early() -> None:
    """Load what serving needs while the sandbox builds its world on the other core."""
    import vasya_server.app
    import vasya_server.cli.http_server
    import vasya_server.gateway  # noqa: F401 — loaded for its effect


async def _first_account(gateway: Gateway, info: SandboxInfo) -> str:
    """Return the account of the sandbox's first user, importing its session where it is not here or not usable."""
    user = info.users[0]
    for account in gateway.accounts.list(gateway.owner):
        described = account.describe()
        if described.user and described.user.id == user.id and described.status in _USABLE:
            return str(described.account_id)
    state = await gateway.logins.import_session(gateway.owner, user.session)
    return str(state.account_id)


def _welcome(url: str, token: str, account_id: str, info: SandboxInfo) -> None:
    owner = info.users[0]
    friend = next(user for user in info.users[1:] if user.username)
    api = f"{url}/api/v1"
    chats = f"{api}/accounts/{account_id}/chats"
    messages = f"{chats}/@{friend.username}/messages"
    auth = f"-H 'Authorization: Bearer {token}'"
    once = f"-H 'Idempotency-Key: demo-{secrets.token_hex(4)}'"
    answer(f"""\
Vasya runs, as {owner.name}, on a sandboxed Telegram: everybody in it is made up, and nothing reaches the internet.
Paste these lines into another terminal. Ctrl-C ends the demo.

# Who am I, and what may I do?
curl -sS '{api}/whoami' {auth}

# Which chats are there?
curl -sS '{chats}?limit=5' {auth}

# What did {friend.name} and I write last?
curl -sS '{messages}?limit=5&view=compact' {auth}

# Answer. Pasted twice, it is sent once: that is what the Idempotency-Key is for.
curl -sS '{messages}' {auth} -H 'Content-Type: application/json' {once} -d '{{"text": "Hello from Vasya"}}'
""")


async def _welcome_clients(url: str, token: str) -> None:
    """Print what MCP clients are told, with a key that may do what an assistant does."""
    api = api_at(url, token)
    body = {"name": "MCP client of the demo", "preset": "assistant"}
    made = await api.post("/agent-keys", body, KeyMade)
    answer(f"""\
# The same for an MCP client: Claude Desktop and Cursor take this, and vasya-server mcp-config prints it for others.
{configuration("claude-desktop", made.secret or "", url)}

# Claude Code takes it by a command.
claude mcp add --transport http vasya {url}/mcp --header 'Authorization: Bearer {made.secret}'
""")
