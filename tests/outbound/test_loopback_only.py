"""What the interpreter itself sees of a process that is given every kind of URL: no connection but to loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.outbound.servers import OK, saying, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.settings import Settings

ROOT = Path(__file__).parents[2]
# Audit events are raised where the interpreter calls the system: nothing above them can hide a connection.
# Source: https://docs.python.org/3/library/audit_events.html
_INSIDE = """
import asyncio, json, os, sys

asked, dialled = [], []

def heard(event, args):
    if event == "socket.getaddrinfo":
        asked.append(args[0])
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        dialled.append(args[1][0])

sys.addaudithook(heard)

from vasya_server.outbound import Outbound, OutboundFailed, OutboundRefused
from vasya_server.settings import load

async def main():
    outbound = Outbound(load(os.environ))
    said = {}
    for url in sys.argv[1:]:
        try:
            said[url] = (await outbound.post(url, b"{}", {}, deadline_secs=5)).status
        except (OutboundFailed, OutboundRefused) as error:
            said[url] = error.reason
    print(json.dumps({"said": said, "asked": asked, "dialled": dialled}))

asyncio.run(main())
"""


async def test_nothing_but_loopback_is_dialled(
    sandboxed: dict[str, str], on_loopback: Callable[..., Settings]
) -> None:
    names = {
        "good.example": "127.0.0.1",
        "private.example": "10.0.0.1",
        "metadata.example": "169.254.169.254",
        "mapped.example": "::ffff:10.0.0.1",
        "mixed.example": "127.0.0.1,mixed.example=10.0.0.1",
    }
    hosts = ",".join(f"{name}={address}" for name, address in names.items())
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(OK)) as good, serving(saying(moved)) as moving:
        expected = {
            f"http://good.example:{good.port}/": 200,
            f"http://127.0.0.1:{moving.port}/": 307,
            "https://private.example/": "private_address",
            "https://metadata.example/": "private_address",
            "https://mapped.example/": "private_address",
            f"http://mixed.example:{good.port}/": "private_address",
            "http://169.254.169.254/": "ip_literal",
            "https://2852039166/": "ip_literal",
        }
        proxy = "http://192.0.2.1:3128"
        environ = sandboxed | {
            "VASYA_OUTBOUND_LOOPBACK": "on",
            "VASYA_OUTBOUND_HOSTS": hosts,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), proxy),
        }
        said = await asked_inside(environ, list(expected))

    assert said["said"] == expected
    assert set(said["asked"]) == {"127.0.0.1"}
    assert said["dialled"] == ["127.0.0.1", "127.0.0.1"]


async def asked_inside(environ: dict[str, str], urls: list[str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _INSIDE, *urls),
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error
    said: dict[str, Any] = json.loads(out)
    return said
