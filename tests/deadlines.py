"""How long Telegram may take in a test.

As long as outside of tests: on a busy machine an answer is now and then seconds late, and that is nothing a test is about.
Only one that waits for a deadline to pass is marked `short_deadlines`, so that it does not wait for long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def deadlines_of(
    request: pytest.FixtureRequest, *, read_secs: int, send_secs: int, connect_secs: int
) -> dict[str, str]:
    """Return the settings of the deadlines: these for a test that is marked, and none for any other."""
    if request.node.get_closest_marker("short_deadlines") is None:
        return {}
    return {
        "VASYA_READ_DEADLINE_SECS": str(read_secs),
        "VASYA_SEND_DEADLINE_SECS": str(send_secs),
        "VASYA_CONNECT_DEADLINE_SECS": str(connect_secs),
    }
