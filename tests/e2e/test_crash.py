"""The installed server is killed at every point of a change; the data centre and the audit log are the witnesses.

Whatever the point: after a restart and the client's repetition with the same key every part stands exactly once, the
client has its ids, and the log verifies with one intent and one outcome.
"""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import (
    MASTER_KEY,
    Api,
    Host,
    Json,
    SandboxControl,
    exchange,
    import_account,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

POINTS = [
    "before_w1",
    "inside_w1",
    "after_w1",
    "during_call",
    "before_w2",
    "inside_w2",
    "before_answer",
]
# Behind the second durable write the answer is there, and is repeated.
ANSWERED = {"inside_w2", "before_answer"}
DEADLINE_SECS = 20.0
# The service account, which sends login codes.
TELEGRAM = 777000


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxControl) -> Path:
    """A data dir with the sandbox's first user in it."""
    path = tmp_path_factory.mktemp("crash") / "data"
    import_account(path, sandbox, sandbox.users[0])
    return path


@pytest.fixture
def host(tmp_path: Path, data_dir: Path, sandbox: SandboxControl) -> Iterator[Host]:
    host = Host(tmp_path, data_dir, sandbox)
    yield host
    host.stop(signal.SIGKILL)


class Request:
    """One request with one key, sent as often as a test likes."""

    def __init__(self, path: str, body: Json, key: str, method: str = "POST") -> None:
        self.path, self.body, self.key, self.method = path, body, key, method

    def send(self, api: Api) -> tuple[int, Json]:
        headers = {
            "Authorization": f"Bearer {api.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": self.key,
        }
        return exchange(self.method, f"{api.url}/api/v1{self.path}", self.body, headers)

    def send_in_vain(self, api: Api) -> threading.Thread:
        """Send it to a server that will not live to answer."""

        def send() -> None:
            with pytest.raises((OSError, EOFError)):
                self.send(api)

        thread = threading.Thread(target=send)
        thread.start()
        return thread


class KeyRequest(Request):
    """A request of an agent key."""

    def __init__(self, path: str, body: Json, key: str, secret: str) -> None:
        super().__init__(path, body, key)
        self.secret = secret

    def send(self, api: Api) -> tuple[int, Json]:
        return super().send(Api(api.url, self.secret))


def audited(data_dir: Path, action_id: str) -> list[str]:
    """Return the kinds of the log's lines about an action, in their order."""
    lines = (data_dir / "audit.log").read_bytes().splitlines()
    return [line["kind"] for line in map(json.loads, lines) if line.get("op") == action_id]


