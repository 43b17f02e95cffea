"""One tool call is one request to the REST server."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from vasya_mcp import telling
from vasya_mcp.files import FileRefused, open_files
from vasya_mcp.media import fetch
from vasya_mcp.rest import Unreachable

if TYPE_CHECKING:
    import mcp_types as types
    from httpx2._types import RequestFiles

    from vasya_mcp.files import Folders
    from vasya_mcp.rest import Reply, Rest
    from vasya_mcp.tools import Tool

_KEY: Final = "idempotencyKey"
_ACCEPTED: Final = 202
_NO_CONTENT: Final = 204
# How many times a page is asked for again because it was too long.
_SMALLER: Final = 3


async def call(
    rest: Rest, tool: Tool, arguments: dict[str, Any], folders: Folders
) -> types.CallToolResult:
    """Do what a tool does; whatever stands in the way is told in words that a model can act on."""
    request = _Request(tool, arguments)
    try:
        if tool.is_file:
            return await fetch(rest, request.path, folders)
        if tool.takes_files and "files" in arguments:
            with open_files(folders, arguments["files"]) as files:
                return _told(tool, await request.send(rest, files=files))
        return await _fitting(rest, request)
    except FileRefused as error:
        return telling.refused({"code": "file_refused", "detail": str(error)})
    except Unreachable:
        return _unreachable(request)


class _Request:
    """What a tool call asks of the server."""

    def __init__(self, tool: Tool, arguments: dict[str, Any]) -> None:
        self.tool = tool
        said = {**tool.fixed, **arguments}
        said.setdefault("account", "me")
        self.key: str | None = None
        if tool.is_change:
            # A client that retries a call on its own would otherwise do it twice.
            self.key = str(said.pop(_KEY, None) or uuid.uuid4())
        said.pop("files", None)
        self.path = tool.path.removeprefix("/api/v1")
        for name in list(said):
            if f"{{{name}}}" in self.path:
                value = quote(str(said.pop(name)), safe="@+")
                self.path = self.path.replace(f"{{{name}}}", value)
        said.pop("account", None)
        self.body = {name: said.pop(name) for name in list(said) if name in tool.body_fields}
        self.query = {name: self._plain(name, value) for name, value in said.items()}

    def _plain(self, name: str, value: object) -> str:
        if name in self.tool.list_fields and isinstance(value, list):
            return ",".join(map(str, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    async def send(self, rest: Rest, *, files: RequestFiles | None = None) -> Reply:
        """Ask the server."""
        if files is not None:
            part = ("message", (None, telling.written(self.body).encode(), "application/json"))
            files = [part, *files]
        return await rest.ask(
            self.tool.method,
            self.path,
            query=self.query or None,
            body=self.body if self.tool.body_fields else None,
            files=files,
            headers={} if self.key is None else {"idempotency-key": self.key},
            wait_secs=float(self.query.get("wait", 0)),
        )


async def _fitting(rest: Rest, request: _Request) -> types.CallToolResult:
    """Ask, and ask for less where the answer is longer than a model should be given at once."""
    reply = await request.send(rest)
    note = None
    for _ in range(_SMALLER):
        shown = reply.content.decode("utf-8", "replace")
        if reply.is_refused or len(shown) <= telling.MAX_CHARS or request.tool.limit is None:
            break
        count = len(reply.json["items"])
        fitting = max(1, count * (telling.MAX_CHARS - 2_000) // len(shown))
        if fitting >= count:
            break
        request.query["limit"] = str(fitting)
        note = f"The page was cut to {fitting} items, because more is too much at once: `next` goes on."
        reply = await request.send(rest)
    return _told(request.tool, reply, note)


def _told(tool: Tool, reply: Reply, note: str | None = None) -> types.CallToolResult:
    if reply.is_refused:
        return telling.refused_by(reply)
    if reply.status == _ACCEPTED:
        return telling.not_yet(tool, reply.json)
    if reply.status == _NO_CONTENT:
        return telling.done(tool)
    if tool.answer:
        return telling.structured(tool, reply.json)
    return telling.page(reply.content.decode("utf-8", "replace"), note)


def _unreachable(request: _Request) -> types.CallToolResult:
    problem = {
        "code": "server_unreachable",
        "detail": "The Vasya server does not answer.",
        "remedy": "Ask the owner to start it: vasya-server serve.",
    }
    if request.key is not None:
        problem["detail"] += " Whether this was done is not known."
        problem["remedy"] += (
            f" Then repeat this call with idempotencyKey {request.key}: it is done once."
        )
    return telling.refused(problem)
