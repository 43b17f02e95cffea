"""A large file through the installed server: byte for byte, resumed where it broke off, and never in its memory."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.processes import API_HASH, API_ID, DEADLINE_SECS, MASTER_KEY, start
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.model import World
from vasya_sandbox.records import FileMedia

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "vl_" + "4d8b60f2" * 8
MIB = 1024 * 1024
SIZE_BYTES = 192 * MIB
BREAKS_OFF_AT = 70 * MIB + 12_345
GROWS_BY_LESS_THAN_KB = 50_000


class Generated:
    """A file that lies nowhere: every piece of it says where in the file it is."""

    def __len__(self) -> int:
        return SIZE_BYTES

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(SIZE_BYTES)
        first, last = start // 8, -(-stop // 8)
        data = b"".join(n.to_bytes(8, "big") for n in range(first, last))
        return data[start - first * 8 : stop - first * 8]

    @property
    def digest(self) -> bytes:
        """The SHA-256 of all of it."""
        whole = hashlib.sha256()
        for begin in range(0, SIZE_BYTES, MIB):
            piece = self[begin : begin + MIB]
            whole.update(piece)
        return whole.digest()


@dataclass
class Served:
    human: httpx.AsyncClient
    pid: int
    path: str

    @property
    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    world = World()
    alice = world.add_user("Alice", None, "alice_a", phone="99966210001")
    bob = world.add_user("Bob", None, "bob_b", phone="99966210002")
    file = world.add_file("document", "application/pdf", name="film.pdf")
    content: Any = Generated()
    world.stored[file.id] = content
    message_id = world.post(bob, alice, media=FileMedia(file.id)).message.copies[alice.id]
    dc = DataCentre(world)
    await dc.start()
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
            "TELEGRAM_API_HASH": API_HASH,
        },
    )
    url = await asyncio.to_thread(process.line, "LISTENING ")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers=headers, timeout=DEADLINE_SECS
    ) as human:
        body = {"session": dc.mint(alice)}
        imported = await human.post("/telegram/login/session", json=body)
        assert imported.status_code == 200, imported.text
        path = f"/accounts/me/chats/{bob.id}/messages/{message_id}/media"
        yield Served(human, process.pid, path)
    await asyncio.to_thread(process.stop)
    await dc.stop()


@pytest.mark.long
async def test_a_large_file_passes_through_and_goes_on_where_it_broke_off(served: Served) -> None:
    await served.human.get(served.path, headers={"Range": "bytes=0-0"})
    before_kb = highest_kb = served.resident_kb
    came = hashlib.sha256()
    got = 0
    async with served.human.stream("GET", served.path) as response:
        tag = response.headers["etag"]
        assert int(response.headers["content-length"]) == SIZE_BYTES
        async for piece in response.aiter_raw():
            kept = piece[: BREAKS_OFF_AT - got]
            came.update(kept)
            got += len(kept)
            if got == BREAKS_OFF_AT:
                break
            highest_kb = max(highest_kb, served.resident_kb)

    rest = {"Range": f"bytes={got}-", "If-Range": tag}
    async with served.human.stream("GET", served.path, headers=rest) as response:
        assert response.status_code == 206
        async for piece in response.aiter_raw():
            came.update(piece)
            got += len(piece)
            highest_kb = max(highest_kb, served.resident_kb)

    assert got == SIZE_BYTES
    assert came.digest() == Generated().digest
    assert highest_kb - before_kb < GROWS_BY_LESS_THAN_KB
