"""`vasya-server login --qr`, with the phone that scans the code played by an unmodified Telethon client."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from telethon.tl.functions.auth import AcceptLoginTokenRequest

from tests.e2e.processes import (
    API_HASH,
    API_ID,
    DEADLINE_SECS,
    MASTER_KEY,
    SCRIPTS,
    environment,
    run,
)
from vasya_sandbox.client import open_client, trust
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.model import World

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Screen:
    """The command, waiting with a code on the screen, and the Telegram it talks to."""

    process: Process
    dc: DataCentre
    where: tuple[str, str]
    settings: dict[str, str]

    async def token(self) -> bytes:
        """Return what the code on the screen says."""
        async with asyncio.timeout(DEADLINE_SECS):
            while not self.dc.world.qr_tokens:
                await asyncio.sleep(0.02)
        return next(iter(self.dc.world.qr_tokens))

    async def end(self) -> tuple[int, str, str]:
        async with asyncio.timeout(DEADLINE_SECS):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
async def screen(tmp_path: Path) -> AsyncIterator[Screen]:
    world = World()
    world.add_user("Ada", phone="15550100", password="open sesame")
    dc = DataCentre(world)
    await dc.start()
    pem = tmp_path / "key.pem"
    pem.write_text(dc.rsa_key.public_pem)
    settings = {
        "SESSION_MASTER_KEY": MASTER_KEY,
        "VASYA_TELEGRAM_DC": f"2@127.0.0.1:{dc.address[1]}",
        "VASYA_TELEGRAM_DC_KEY": str(pem),
        "TELEGRAM_API_ID": API_ID,
        "TELEGRAM_API_HASH": API_HASH,
    }
    where = ("--data-dir", str(tmp_path / "data"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(SCRIPTS / "vasya-server", "login", "--qr", *where),
        env=environment(settings),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )
    yield Screen(process, dc, where, settings)
    if process.returncode is None:
        process.kill()
        await process.communicate()
    await dc.stop()


async def scan(screen: Screen) -> None:
    """Accept the code on a phone that is logged in."""
    trust(screen.dc.rsa_key.public_pem)
    (user,) = screen.dc.world.users.values()
    phone = open_client(screen.dc.address, screen.dc.mint(user))
    await phone.connect()
    await phone(AcceptLoginTokenRequest(await screen.token()))
    await phone.disconnect()


async def test_a_scanned_code_and_the_password_log_in(screen: Screen) -> None:
    await scan(screen)
    assert screen.process.stdin is not None
    screen.process.stdin.write(b"open sesame\n")
    code, out, err = await screen.end()
    assert (code, out[:4], len(out)) == (0, "acc_", 31)
    assert "▄" in err
    assert "Logged in as Ada" in err


async def test_giving_up_leaves_no_account(screen: Screen) -> None:
    await screen.token()
    screen.process.send_signal(signal.SIGINT)
    code, out, err = await screen.end()
    listed = await asyncio.to_thread(
        run, "vasya-server", "accounts", "list", *screen.where, "--json", settings=screen.settings
    )
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert listed.stdout == '{"items":[]}\n'
