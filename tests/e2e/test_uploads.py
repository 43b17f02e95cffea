"""Large files over TCP: their content is in no memory and on no disk, and what is broken off is gone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import Host, SandboxControl, import_account
from vasya_sandbox.client import open_client, trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.processes import Api

MEBIBYTE = 1024 * 1024
SIZE_MIB = 256
# Every piece is another one, so that none can stand for its neighbour.
PIECES = [bytes([number]) * 7 + b"%09d" % number for number in range(SIZE_MIB)]


def content() -> Iterator[bytes]:
    for piece in PIECES:
        yield piece * (MEBIBYTE // 16)


@pytest.fixture
def host(tmp_path: Path, sandbox: SandboxControl) -> Iterator[Host]:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    import_account(data_dir, sandbox, sandbox.users[0])
    host = Host(tmp_path, data_dir, sandbox)
    yield host
    host.stop()


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class Highest:
    """The most memory that a process has held while the block ran."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.mib = resident_mib(pid)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.mib = max(self.mib, resident_mib(self._pid))


def post(api: Api, path: str, pieces: Iterator[bytes], headers: dict[str, str]) -> tuple[int, Any]:
    netloc = urlsplit(api.url).netloc
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=120)) as connection:
        authorized = {"Authorization": f"Bearer {api.token}", **headers}
        connection.request(
            "POST", path, pieces, authorized, encode_chunked="Transfer-Encoding" in headers
        )
        with connection.getresponse() as answer:
            return answer.status, json.loads(answer.read())


def upload(api: Api, pieces: Iterator[bytes], size_bytes: int) -> tuple[int, Any]:
    headers = {
        "Content-Disposition": 'attachment; filename="large.bin"',
        "Content-Length": str(size_bytes),
    }
    return post(api, "/api/v1/accounts/me/uploads", pieces, headers)


async def hash_of_newest(sandbox: SandboxControl) -> str:
    """Return what the newest file in Saved Messages hashes to, as an unmodified client downloads it."""
    trust(Path(sandbox.info["publicKey"]).read_text())
    name, _, port = sandbox.info["address"].rpartition(":")
    client = open_client((name, int(port)), sandbox.users[0]["session"], receive_updates=False)
    await client.connect()
    digest = hashlib.sha256()
    (message,) = await client.get_messages("me", limit=1)
    async for piece in client.iter_download(message.document, request_size=MEBIBYTE // 2):
        digest.update(piece)
    await client.disconnect()
    return digest.hexdigest()


@pytest.mark.long
@pytest.mark.timeout(240)  # a quarter of a gigabyte goes up and comes down
def test_a_large_upload_arrives_whole_and_is_nowhere_in_the_gateway(
    host: Host, sandbox: SandboxControl
) -> None:
    api = host.serve()
    assert host.process is not None
    api.call("POST", "/accounts/me/connect")
    before = resident_mib(host.process.pid)

    with Highest(host.process.pid) as highest:
        status, made = upload(api, content(), SIZE_MIB * MEBIBYTE)
        stored = sum(file.stat().st_size for file in host.data_dir.rglob("*") if file.is_file())

    assert (status, made["sizeBytes"]) == (201, SIZE_MIB * MEBIBYTE)
    assert highest.mib - before < 50
    assert stored < 8 * MEBIBYTE
    status, _ = api.call("POST", "/accounts/me/chats/me/messages", {"media": [made["uploadId"]]})
    digest = hashlib.sha256()
    for piece in content():
        digest.update(piece)
    assert status == 201
    assert asyncio.run(hash_of_newest(sandbox)) == digest.hexdigest()


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_form_with_large_files_takes_no_memory_either(host: Host) -> None:
    api = host.serve()
    assert host.process is not None
    api.call("POST", "/accounts/me/connect")
    before = resident_mib(host.process.pid)
    head = 'Content-Disposition: form-data; name="file"; filename="{}.bin"\r\n\r\n'

    def form() -> Iterator[bytes]:
        for number in range(2):
            yield b"--limit\r\n" + head.format(number).encode()
            for piece in PIECES[:64]:
                yield piece * (MEBIBYTE // 16)
            yield b"\r\n"
        yield b"--limit--\r\n"

    with Highest(host.process.pid) as highest:
        status, sent = post(
            *(api, "/api/v1/accounts/me/chats/me/messages", form()),
            {"Content-Type": "multipart/form-data; boundary=limit", "Transfer-Encoding": "chunked"},
        )

    assert (status, len(sent["albumIds"])) == (201, 2)
    assert sent["media"]["sizeBytes"] == 64 * MEBIBYTE
    assert highest.mib - before < 50


@pytest.mark.long
def test_a_stop_waits_for_no_upload(host: Host) -> None:
    api = host.serve()
    is_half_way, answers = threading.Event(), list[int | str]()

    def half() -> Iterator[bytes]:
        yield b"x" * MEBIBYTE
        is_half_way.set()
        time.sleep(12)
        yield b"x" * MEBIBYTE

    def send() -> None:
        try:
            answers.append(upload(api, half(), 2 * MEBIBYTE)[0])
        except (ConnectionError, http.client.HTTPException):
            answers.append("closed")  # before the client had said all

    client = threading.Thread(target=send)
    client.start()
    assert is_half_way.wait(10)
    begun = time.monotonic()
    assert host.process is not None
    assert host.process.stop() == 0
    assert time.monotonic() - begun < 10
    host.process = None
    client.join()
    assert answers in ([503], ["closed"])
