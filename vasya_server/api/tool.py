"""What a tool is, for an agent that meets the API over MCP, and the words that tools share."""

from __future__ import annotations

from typing import Any, Final

import msgspec

ACTION: Final = ("actionId", "status")
SENT: Final = ("id", "chatId", "sentAt", *ACTION)
CHAT: Final = "Id, @name or me."
LIMIT: Final = "Items of a page."
CURSOR: Final = "`next` of the last page."
WHEN: Final = "RFC 3339, 24h, 7d, today or yesterday."


class Tool(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One tool.

    Args:
        fields: What of the operation's path, query and body can be said, each with its description; None: its own, empty: its
            name says it.
        fixed: What of it is always said.
        answer: What of the answer is told as structured content: nothing that other people wrote. Without any, the whole
            answer is text within a boundary.
        is_file: The answer is a file.
        takes_files: Files of the adapter's machine can be sent with it, as parts of a form.
        is_read_only: It changes nothing.
        is_destructive: What it changes can be lost.
        is_idempotent: Said again, it changes nothing more.
        is_open_world: It reaches other people.
    """

    tool: str
    title: str
    description: str
    fields: dict[str, str | None] = {}
    fixed: dict[str, Any] = {}
    answer: tuple[str, ...] = ()
    is_file: bool = False
    takes_files: bool = False
    is_read_only: bool = False
    is_destructive: bool = False
    is_idempotent: bool = False
    is_open_world: bool = True


def reading(
    tool: str,
    title: str,
    description: str,
    fields: dict[str, str | None],
    **more: Any,  # noqa: ANN401 — the rest of a Tool
) -> Tool:
    """Return a tool that only reads."""
    return Tool(
        tool=tool,
        title=title,
        description=description,
        fields=fields,
        is_read_only=True,
        is_idempotent=True,
        **more,
    )