def verify(data_dir: Path) -> None:
    done = run(
        *("vasya-server", "audit", "verify", "--data-dir", str(data_dir)),
        settings={"SESSION_MASTER_KEY": MASTER_KEY},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def action_of(data_dir: Path, act: str) -> str:
    """Return the id of the last action of that kind in the log."""
    lines = (data_dir / "audit.log").read_bytes().splitlines()
    found = [line["op"] for line in map(json.loads, lines) if line["act"] == act]
    return str(found[-1])


def crash_and_repeat(host: Host, point: str, request: Request) -> tuple[Api, Json]:
    """Kill the server at *point* of the request, start it again, and repeat the request twice."""
    doomed = host.serve(point)
    thread = request.send_in_vain(doomed)
    host.kill_at(point)
    thread.join(DEADLINE_SECS)
    api = host.serve()
    status, answer = request.send(api)
    assert status in {200, 201}, answer
    again = request.send(api)
    assert again == (status, answer)
    return api, answer


def settled(host: Host, api: Api, point: str, act: str) -> None:
    """See that the log verifies and tells of one intent and one outcome, and the action of its end."""
    action_id = action_of(host.data_dir, act)
    assert api.get(f"/actions/{action_id}")["status"] == "done"
    expected = ["intent", "outcome", "replay"]
    if point in ANSWERED:
        expected.append("replay")
    assert audited(host.data_dir, action_id) == expected
    verify(host.data_dir)


def saved(sandbox: SandboxControl) -> list[dict[str, Json]]:
    """Return the newest Saved Messages, as the data centre has them."""
    me = sandbox.users[0]["id"]
    found: list[dict[str, Json]] = sandbox.ask("GET", f"/messages?user={me}&chat={me}&limit=60")[
        "messages"
    ]
    return found


def upload(api: Api, name: str) -> str:
    """Upload a small text file and return its uploadId."""
    headers = {
        "Authorization": f"Bearer {api.token}",
        "Content-Type": "text/plain",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    request = urllib.request.Request(  # noqa: S310 — loopback
        f"{api.url}/api/v1/accounts/me/uploads", name.encode(), headers, method="POST"
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_SECS) as answer:  # noqa: S310 — as above
        return str(json.loads(answer.read())["uploadId"])


def somebody_who_wrote(api: Api, count: int) -> tuple[str, list[int]]:
    """Return a person, and the last *count* texts that this person wrote."""
    for chat in api.get("/accounts/me/chats?type=user&limit=20")["items"]:
        page = api.get(f"/accounts/me/chats/{chat['id']}/messages?limit=100")["items"]
        texts = [
            m["id"] for m in page if m.get("text") and m.get("sender", {}).get("id") == chat["id"]
        ]
        if len(texts) >= count and chat["id"] != TELEGRAM:
            return str(chat["id"]), sorted(texts[:count])
    raise AssertionError("nobody wrote that much")


@pytest.mark.parametrize("point", POINTS)
def test_a_text_stands_once(host: Host, sandbox: SandboxControl, point: str) -> None:
    text = f"killed at {point}"
    request = Request(
        "/accounts/me/chats/me/messages", {"text": text, "format": "plain"}, f"text-{point}"
    )

    api, answer = crash_and_repeat(host, point, request)

    assert [m["id"] for m in saved(sandbox) if m["text"] == text] == [answer["id"]]
    settled(host, api, point, "message:send")


@pytest.mark.parametrize("point", POINTS)
def test_every_part_of_an_album_stands_once(
    host: Host, sandbox: SandboxControl, point: str
) -> None:
    caption = f"three, killed at {point}"
    before_the_crash = host.serve()
    uploads = [upload(before_the_crash, f"{point}-{n}.txt") for n in range(3)]
    before = {m["id"] for m in saved(sandbox)}
    request = Request(
        "/accounts/me/chats/me/messages", {"text": caption, "media": uploads}, f"album-{point}"
    )

    api, answer = crash_and_repeat(host, point, request)

    made = [m for m in saved(sandbox) if m["id"] not in before]
    assert sorted(m["id"] for m in made) == sorted(answer["albumIds"])
    assert len(made) == 3
    assert [m["text"] for m in made if m["text"]] == [caption]
    settled(host, api, point, "message:send")


@pytest.mark.parametrize("point", POINTS)
def test_every_piece_of_a_split_text_stands_once(
    host: Host, sandbox: SandboxControl, point: str
) -> None:
    pieces = [f"{point} {letter * 4000}" for letter in "abc"]
    body = {"text": "\n\n".join(pieces), "split": True, "format": "plain"}
    request = Request("/accounts/me/chats/me/messages", body, f"split-{point}")

    api, answer = crash_and_repeat(host, point, request)

    assert split_in(sandbox, pieces) == answer["splitIds"]
    settled(host, api, point, "message:send")


def test_what_was_killed_between_two_pieces_of_a_text_goes_on_where_it_was(
    host: Host, sandbox: SandboxControl
) -> None:
    pieces = [f"between {letter * 4000}" for letter in "abc"]
    body = {"text": "\n\n".join(pieces), "split": True, "format": "plain"}
    request = Request("/accounts/me/chats/me/messages", body, "split-between")
    api = host.serve()
    api.get("/accounts/me/chats?limit=1")
    slow = {"action": "delay", "request": "messages.SendMessage", "secs": 2, "times": 3}
    sandbox.ask("POST", "/faults", slow)
    thread = request.send_in_vain(api)
    while not split_in(sandbox, pieces):
        time.sleep(0.02)
    host.stop(signal.SIGKILL)
    thread.join(DEADLINE_SECS)
    left = split_in(sandbox, pieces)
    sandbox.ask("DELETE", "/faults")

    _, answer = request.send(host.serve())

    assert len(left) < 3
    assert split_in(sandbox, pieces) == answer["splitIds"]


def split_in(sandbox: SandboxControl, pieces: list[str]) -> list[int]:
    """Return the ids of those of *pieces* that stand in Saved Messages, in their order."""
    found = sorted((m["id"], m["text"]) for m in saved(sandbox) if m["text"] in pieces)
    assert [text for _, text in found] == pieces[: len(found)]
    return [int(each) for each, _ in found]


@pytest.mark.parametrize("point", POINTS)
def test_every_forwarded_message_stands_once(
    host: Host, sandbox: SandboxControl, point: str
) -> None:
    sent_before = {m["id"] for m in saved(sandbox)}
    source, ids = somebody_who_wrote(host.serve(), 5)
    body = {"fromChat": source, "messageIds": ids}
    request = Request("/accounts/me/chats/me/messages/forward", body, f"forward-{point}")

    api, answer = crash_and_repeat(host, point, request)

    made = {m["id"] for m in saved(sandbox)} - sent_before
    assert made == {message["id"] for message in answer["items"]}
    assert len(made) == 5
    settled(host, api, point, "message:forward")


def test_what_was_sent_is_not_sent_again_by_a_start(host: Host, sandbox: SandboxControl) -> None:
    request = Request(
        "/accounts/me/chats/me/messages", {"text": "no surprise", "format": "plain"}, "surprise"
    )
    doomed = host.serve("after_w1")
    thread = request.send_in_vain(doomed)
    host.kill_at("after_w1")
    thread.join(DEADLINE_SECS)

    api = host.serve()
    api.get("/accounts/me/chats?limit=1")
    action_id = action_of(host.data_dir, "message:send")

    assert api.get(f"/actions/{action_id}?wait=1")["status"] == "unknown"
    assert "no surprise" not in [m["text"] for m in saved(sandbox)]
    assert audited(host.data_dir, action_id) == ["intent"]


def test_an_account_whose_erasure_was_cut_short_is_erased_and_that_is_written_down(
    tmp_path: Path, sandbox: SandboxControl
) -> None:
    data_dir = tmp_path / "data"
    import_account(data_dir, sandbox, sandbox.users[1])
    host = Host(tmp_path, data_dir, sandbox)
    request = Request("/accounts/me", None, "erase", "DELETE")
    try:
        thread = request.send_in_vain(host.serve("after_w1"))
        host.kill_at("after_w1")
        thread.join(DEADLINE_SECS)
        status, answer = request.send(host.serve())
    finally:
        host.stop(signal.SIGKILL)

    assert status == 200, answer
    assert audited(data_dir, action_of(data_dir, "account:delete")) == ["intent", "outcome"]
    verify(data_dir)


def test_a_kill_point_is_refused_with_telegrams_own_data_centres(data_dir: Path) -> None:
    done = run(
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_KILL_POINT": "before_w1"},
    )

    assert done.returncode == 78
    assert "VASYA_KILL_POINT" in done.stderr


def test_no_crash_loses_or_doubles_what_a_key_has_used_of_its_budget(
    host: Host, sandbox: SandboxControl
) -> None:
    body = {"name": "held", "scopes": ["messages:send"], "budgets": {"sendsPerDay": 100}}
    secret = host.serve().call("POST", "/agent-keys", body)[1]["secret"]
    for used, point in enumerate(POINTS, 1):
        text = f"counted, killed at {point}"
        message = {"text": text, "format": "plain"}
        request = KeyRequest("/accounts/me/chats/me/messages", message, f"budget-{point}", secret)

        api, answer = crash_and_repeat(host, point, request)

        assert [m["id"] for m in saved(sandbox) if m["text"] == text] == [answer["id"]]
        whoami = Api(api.url, secret).get("/whoami")
        assert whoami["budgets"]["sendsPerDay"]["remaining"] == 100 - used, point
