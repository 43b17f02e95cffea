"""The installed server is killed between the approval of a change and its answer; the data centre is the witness.

Whatever the point: it is done at most once, what was agreed to and not sent is sent by the next start, and of what may have
been sent nothing is sent again by itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import MASTER_KEY, Api, Host, Json, SandboxControl, exchange, run
from tests.e2e.test_crash import DEADLINE_SECS, Request, audited, saved, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

SAVED = "/accounts/me/chats/me/messages"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxControl) -> Path:
    """A data dir with the sandbox's first user in it."""
    path = tmp_path_factory.mktemp("approvals") / "data"
    done = run(
        *("vasya-server", "accounts", "import", "--data-dir", str(path)),
        stdin=sandbox.users[0]["session"] + "\n",
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def host(tmp_path: Path, data_dir: Path, sandbox: SandboxControl) -> Iterator[Host]:
    host = Host(tmp_path, data_dir, sandbox)
    yield host
    host.stop()


class Asked:
    """A send by an agent key that a human is asked about."""

    def __init__(self, host: Host, text: str) -> None:
        self.text = text
        api = host.serve()
        body = {"name": "agent", "preset": "assistant", "approval": {"messages:send": "always"}}
        self.secret = self._human(api, "POST", "/agent-keys", body)[1]["secret"]
        self.request = Request(
            SAVED, {"text": text, "format": "plain"}, f"key of {text}".replace(" ", "-")
        )
        status, self.action = self.ask(api)
        assert (status, self.action["status"]) == (202, "awaiting_approval")

    def ask(self, api: Api) -> tuple[int, Json]:
        """Send the agent's request, for the first or another time."""
        return self.request.send(Api(api.url, self.secret))

    def approve(self, api: Api) -> tuple[int, Json]:
        path = f"/actions/{self.id}/approve"
        return self._human(api, "POST", path, {"digest": self.action["digest"]})

    @property
    def approval(self) -> Request:
        """The human's request, which has a key of its own."""
        path, body = f"/actions/{self.id}/approve", {"digest": self.action["digest"]}
        return Request(path, body, f"approve-{self.id}")

    @property
    def id(self) -> str:
        return str(self.action["actionId"])

    def status(self, api: Api) -> str:
        return str(api.get(f"/actions/{self.id}")["status"])

    def until(self, api: Api, status: str) -> None:
        give_up_at = time.monotonic() + DEADLINE_SECS
        while (found := self.status(api)) != status:
            assert time.monotonic() < give_up_at, found
            time.sleep(0.05)

    def times(self, sandbox: SandboxControl) -> int:
        """Return how often it stands in the chat."""
        return [m["text"] for m in saved(sandbox)].count(self.text)

    @staticmethod
    def _human(api: Api, method: str, path: str, body: Json) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
        return exchange(method, f"{api.url}/api/v1{path}", body, headers)


def kill_at(host: Host, point: str, asked: Asked) -> None:
    """Approve, and kill the server at that point of it."""
    thread = asked.approval.send_in_vain(host.serve(point))
    host.kill_at(point)
    thread.join(DEADLINE_SECS)


def test_what_was_agreed_to_and_not_sent_is_sent_by_the_next_start(
    host: Host, sandbox: SandboxControl
) -> None:
    asked = Asked(host, "agreed to and cut short")
    kill_at(host, "after_approval", asked)
    assert asked.times(sandbox) == 0

    api = host.serve()
    asked.until(api, "done")
    status, answer = asked.ask(api)
    again, _ = asked.approve(api)

    assert asked.times(sandbox) == 1
    assert status == 201
    assert [m["id"] for m in saved(sandbox) if m["text"] == asked.text] == [answer["id"]]
    assert again == 409
    assert audited(host.data_dir, asked.id) == ["asked", "decided", "intent", "outcome", "replay"]
    host.stop()
    verify(host.data_dir)


def test_what_was_not_agreed_to_waits_on(host: Host, sandbox: SandboxControl) -> None:
    asked = Asked(host, "killed before it was agreed to")
    kill_at(host, "after_w1", asked)  # the approval itself was written down, and nothing of it done

    api = host.serve()
    time.sleep(0.5)

    assert asked.status(api) == "awaiting_approval"
    assert asked.times(sandbox) == 0
    assert asked.approve(api)[1]["status"] == "done"
    assert asked.times(sandbox) == 1


@pytest.mark.parametrize("finds_out", ["approval", "request"])
@pytest.mark.parametrize("point", ["during_call", "before_w2"])
def test_of_what_may_have_been_sent_nothing_is_sent_again_by_itself(
    host: Host, sandbox: SandboxControl, point: str, finds_out: str
) -> None:
    asked = Asked(host, f"killed at {point}, found out by {finds_out}")
    kill_at(host, point, asked)
    sent = asked.times(sandbox)

    api = host.serve()
    time.sleep(0.5)
    before = asked.status(api)
    not_again = asked.times(sandbox)
    status = (asked.approve if finds_out == "approval" else asked.ask)(api)[0]

    assert sent == (1 if point == "before_w2" else sent)
    assert (before, not_again) == ("unknown", sent)
    assert status == (200 if finds_out == "approval" else 201)
    assert asked.status(api) == "done"
    assert asked.times(sandbox) == 1
    assert asked.ask(api)[0] == 201


@pytest.mark.parametrize("point", ["inside_w2", "before_answer"])
def test_what_was_done_is_answered_after_a_restart(
    host: Host, sandbox: SandboxControl, point: str
) -> None:
    asked = Asked(host, f"done and killed at {point}")
    kill_at(host, point, asked)

    api = host.serve()

    assert asked.status(api) == "done"
    assert asked.ask(api)[0] == 201
    status, action = asked.approval.send(api)
    assert (status, action["status"]) == (200, "done")
    assert asked.approve(api)[0] == 409
    assert asked.times(sandbox) == 1


def test_a_start_that_is_killed_while_it_sends_sends_nothing_twice(
    host: Host, sandbox: SandboxControl
) -> None:
    asked = Asked(host, "killed twice")
    kill_at(host, "after_approval", asked)
    host.serve("after_w1")
    host.kill_at("after_w1")

    api = host.serve()
    time.sleep(0.5)
    before = (asked.status(api), asked.times(sandbox))
    found = asked.approve(api)[1]

    assert before == ("unknown", 0)
    assert found["status"] == "done"
    assert asked.times(sandbox) == 1


def test_a_key_that_was_revoked_meanwhile_sends_nothing_at_the_next_start(
    host: Host, sandbox: SandboxControl
) -> None:
    asked = Asked(host, "revoked in between")
    kill_at(host, "after_approval", asked)
    revoked = run(
        *("vasya-server", "lockdown", "--data-dir", str(host.data_dir)),
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **sandbox.settings()},
    )
    assert revoked.returncode == 0, revoked.stderr

    api = host.serve()

    asked.until(api, "cancelled")
    assert asked.times(sandbox) == 0
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    exchange("PATCH", f"{api.url}/api/v1/settings", {"sendGate": "on"}, headers)
