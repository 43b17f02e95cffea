"""`vasya-mcp`: the adapter as a process that an MCP client starts and talks to over its standard streams."""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio
import httpx2
from mcp.server.stdio import stdio_server

from vasya_mcp.catalogue import Catalogue
from vasya_mcp.files import Folders
from vasya_mcp.rest import Rest
from vasya_mcp.server import Gateway, make_server

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_URL: Final = "http://127.0.0.1:8787"
_KEY: Final = re.compile(r"vk_ak[0-9a-f]{16}_[0-9a-f]{72}")
_EX_CONFIG: Final = 78
_USAGE: Final = """\
Usage: vasya-mcp

Serves one Vasya agent key to an MCP client over standard input and output. Settings come from the environment:

  VASYA_AGENT_KEY     the key, vk_…, that the client acts with (required)
  VASYA_API_URL       where the server is; default http://127.0.0.1:8787
  VASYA_UPLOAD_DIR    a folder that files may be sent from; none without it
  VASYA_DOWNLOAD_DIR  a folder that files are saved to; links instead without it
"""


class SettingRefused(Exception):
    """A setting that is missing or wrong."""


class Settings:
    """What the environment says.

    Raises:
        SettingRefused: It is missing or wrong. The key itself is never told.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.key = environment.get("VASYA_AGENT_KEY", "").strip()
        if not self.key:
            raise SettingRefused(
                "VASYA_AGENT_KEY is not set: make a key with vasya-server keys create."
            )
        if not _KEY.fullmatch(self.key):
            raise SettingRefused(
                "VASYA_AGENT_KEY is no agent key: those begin with vk_. No other credential is taken."
            )
        self.url = environment.get("VASYA_API_URL", "").strip().rstrip("/") or _DEFAULT_URL
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
            raise SettingRefused(
                "VASYA_API_URL is no address of a server: http://127.0.0.1:8787, for instance."
            )
        is_near = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts.scheme == "http" and not is_near:
            raise SettingRefused(
                "VASYA_API_URL would carry the key in clear: use https beyond this machine."
            )
        self.folders = Folders(
            uploads=_folder(environment, "VASYA_UPLOAD_DIR"),
            downloads=_folder(environment, "VASYA_DOWNLOAD_DIR"),
        )


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    said = environment.get(name, "").strip()
    if not said:
        return None
    folder = Path(said).expanduser()
    if not folder.is_dir():
        raise SettingRefused(f"{name} is no folder.")
    return folder


async def serve(settings: Settings) -> None:
    """Serve until the client closes its end."""
    authorization = f"Bearer {settings.key}"
    async with httpx2.AsyncClient(base_url=settings.url, trust_env=False) as client:
        rest = Rest(client, authorization)
        gateway = Gateway(Catalogue(), lambda _: rest, settings.folders)
        server = make_server(gateway, _version())
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())


def main() -> None:
    """Run as a console script; exit 78 where a setting is missing or wrong."""
    if len(sys.argv) > 1:
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        (sys.stdout if is_asked else sys.stderr).write(_USAGE)
        sys.exit(0 if is_asked else 2)
    # Telegram's words and the key are in what libraries log of requests: only what goes wrong is said.
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="vasya-mcp: %(message)s")
    try:
        settings = Settings(os.environ)
    except SettingRefused as refused:
        sys.stderr.write(f"vasya-mcp: {refused}\n")
        sys.exit(_EX_CONFIG)
    try:
        anyio.run(serve, settings)
    except KeyboardInterrupt:
        sys.exit(130)


def _version() -> str:
    try:
        return version("vasya")
    except PackageNotFoundError:
        return "0"
