"""Whatever is sent that the OpenAPI document allows or forbids, the answer is one that it describes, and never a 5xx."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import SCRIPTS, Api, environment
from tests.e2e.test_demo import start_demo

if TYPE_CHECKING:
    from pathlib import Path

# Requests for each operation beside those that cover its schema systematically.
MAX_EXAMPLES = 5
SECONDS = 600
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
)
# One has no end, the others end the account, the keys or the sending that the rest of the run needs.
LEFT_OUT = ("stream_events", "delete_account", "begin_lockdown", "update_settings")
SETTINGS = {
    "VASYA_PACING": "off",
    # No address that is made up here is ever called.
    "VASYA_OUTBOUND_PORTS": "1",
    **{
        f"VASYA_LIMIT_{name}": "1000000"
        for name in (
            *("AUTHFAIL_PER_MIN", "READ_PER_MIN", "READ_BURST"),
            *("MUTATE_PER_MIN", "MUTATE_BURST", "CHAT_PER_HOUR"),
        )
    },
}
FRIEND = "@anna_kovaleva"


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 60)
def test_every_answer_conforms_to_the_document(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, settings=SETTINGS)
    try:
        message = demo.api.get(f"/accounts/me/chats/{FRIEND}/messages?limit=1")["items"][0]["id"]
        found = _run(tmp_path, demo.api, message)
    finally:
        demo.process.stop()

    assert found.returncode == 0, found.stdout
    assert " passed" in found.stdout


def _run(folder: Path, api: Api, message: int) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis over what the server says of itself, within a world where every id leads somewhere."""
    config = folder / "schemathesis.toml"
    named = {"account": '"me"', "chat": f'"{FRIEND}"', "user": f'"{FRIEND}"', "message": message}
    lines = (f'"path.{name}" = {value}' for name, value in named.items())
    config.write_text("\n".join(("[parameters]", *lines, "")))
    return subprocess.run(
        [
            *(str(SCRIPTS / "schemathesis"), "--no-color", "--config-file", str(config), "run"),
            f"{api.url}/api/v1/openapi.json",
            *("--header", f"Authorization: Bearer {api.token}"),
            *("--phases", "coverage,fuzzing", "--max-examples", str(MAX_EXAMPLES)),
            *("--checks", ",".join(CHECKS), "--generation-deterministic"),
            *("--request-timeout", "30", "--warnings", "off"),
            *(f"--exclude-operation-id={name}" for name in LEFT_OUT),
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
