"""What files cost: bytes a second through the gateway against raw Telethon, in turn, and the memory that they take."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from telethon import functions, types

from vasya_sandbox.client import SandboxClient, open_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from benchmarks.processes import Running

# As media are: nothing in it can be compressed.
PIECE = os.urandom(1 << 20)
_TWICE = PIECE * 2
SAMPLE_SECS = 0.05


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """The gateway and the data centre that files go through."""

    server: Running
    url: str
    token: str
    info: dict[str, Any]

    @contextlib.asynccontextmanager
    async def telethon(self) -> AsyncIterator[SandboxClient]:
        """Yield a connected client of the account's owner."""
        host, _, port = self.info["address"].rpartition(":")
        session = self.info["users"][0]["session"]
        client = open_client((host, int(port)), session, receive_updates=False)
        await client.connect()
        yield client
        await client.disconnect()


class Source(io.RawIOBase):
    """A file of *size_bytes* that is nowhere: one piece, again and again, however much is read at once."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of it."""
        taken = min(self._left, len(PIECE) if size < 0 else size)
        start = self._at % len(PIECE)
        self._left -= taken
        self._at += taken
        return _TWICE[start : start + taken]


async def measured(
    place: MediaPlace, size_bytes: int, move: Callable[[], Awaitable[None]]
) -> tuple[float, float]:
    """Move a file; return MB a second, and how many MB of memory the gateway held at most beside what it holds anyway."""
    before_kb = highest_kb = place.server.resident_kb
    begun = time.perf_counter()
    moving = asyncio.ensure_future(move())
    while not moving.done():
        await asyncio.wait({moving}, timeout=SAMPLE_SECS)
        highest_kb = max(highest_kb, place.server.resident_kb)
    moving.result()
    return size_bytes / 1e6 / (time.perf_counter() - begun), (highest_kb - before_kb) / 1000


async def compare(
    name: str,
    place: MediaPlace,
    size_bytes: int,
    rounds: int,
    *,
    ours: Callable[[], Awaitable[None]],
    theirs: Callable[[], Awaitable[None]],
) -> None:
    """Move files both ways in turn, and print the ratio of the medians."""
    mine, others, held = [], [], []
    for _ in range(rounds):
        others.append((await measured(place, size_bytes, theirs))[0])
        per_sec, memory_mb = await measured(place, size_bytes, ours)
        mine.append(per_sec)
        held.append(memory_mb)
    a, b = statistics.median(mine), statistics.median(others)
    print(
        f"| {name} of {size_bytes / 1e6:,.0f} MB / raw Telethon | {a:,.0f} MB/s | {b:,.0f} MB/s | {a / b:.2f} "
        f"| +{max(held):,.0f} MB of memory |",
        flush=True,
    )


async def upload(place: MediaPlace, *, size_bytes: int, rounds: int) -> None:
    """Measure files on their way up."""
    await asyncio.to_thread(_upload, place, len(PIECE))  # what is made once is made
    async with place.telethon() as client:
        await compare(
            *("upload", place, size_bytes, rounds),
            ours=lambda: asyncio.to_thread(_upload, place, size_bytes),
            theirs=lambda: _upload_by_telethon(client, size_bytes),
        )


def _upload(place: MediaPlace, size_bytes: int) -> None:
    target = urlsplit(place.url)
    lines = [
        "POST /api/v1/accounts/me/uploads HTTP/1.1",
        f"Host: {target.netloc}",
        f"Authorization: Bearer {place.token}",
        'Content-Disposition: attachment; filename="large.bin"',
        f"Content-Length: {size_bytes}",
        "Connection: close",
    ]
    with socket.create_connection((target.hostname or "", target.port or 0)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        source = Source(size_bytes)
        while piece := source.read():
            connection.sendall(piece)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201"), answer
    assert json.loads(body)["sizeBytes"] == size_bytes


async def _upload_by_telethon(client: SandboxClient, size_bytes: int) -> None:
    file = await client.upload_file(
        Source(size_bytes), file_size=size_bytes, file_name="large.bin", part_size_kb=512
    )
    media = types.InputMediaUploadedDocument(file, "application/octet-stream", [])
    made = await client(functions.messages.UploadMediaRequest(types.InputPeerSelf(), media))
    assert made.document.size == size_bytes


async def download(place: MediaPlace, *, size_bytes: int, rounds: int) -> None:
    """Measure a file on its way down, and see that it comes as it is, in parts too."""
    async with place.telethon() as client:
        file = await client.upload_file(
            Source(size_bytes), file_size=size_bytes, file_name="large.bin", part_size_kb=512
        )
        message = await client.send_file("me", file, force_document=True)
        path = f"/api/v1/accounts/me/chats/me/messages/{message.id}/media"
        await asyncio.to_thread(_download, place, path, 0, size_bytes)
        half = size_bytes // 2 + 1
        await asyncio.to_thread(_download, place, path, half, size_bytes)
        await compare(
            *("download", place, size_bytes, rounds),
            ours=lambda: asyncio.to_thread(_download, place, path, 0, size_bytes),
            theirs=lambda: _download_by_telethon(client, message.document, size_bytes),
        )


def _download(place: MediaPlace, path: str, start: int, size_bytes: int) -> None:
    """Fetch a file from *start* on, and compare every byte of it."""
    target = urlsplit(place.url)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {target.netloc}",
        f"Authorization: Bearer {place.token}",
        *([f"Range: bytes={start}-"] if start else []),
        "Connection: close",
    ]
    with socket.create_connection((target.hostname or "", target.port or 0)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        stream = connection.makefile("rb", buffering=256 * 1024)
        status = stream.readline()
        assert status.split()[1] == (b"206" if start else b"200"), status
        while stream.readline() != b"\r\n":
            pass
        at = start
        while piece := stream.read(len(PIECE) - at % len(PIECE)):
            assert piece == memoryview(PIECE)[at % len(PIECE) :][: len(piece)]
            at += len(piece)
    assert at == size_bytes


async def _download_by_telethon(client: SandboxClient, document: Any, size_bytes: int) -> None:
    came = 0
    async for piece in client.iter_download(document, request_size=512 * 1024):
        came += len(piece)
    assert came == size_bytes


async def bench_media(
    server: Running, ready: dict[str, Any], *, size_bytes: int, rounds: int
) -> None:
    """Measure everything that this module measures."""
    info = json.loads(Path(ready["sandbox"]).read_text())
    place = MediaPlace(server, ready["url"], ready["token"], info)
    await upload(place, size_bytes=size_bytes, rounds=rounds)
    await download(place, size_bytes=size_bytes, rounds=rounds)
