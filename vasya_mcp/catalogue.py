"""Which tools there are for whom: what the server describes, cut to what the key may do."""

from __future__ import annotations

import hashlib
import json
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from vasya_mcp.rest import Unreachable
from vasya_mcp.tools import Reach, read_tools

if TYPE_CHECKING:
    from vasya_mcp.rest import Reply, Rest
    from vasya_mcp.schema import Json
    from vasya_mcp.tools import Tool

# For how long what a key may do is remembered, in seconds. It decides what is offered, never what is allowed.
_REMEMBERED_SECS: Final = 10.0
_MAX_KEYS: Final = 1_000


class Refused(Exception):
    """The server does not take this key."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Catalogue:
    """The tools of one server, and what the keys that were seen may do.

    Args:
        document: The server's OpenAPI document; None: it is read from the server, and until it answers, from the package.
    """

    def __init__(self, document: Json | None = None) -> None:
        self._packaged = read_tools(packaged_document()) if document is None else {}
        self._tools = None if document is None else read_tools(document)
        self._reaches: dict[bytes, tuple[float, Reach]] = {}

    async def tools(self, rest: Rest) -> dict[str, Tool]:
        """Return all tools, by name."""
        if self._tools is None:
            try:
                reply = await rest.get("/openapi.json")
            except Unreachable:
                return self._packaged
            if reply.is_refused or not isinstance(reply.json, dict):
                return self._packaged
            self._tools = read_tools(reply.json)
        return self._tools

    async def reach(self, rest: Rest, *, is_fresh: bool = False) -> Reach:
        """Return what the key may do.

        Args:
            is_fresh: As the server tells it now.

        Raises:
            Refused: The server does not take it.
            Unreachable: Nobody answered.
        """
        name = hashlib.sha256(rest.credential.encode()).digest()
        known = self._reaches.get(name)
        if known is not None and not is_fresh and known[0] > time.monotonic():
            return known[1]
        reply = await rest.get("/whoami")
        if reply.is_refused:
            self._reaches.pop(name, None)
            raise Refused(reply)
        told = reply.json
        reach = Reach(
            scopes=frozenset(told.get("scopes", ())),
            accounts=tuple(each["accountId"] for each in told.get("accounts", ())),
        )
        if len(self._reaches) >= _MAX_KEYS:
            self._reaches.clear()
        self._reaches[name] = (time.monotonic() + _REMEMBERED_SECS, reach)
        return reach

    async def offered(self, rest: Rest, reach: Reach | None) -> list[Tool]:
        """Return the tools for a key, sorted by name; all of them where nobody can tell what it may do."""
        tools = await self.tools(rest)
        return [each for each in tools.values() if reach is None or each.is_open_to(reach)]


def packaged_document() -> Json:
    """Return the part of the server's description that tools are made of, as it was when this was packaged."""
    document: Json = json.loads(files("vasya_mcp").joinpath("openapi.json").read_text("utf-8"))
    return document
