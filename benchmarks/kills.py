"""The kill test of tests/e2e in its long form: what it does is counted, and anything lost or told twice ends the run."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path

from tests.e2e.processes import SandboxControl, start
from tests.e2e.storm import Storm

KILLS, PER_SECOND = 12, 300


def storm() -> None:
    """Kill the server twelve times while three hundred messages a second come, and print what came of it."""
    seed = secrets.randbelow(1_000_000)
    print(f"\nkilled {KILLS} times, seed {seed}:", flush=True)
    with tempfile.TemporaryDirectory(prefix="vasya-storm-") as name:
        folder = Path(name)
        info = folder / "info.json"
        sandbox = start(folder, "vasya-sandbox", "--world", "demo", "--info", str(info))
        try:
            sandbox.line("LISTENING ")
            control = SandboxControl(json.loads(info.read_text()))
            told = Storm(folder, control, seed).run(kills=KILLS, per_second=PER_SECOND)
        finally:
            sandbox.stop()
    print(", ".join(f"{value:,} {what}" for what, value in told.figures.items()))
    findings = told.findings()
    print(
        "\n".join(findings) or "nothing lost, nothing told twice, everything in order", flush=True
    )
    assert not findings
