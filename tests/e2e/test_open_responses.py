"""A download that is open when its key ends: over real HTTP, from the installed server."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.processes import API_ID, DEADLINE_SECS, MASTER_KEY, start
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.model import World
from vasya_sandbox.records import FileMedia

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_sandbox.records import User

TOKEN = "vl_" + "3c9a71e5" * 8
SIZE_BYTES = 8 * 1024 * 1024
ENDS_WITHIN_SECS = 2.0


@dataclass
class Telegram:
    dc: DataCentre
    alice: User


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    world = World()
    alice = world.add_user("Alice", None, "alice_a", phone="99966210001")
    bob = world.add_user("Bob", None, "bob_b", phone="99966210002")
    file = world.add_file("document", "application/pdf", data=bytes(SIZE_BYTES), name="deck.pdf")
    world.post(bob, alice, media=FileMedia(file.id))
    dc = DataCentre(world)
    await dc.start()
    # Every piece takes its time, so that the download is open for longer than this test.
    dc.faults.add(Fault(action=Action.DELAY, request="upload.GetFile", times=999, secs=1.0))
    yield Telegram(dc, alice)
    await dc.stop()


@pytest.fixture
async def human(telegram: Telegram, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    dc = telegram.dc
    pem = tmp_path / "dc.pem"
    pem.write_text(dc.rsa_key.public_pem)
    process = start(
        tmp_path,
        *("vasya-server", "serve", "--data-dir", str(tmp_path / "data"), "--port", "0"),
        settings={
            "SESSION_MASTER_KEY": MASTER_KEY,
            "VASYA_LOCAL_TOKEN": TOKEN,
            "VASYA_TELEGRAM_DC": f"{dc.dc_id}@127.0.0.1:{dc.address[1]}",
            "VASYA_PACING": "off",
            "VASYA_TELEGRAM_DC_KEY": str(pem),
            "TELEGRAM_API_ID": API_ID,
            "TELEGRAM_API_HASH": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        },
    )
    url = await asyncio.to_thread(process.line, "LISTENING ")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers=headers, timeout=DEADLINE_SECS
    ) as client:
        body = {"session": dc.mint(telegram.alice)}
        imported = await client.post("/telegram/login/session", json=body)
        assert imported.status_code == 200, imported.text
        yield client
    await asyncio.to_thread(process.stop)


REVOKE = "revoked"
NARROW = "narrowed"
LOCKDOWN = "lockdown"


@pytest.mark.parametrize("how", [REVOKE, NARROW, LOCKDOWN])
async def test_what_is_open_for_a_key_ends_with_it(human: httpx.AsyncClient, how: str) -> None:
    body = {"name": "reader", "scopes": ["messages:read", "chats:read"]}
    key = (await human.post("/agent-keys", json=body)).json()
    chat = (await human.get("/accounts/me/chats")).json()["items"][0]
    path = f"/accounts/me/chats/{chat['id']}/messages/{chat['lastMessage']['id']}/media"
    headers = {"Authorization": f"Bearer {key['secret']}"}

    async with human.stream("GET", path, headers=headers) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces)
        ended_at = time.monotonic()
        await end(human, key["id"], how)
        with pytest.raises(httpx.RemoteProtocolError):
            _ = [piece async for piece in pieces]
        took_secs = time.monotonic() - ended_at

    assert took_secs < ENDS_WITHIN_SECS
    again = await human.get(path, headers=headers)
    assert again.status_code == (403 if how == NARROW else 401)


async def test_a_slow_reader_is_given_little_of_what_comes_after_its_key(
    human: httpx.AsyncClient, telegram: Telegram
) -> None:
    telegram.dc.faults.clear()
    body = {"name": "reader", "scopes": ["messages:read", "chats:read"]}
    key = (await human.post("/agent-keys", json=body)).json()
    chat = (await human.get("/accounts/me/chats")).json()["items"][0]
    path = f"/api/v1/accounts/me/chats/{chat['id']}/messages/{chat['lastMessage']['id']}/media"
    url = human.base_url
    head = f"GET {path} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n"
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        slow.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (url.host, url.port))
        await loop.sock_sendall(
            slow, f"{head}Authorization: Bearer {key['secret']}\r\n\r\n".encode()
        )
        got_bytes = len(await loop.sock_recv(slow, 1024))
        # The server goes on until nothing more goes into the connection.
        await asyncio.sleep(1)
        await end(human, key["id"], REVOKE)
        while piece := await loop.sock_recv(slow, 64 * 1024):
            got_bytes += len(piece)

    assert got_bytes < SIZE_BYTES / 4


async def end(human: httpx.AsyncClient, key_id: str, how: str) -> None:
    if how == REVOKE:
        done = await human.delete(f"/agent-keys/{key_id}")
    elif how == NARROW:
        done = await human.patch(f"/agent-keys/{key_id}", json={"scopes": ["chats:read"]})
    else:
        done = await human.post("/lockdown")
    assert done.is_success, done.text
