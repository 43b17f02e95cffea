"""`vasya-server lockdown`: the emergency brake, for a terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from vasya_server.cli.api_client import open_api
from vasya_server.cli.standard_files import answer, say
from vasya_server.model.settings import Lockdown

if TYPE_CHECKING:
    import argparse


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Close the send gate and revoke every agent key; return the exit code."""
    done = asyncio.run(_lock_down(flags))
    if arguments.json:
        answer(msgspec.json.encode(done).decode())
        return 0
    keys = "every agent key" if done.keys_revoked is None else f"{done.keys_revoked} agent keys"
    verb = "is" if done.keys_revoked is None else "are"
    answer(f"Locked down: nothing is sent any more, and {keys} {verb} revoked.")
    say("To send again: vasya-server settings set send-gate=on. Revoked keys do not come back.")
    return 0


async def _lock_down(flags: dict[str, str | None]) -> Lockdown:
    async with open_api(flags) as api:
        return await api.post("/lockdown", None, Lockdown)
