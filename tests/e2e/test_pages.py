"""Pages of the documentation are executed: each command answers what stands below it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import MASTER_KEY, Api, SandboxControl, environment, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "api"
BLOCK = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
PAGES = {
    "approvals.md": 3,
    "budgets-and-pacing.md": 1,
    "drafts.md": 2,
    "folders.md": 4,
    "chats.md": 3,
    "guard-rails.md": 4,
    "members.md": 3,
    "mutations.md": 5,
    "keys.md": 6,
    "owner-chat.md": 1,
    "people.md": 3,
    "profile-and-devices.md": 2,
    "topics.md": 2,
    "transcripts.md": 1,
    "reading.md": 4,
    "undo-and-takeover.md": 2,
    "uploads.md": 3,
    "webhooks.md": 3,
    "writing.md": 4,
}
TOKEN = "vl_" + "7b" * 32


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxControl) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("pages")
    settings = {
        "SESSION_MASTER_KEY": MASTER_KEY,
        "VASYA_LOCAL_TOKEN": TOKEN,
        **sandbox.settings(),
    }
    data_dir = ("--data-dir", str(folder / "data"))
    imported = run(
        *("vasya-server", "accounts", "import", *data_dir),
        stdin=sandbox.users[0]["session"] + "\n",
        settings=settings,
    )
    assert imported.returncode == 0, imported.stderr
    process = start(folder, "vasya-server", "serve", *data_dir, "--port", "0", settings=settings)
    yield Api(process.line("LISTENING "), TOKEN)
    process.stop()


@pytest.mark.parametrize("page", PAGES)
def test_each_command_answers_what_the_page_says(api: Api, page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    blocks = BLOCK.findall(text)
    variables = {"URL": api.url, "TOKEN": api.token, "ACCOUNT": "me"}

    assert len(blocks) == text.count("```sh") == PAGES[page]
    for command, expected in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=environment(variables),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        for line in expected.splitlines():
            assert line in done.stdout, command
