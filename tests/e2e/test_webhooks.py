"""A server that is killed again and again while events come and a receiver fails: each is posted, in order."""

from __future__ import annotations

import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    DEADLINE_SECS,
    MASTER_KEY,
    Api,
    Json,
    Process,
    SandboxControl,
    run,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAILING = 5  # every fifth post


class Receiver(ThreadingHTTPServer):
    """Takes posts and fails some of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts = 0
        self.taken: list[tuple[str, Json]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Answers one post."""

    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        receiver.posts += 1
        if receiver.posts % FAILING == 0:
            self.send_error(500)
            return
        receiver.taken.append((self.headers["webhook-id"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.shutdown()
    receiver.server_close()


def serve(folder: Path, sandbox: SandboxControl) -> tuple[Process, Api]:
    data_dir = folder / "data"
    process = start(
        folder,
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={
            "SESSION_MASTER_KEY": MASTER_KEY,
            "VASYA_OUTBOUND_LOOPBACK": "on",
            "VASYA_WEBHOOK_RETRY_SECS": "0.05",
            "VASYA_WEBHOOK_PAUSE_SECS": "0.1",
            **sandbox.settings(),
        },
    )
    process.line("LISTENING ")
    told = json.loads((data_dir / "embedded.json").read_text())
    return process, Api(told["url"], told["token"])


def until(is_so: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + DEADLINE_SECS
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_server_that_is_killed_again_and_again_posts_everything_in_order(
    tmp_path: Path, sandbox: SandboxControl, receiver: Receiver
) -> None:
    alice, bob = sandbox.users[0], sandbox.users[1]
    imported = run(
        *("vasya-server", "accounts", "import", "--data-dir", str(tmp_path / "data")),
        stdin=alice["session"] + "\n",
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    assert imported.returncode == 0, imported.stderr
    process, api = serve(tmp_path, sandbox)
    body = {
        "url": f"http://127.0.0.1:{receiver.server_port}/",
        "types": ["message.new"],
        "chats": [bob["id"]],
    }
    status, made = api.call("POST", "/webhooks", body)
    assert status == 201, made
    said: list[int] = []

    def say() -> int:
        body = {"from": bob["id"], "to": alice["id"], "text": "tick"}
        said.append(sandbox.ask("POST", "/send", body)["ids"][str(alice["id"])])
        return said[-1]

    # Until the account is connected for the first time, nobody hears what is said.
    until(lambda: say() and receiver.taken)
    first_heard = receiver.taken[0][1]["data"]["messageId"]
    for round_ in range(3):
        for _ in range(25):
            say()
        time.sleep(0.15 * (round_ + 1))
        process.stop(signal.SIGKILL)
        process, api = serve(tmp_path, sandbox)
    heard = said[said.index(first_heard) :]
    until(lambda: len({id_ for id_, _ in receiver.taken}) >= len(heard))
    process.stop()

    first: dict[str, int] = {}
    for id_, event in receiver.taken:
        first.setdefault(id_, event["data"]["messageId"])
    assert list(first.values()) == heard
    assert len(heard) > 75
    assert receiver.posts > len(heard)
