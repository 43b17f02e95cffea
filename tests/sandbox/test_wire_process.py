from __future__ import annotations

import asyncio
import json
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from telethon import events
from telethon.sessions import StringSession

from tests.sandbox.control_client import Http
from vasya_sandbox import state
from vasya_sandbox.client import SandboxClient, open_client, trust
from vasya_sandbox.model import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]


class Sandbox:
    """The sandbox as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.info_file = folder / "info.json"
        self.process: asyncio.subprocess.Process | None = None
        self.line = ""
        self.info: dict[str, Any] = {}

    async def start(self, *arguments: str, world: str = "empty") -> None:
        self.process = await spawn(
            "--world", world, "--state", str(self.state), "--info", str(self.info_file), *arguments
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            self.line = (await self.process.stdout.readline()).decode()
        assert self.line.startswith("LISTENING "), (await self.process.communicate())[1].decode()
        self.info = json.loads(self.info_file.read_text())
        trust(Path(self.info["publicKey"]).read_text())

    async def end(self, *, kill: bool = False) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            (self.process.kill if kill else self.process.terminate)()
        await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.info["address"].rpartition(":")
        return host, int(port)

    def client(self, user: int, **options: Any) -> SandboxClient:
        return open_client(self.address, self.info["users"][user]["session"], **options)


async def spawn(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vasya_sandbox",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome(*arguments: str) -> tuple[int | None, str]:
    process = await spawn(*arguments)
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    started = Sandbox(tmp_path)
    world = World()
    world.add_user("Alice", username="alice")
    world.add_user("Bob", "Builder", username="bobby", password="secret")
    started.state.write_bytes(state.dump(world, []))
    yield started
    if started.process is not None:
        await started.end(kill=True)


async def until_kept(sandbox: Sandbox, text: str) -> None:
    """Wait for what a kill would otherwise lose; the promise is a second."""
    for _ in range(20):
        if text.encode() in sandbox.state.read_bytes():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{text!r} was not kept")


async def test_everything_comes_back_after_a_kill(sandbox: Sandbox) -> None:
    await sandbox.start()
    before = sandbox.info
    alice, bob = sandbox.client(0), sandbox.client(1)
    async with alice, bob:
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def on_message(event: Any) -> None:
            heard.put_nowait(event.raw_text)

        bob.add_event_handler(on_message, events.NewMessage())
        await alice.send_message("bobby", "before the kill")
        await until_kept(sandbox, "before the kill")
        await sandbox.end(kill=True)
        await sandbox.start("--port", str(sandbox.address[1]))
        assert sandbox.info["users"] == before["users"]
        await alice.send_message("bobby", "after the kill")
        async with asyncio.timeout(10):
            assert [await heard.get() for _ in range(2)] == ["before the kill", "after the kill"]
        texts = [message.message async for message in bob.iter_messages("alice")]
        assert texts == ["after the kill", "before the kill"]


async def test_a_kill_amid_traffic_costs_less_than_the_last_second(sandbox: Sandbox) -> None:
    await sandbox.start()
    control = Http(sandbox.info["control"])
    order = {"from": "bobby", "to": "alice", "text": "n", "perSecond": 1_000, "seconds": 30}
    assert (await control("POST", "/traffic", order))[0] == 202
    await asyncio.sleep(1)
    _, before = await control("GET", "/traffic/1")
    await until_kept(sandbox, f"n {before['sent']}")
    await sandbox.end(kill=True)
    world, _ = state.load(sandbox.state.read_bytes())
    texts = [message.text for message in world.messages.values()]
    assert len(texts) >= before["sent"] > 0
    assert texts == [f"n {n}" for n in range(1, len(texts) + 1)]
    assert [user.box.pts for user in world.users.values()] == [len(texts) + 1] * 2


async def test_a_key_exchanged_before_a_kill_is_still_known(sandbox: Sandbox) -> None:
    await sandbox.start()
    client = open_client(sandbox.address, StringSession())
    async with asyncio.timeout(20):
        await client.connect()
        await client.send_code_request(sandbox.info["users"][0]["phone"])
        await client.sign_in(sandbox.info["users"][0]["phone"], sandbox.info["users"][0]["code"])
        session = client.session.save()
        await client.disconnect()
        await asyncio.sleep(1)
        await sandbox.end(kill=True)
        await sandbox.start()
        again = open_client(sandbox.address, session)
        await again.connect()
        assert (await again.get_me()).username == "alice"
        await again.disconnect()


async def test_a_clean_end_keeps_the_last_change(sandbox: Sandbox) -> None:
    await sandbox.start()
    async with sandbox.client(0) as alice:
        await alice.send_message("me", "the last word")
    assert await sandbox.end() == 0
    world, _ = state.load(sandbox.state.read_bytes())
    assert [message.text for message in world.messages.values()] == ["the last word"]


async def test_a_logged_out_minted_session_is_replaced(sandbox: Sandbox) -> None:
    await sandbox.start()
    before = sandbox.info["users"][0]["session"]
    alice = sandbox.client(0)
    await alice.connect()
    assert await alice.log_out()
    await sandbox.end()
    await sandbox.start("--port", str(sandbox.address[1]))
    assert sandbox.info["users"][0]["session"] != before
    async with sandbox.client(0) as again:
        assert (await again.get_me()).username == "alice"


async def test_the_info_file_tells_a_client_all_it_needs(sandbox: Sandbox) -> None:
    await sandbox.start()
    info = sandbox.info
    assert sandbox.line == f"LISTENING {info['address']} control {info['control']}\n"
    assert info["dcId"] == 2
    bob = {name: value for name, value in info["users"][1].items() if name != "session"}
    assert bob == {
        "id": 6_100_000_002,
        "name": "Bob Builder",
        "username": "bobby",
        "phone": "+9996621001",
        "code": "12345",
        "password": "secret",
    }


async def test_what_the_sandbox_writes_is_private(sandbox: Sandbox) -> None:
    await sandbox.start()
    folder = sandbox.info_file.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"state": 0o600, "info.json": 0o600, "info.pem": 0o600}


async def test_the_demo_world_is_the_default(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    await sandbox.start(world="demo")
    async with sandbox.client(0) as owner:
        assert len(await owner.get_dialogs()) >= 20
    assert await sandbox.end() == 0


async def test_a_taken_port_is_said_to_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, errors = await outcome("--world", "empty", "--port", port)
        assert (status, errors) == (
            75,
            f"vasya-sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n",
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "10.0.0.1"], "10.0.0.1 is not a loopback address"),
        (["--host", "example.org"], "example.org is not a loopback address"),
        (["--port", "65536"], "65536 is not a port"),
        (["--world", "wide"], "invalid choice: 'wide'"),
    ],
)
async def test_wrong_arguments_are_refused(arguments: list[str], message: str) -> None:
    status, errors = await outcome(*arguments)
    assert status == 2
    assert message in errors


@pytest.mark.parametrize("content", [b"", b"not a state", b"vasya-sandbox 1\nnonsense"])
async def test_a_state_that_cannot_be_read_is_left_alone(tmp_path: Path, content: bytes) -> None:
    kept = tmp_path / "state"
    kept.write_bytes(content)
    status, errors = await outcome("--state", str(kept))
    assert status == 78
    assert errors.startswith(f"vasya-sandbox: cannot read the state in {kept}: ")
    assert kept.read_bytes() == content


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "info.json"
    status, errors = await outcome("--world", "empty", "--info", str(missing))
    assert status == 73
    assert "No such file or directory" in errors
