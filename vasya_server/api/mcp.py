"""`/mcp`: the tools of agent keys for MCP clients, as a guest of this application.

What speaks the protocol is loaded with the first request for it: a server that nobody asks by MCP starts as fast, and is as
small, as without it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING, Any, Final

from vasya_server import __version__
from vasya_server.api.openapi import document
from vasya_server.api.refusals import MethodNotAllowed, Overloaded
from vasya_server.api.refusing import refuse_bug
from vasya_server.api.routes import OPERATIONS
from vasya_server.errors import AgentKeyRequired, MissingToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from vasya_server.api.answer import Header
    from vasya_server.api.incoming import Incoming
    from vasya_server.settings import Settings

MCP_PATH: Final = "/mcp"
_AGENT_KEY: Final = b"bearer vk_"
_bugs: Final = logging.getLogger(__name__)


class McpDoor:
    """Lets agent keys in, and nobody else: a model never speaks with a human's credential.

    Args:
        app: This application, which every call re-enters.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_open = settings.max_requests_in_flight
        self._open = 0
        self._loading = asyncio.Lock()
        self._mount: Any = None

    async def __call__(self, request: Incoming) -> McpAnswer:
        """Return the answer, which the adapter makes.

        Raises:
            MethodNotAllowed: It is no POST.
            Overloaded: Too many are open.
            MissingToken, AgentKeyRequired: There is no credential, or none of an agent.
        """
        if request.method != "POST":  # no stream outlives a request, and no session is there to end
            raise MethodNotAllowed(("POST",))
        lines = request.lines(b"authorization")
        if not lines:
            raise MissingToken
        if len(lines) != 1 or not lines[0].lower().startswith(_AGENT_KEY):
            raise AgentKeyRequired
        if self._open >= self._max_open:
            raise Overloaded
        request.route = MCP_PATH
        async with self._loading:
            if self._mount is None:
                adapter = await asyncio.to_thread(importlib.import_module, "vasya_mcp.http")
                self._mount = adapter.Mount(self._app, document(OPERATIONS), __version__)
        return McpAnswer(self)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the adapter answer one request, which may take as long as a tool may wait."""
        self._open += 1
        try:
            await self._mount(scope, receive, send)
        finally:
            self._open -= 1


class McpAnswer:
    """An answer that the adapter sends."""

    def __init__(self, door: McpDoor) -> None:
        self._door = door
        self.status = 0

    async def send(self, request: Incoming, common: Sequence[Header], send: Send) -> None:
        """Have it sent, with the headers that all answers have."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message = {**message, "headers": [*message["headers"], *common]}
            await send(message)

        try:
            await self._door.serve(request.scope, request.receive, pass_on)
        except Exception as error:  # noqa: BLE001 — a bug becomes an answer here, as at the edge
            _bugs.error(
                "bug in the adapter", exc_info=error, extra={"request_id": request.request_id}
            )
            if not self.status:
                answer = refuse_bug(request.request_id)
                self.status = answer.status
                await answer.send(request, common, send)
