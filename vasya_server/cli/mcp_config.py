"""`vasya-server mcp-config`: what an MCP client has to be told, ready to paste."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.auth.agent_keys import parse_key
from vasya_server.cli import EX_NEEDS_HUMAN
from vasya_server.cli.standard_files import answer, say
from vasya_server.errors import ConfigurationInvalid

if TYPE_CHECKING:
    import argparse

CLIENTS: Final = ("claude-code", "claude-desktop", "cursor", "vscode", "codex")
_DEFAULT_URL: Final = "http://127.0.0.1:8787"
_PLACES: Final = {
    "claude-code": ".mcp.json of a project, or: claude mcp add-json vasya '<the object of vasya>'",
    "claude-desktop": "claude_desktop_config.json (Settings, Developer, Edit Config)",
    "cursor": "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
    "vscode": ".vscode/mcp.json of a workspace, or MCP: Open User Configuration",
    "codex": "~/.codex/config.toml",
}


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the flags."""
    command.add_argument("--client", required=True, choices=CLIENTS, help="Which program.")
    command.add_argument(
        "--key",
        help="The agent key, vk_…; - reads it from standard input, which keeps it out of the shell's history.",
    )
    command.add_argument(
        "--url", default=_DEFAULT_URL, help=f"The server; {_DEFAULT_URL} when not said."
    )
    command.add_argument(
        "--http",
        action="store_true",
        help="Let the client speak to the server's /mcp itself, with no process of its own between them.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration; return the exit code."""
    key = arguments.key or os.environ.get("VASYA_AGENT_KEY", "")
    if key == "-":
        key = sys.stdin.readline().strip()
    if not key:
        say(
            "Which key? Make one with vasya-server keys create, and give it with --key or VASYA_AGENT_KEY."
        )
        return EX_NEEDS_HUMAN
    if parse_key(key.encode()) is None:
        raise ConfigurationInvalid(
            "That is no agent key.", remedy="A key is printed once, by vasya-server keys create."
        )
    say(f"Paste this into {_PLACES[arguments.client]}. Whoever reads it can act with the key.")
    answer(configuration(arguments.client, key, arguments.url.rstrip("/"), is_http=arguments.http))
    return 0


def configuration(client: str, key: str, url: str, *, is_http: bool = False) -> str:
    """Return what a client's configuration says of this server."""
    if client == "codex":
        return _toml(key, url, is_http=is_http)
    server = _over_http(key, url) if is_http else _process(key, url)
    if client == "vscode":
        return _json({"servers": {"vasya": {"type": "http" if is_http else "stdio"} | server}})
    if is_http:
        server = {"type": "http"} | server
    return _json({"mcpServers": {"vasya": server}})


def _process(key: str, url: str) -> dict[str, Any]:
    environment = {"VASYA_AGENT_KEY": key, "VASYA_API_URL": url}
    return {"command": adapter(), "args": [], "env": environment}


def _over_http(key: str, url: str) -> dict[str, Any]:
    return {"url": f"{url}/mcp", "headers": {"Authorization": f"Bearer {key}"}}


def _toml(key: str, url: str, *, is_http: bool) -> str:
    if is_http:
        return "\n".join(
            (
                "[mcp_servers.vasya]",
                f"url = {_text(f'{url}/mcp')}",
                f"http_headers = {{ Authorization = {_text(f'Bearer {key}')} }}",
            )
        )
    return "\n".join(
        (
            "[mcp_servers.vasya]",
            f"command = {_text(adapter())}",
            "",
            "[mcp_servers.vasya.env]",
            f"VASYA_AGENT_KEY = {_text(key)}",
            f"VASYA_API_URL = {_text(url)}",
        )
    )


def adapter() -> str:
    """Return the path of `vasya-mcp`: desktop programs have another PATH than the shell that asks."""
    return str(Path(sys.executable).parent / "vasya-mcp")


def _text(said: str) -> str:
    """Return a basic string of TOML: for what stands here, JSON's is the same."""
    return msgspec.json.encode(said).decode()


def _json(said: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()
