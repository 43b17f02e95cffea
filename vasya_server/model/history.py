"""What stands between the messages where a whole history is told line by line."""

from __future__ import annotations

from typing import Literal

from vasya_server.model.base import Wire


class HistoryLine(Wire, frozen=True, kw_only=True):
    """A line that is no message: it alone has *line*.

    Args:
        line: `begin` comes first; `cursor` when everything before it was told; `end`: that was all; `stopped`: there is
            more, and *next* goes on.
        next: The cursor to go on from.
        code: Why it stopped, as of a problem; *detail* in words.
        retry_after_secs: When it can go on.
    """

    line: Literal["begin", "cursor", "end", "stopped"]
    next: str | None = None
    code: str | None = None
    detail: str | None = None
    retry_after_secs: int | None = None
    trust: Literal["untrusted"] | None = None
