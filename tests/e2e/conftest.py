from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import SandboxControl, start

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxControl]:
    """A sandboxed Telegram with the demo world, for the tests of one module."""
    folder = tmp_path_factory.mktemp("sandbox")
    info = folder / "info.json"
    process = start(folder, "vasya-sandbox", "--world", "demo", "--info", str(info))
    process.line("LISTENING ")
    yield SandboxControl(json.loads(info.read_text()))
    process.stop()
