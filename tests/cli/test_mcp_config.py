"""`vasya-server mcp-config` prints what a client takes, and a key that is none is refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import SCRIPTS, run
from vasya_server.auth.agent_keys import make_key
from vasya_server.ids import KeyId

KEY = make_key(KeyId("ak0123456789abcdef"), bytes(range(32))).token
URL = "http://127.0.0.1:9000"


def printed(client: str, *more: str, stdin: str = "") -> str:
    ended = run(
        *("vasya-server", "mcp-config", "--client", client, "--url", URL, *more), stdin=stdin
    )
    assert ended.returncode == 0, ended.stderr
    assert KEY not in ended.stderr
    return ended.stdout


def told(client: str, said: str) -> dict[str, Any]:
    """Return what the client's configuration says of the server."""
    if client == "codex":
        server: dict[str, Any] = tomllib.loads(said)["mcp_servers"]["vasya"]
        return server
    document = json.loads(said)
    found: dict[str, Any] = document["servers" if client == "vscode" else "mcpServers"]
    return dict(found["vasya"])


@pytest.mark.parametrize("client", ["claude-code", "claude-desktop", "cursor", "vscode", "codex"])
def test_a_process_is_started_by_its_whole_path_with_the_key_in_its_environment(
    client: str,
) -> None:
    server = told(client, printed(client, "--key", KEY))

    assert Path(server["command"]) == SCRIPTS / "vasya-mcp"
    assert Path(server["command"]).exists()
    assert server["env"] == {"VASYA_AGENT_KEY": KEY, "VASYA_API_URL": URL}
    assert KEY not in str(server.get("args", []))


@pytest.mark.parametrize("client", ["claude-code", "cursor", "vscode", "codex"])
def test_over_http_the_key_is_the_bearer_token(client: str) -> None:
    server = told(client, printed(client, "--key", KEY, "--http"))

    headers = server["http_headers" if client == "codex" else "headers"]
    assert server["url"] == f"{URL}/mcp"
    assert headers == {"Authorization": f"Bearer {KEY}"}


def test_a_key_from_standard_input_stays_out_of_the_history() -> None:
    assert KEY in printed("cursor", "--key", "-", stdin=f"{KEY}\n")


@pytest.mark.parametrize(("key", "code"), [("", 77), ("vk_nothing", 78), ("vl_" + "0" * 64, 78)])
def test_without_a_key_or_with_another_credential_nothing_is_printed(key: str, code: int) -> None:
    given = ("--key", key) if key else ()
    ended = run("vasya-server", "mcp-config", "--client", "cursor", *given)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr
