"""The access log: a line per request that says what was asked for and never of whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.processes import MASTER_KEY, Api, Json, Process, exchange, start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def serve(folder: Path, settings: Mapping[str, str]) -> tuple[Process, Api]:
    data_dir = folder / "data"
    process = start(
        folder,
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={"SESSION_MASTER_KEY": MASTER_KEY, **settings},
    )
    url = process.line("LISTENING ")
    return process, Api(url, json.loads((data_dir / "embedded.json").read_text())["token"])


def requests(process: Process) -> list[dict[str, Json]]:
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    return [line for line in lines if line["logger"] == "vasya.access"]


def test_a_request_is_a_line_with_its_template_and_not_with_its_path(tmp_path: Path) -> None:
    process, api = serve(tmp_path, {})
    api.get("/whoami")
    api.call("GET", "/accounts/me/chats/@some_body/messages?q=dinner")
    exchange("GET", f"{api.url}/nowhere/secret", headers={"X-Request-Id": "req-of-mine"})
    assert process.stop() == 0
    told = requests(process)
    assert [(line["method"], line["status"]) for line in told] == [
        ("GET", 200),
        ("GET", 409),
        ("GET", 401),
    ]
    assert told[0]["route"] == "/api/v1/whoami"
    assert all(line["ms"] >= 0 and line["level"] == "info" for line in told)
    assert told[2]["request_id"] == "req-of-mine"
    for private in ("some_body", "dinner", "nowhere", "secret", api.token):
        assert private not in process.stderr


def test_no_line_is_written_where_the_access_log_is_off(tmp_path: Path) -> None:
    process, api = serve(tmp_path, {"VASYA_ACCESS_LOG": "off"})
    api.get("/whoami")
    assert process.stop() == 0
    assert process.stderr == ""
