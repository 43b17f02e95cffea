"""A file of a message: a small picture or text at once, anything else saved or as a link."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

import mcp_types as types

from vasya_mcp import telling
from vasya_mcp.files import create
from vasya_mcp.rest import Reply

if TYPE_CHECKING:
    from vasya_mcp.files import Folders
    from vasya_mcp.rest import Rest

# What a model is shown at once, in bytes; nobody needs the whole of a larger file to decide what to do with it.
_MAX_INLINE: Final = 1 << 20
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_NAME: Final = re.compile(r'filename="([^"]*)"')
_TOTAL: Final = re.compile(r"/(\d+)$")


async def fetch(rest: Rest, path: str, folders: Folders) -> types.CallToolResult:
    """Return the file at *path*.

    Raises:
        Unreachable: Nobody answered.
        FileRefused: It cannot be saved.
    """
    head = await rest.ask("GET", path, headers={"range": f"bytes=0-{_MAX_INLINE - 1}"})
    if head.is_refused:
        return telling.refused_by(head)
    kind = head.headers.get("content-type", "").partition(";")[0]
    if not _is_part(head):
        if kind in _PICTURES:
            data = base64.b64encode(head.content).decode()
            return types.CallToolResult(content=[types.ImageContent(data=data, mime_type=kind)])
        if kind.startswith("text/") and len(head.content) <= telling.MAX_CHARS:
            return telling.page(head.content.decode("utf-8", "replace"))
    return await (_link(rest, path) if folders.downloads is None else _save(rest, path, folders))


def _is_part(reply: Reply) -> bool:
    total = _TOTAL.search(reply.headers.get("content-range", ""))
    return total is not None and int(total[1]) > len(reply.content)


async def _link(rest: Rest, path: str) -> types.CallToolResult:
    made = await rest.ask("POST", f"{path}/link", body={})
    if made.is_refused:
        return telling.refused_by(made)
    told = {name: made.json[name] for name in ("url", "expiresAt")}
    return types.CallToolResult(content=[telling.text(telling.written(told))])


async def _save(rest: Rest, path: str, folders: Folders) -> types.CallToolResult:
    async with rest.stream(path) as response:
        if response.is_error:
            await response.aread()
            return telling.refused_by(Reply(response))
        name = _NAME.search(response.headers.get("content-disposition", ""))
        suffix = _SUFFIX.search(name[1]) if name else None
        saved, file = create(folders, suffix[0].lower() if suffix else ".bin")
        with file:
            async for piece in response.aiter_bytes():
                file.write(piece)
    told = {"path": str(saved), "sizeBytes": saved.stat().st_size}
    return types.CallToolResult(content=[telling.text(telling.written(told))])
