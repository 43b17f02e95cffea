"""The installed server is killed while hundreds of messages a second come; the data centre is the witness.

`make bench` does the same for longer.
"""

from __future__ import annotations

import secrets
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.consumers import StreamReader
from tests.e2e.processes import MASTER_KEY, Api, Host, import_account, run
from tests.e2e.storm import Storm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.processes import SandboxControl


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_message_is_lost_told_twice_or_out_of_order_however_often_the_server_is_killed(
    tmp_path: Path, sandbox: SandboxControl
) -> None:
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")  # noqa: T201 — of a run that fails

    told = Storm(tmp_path, sandbox, seed).run(kills=4, per_second=250)

    assert told.findings() == []
    assert told.figures["sent a second"] >= 200
    assert told.figures["stream connections"] >= 4
    assert told.figures["poll connections"] >= 4


def test_a_key_that_is_revoked_at_a_terminal_ends_its_stream_within_two_seconds(
    tmp_path: Path, sandbox: SandboxControl
) -> None:
    import_account(tmp_path / "data", sandbox, sandbox.users[0])
    host = Host(tmp_path, tmp_path / "data", sandbox)
    try:
        api = host.serve()
        status, key = api.call("POST", "/agent-keys", {"name": "Gone", "preset": "chat_reader"})
        assert status == 201, key
        agent = Api(api.url, key["secret"])
        stream = StreamReader(agent, agent.get("/events/poll")["next"])
        give_up_at = time.monotonic() + 10
        while not stream.connections:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)

        revoked = run(
            *("vasya-server", "keys", "revoke", key["id"]),
            *("--data-dir", str(tmp_path / "data")),
            settings={"SESSION_MASTER_KEY": MASTER_KEY},
        )
        assert revoked.returncode == 0, revoked.stderr
        revoked_at = time.monotonic()
        while stream.failure is None:
            assert time.monotonic() < revoked_at + 2
            time.sleep(0.02)
    finally:
        host.stop(signal.SIGKILL)

    assert stream.last_words == "ended key_revoked"
    assert "key_revoked" in str(stream.failure)
