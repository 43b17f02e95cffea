"""The adapter within the REST server: Streamable HTTP, where each call re-enters the application that carries it.

Host, Origin and size are the server's to check before a request comes here. Whatever a key may do is asked of the server
itself, by requests like any other: guards, limits, audit and approvals have one path.

Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx2
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from vasya_mcp.catalogue import Catalogue, Refused
from vasya_mcp.files import Folders
from vasya_mcp.rest import Rest
from vasya_mcp.server import Gateway, make_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# How long one request may take, in seconds: the longest wait that a tool has, and some.
_MAX_SECS: Final = 360
_MAX_BODY_BYTES: Final = 1 << 20
# What tells the server where a request that is passed on came from.
_FORWARDED: Final = ("x-forwarded-for", "user-agent")


class Mount:
    """An ASGI application for `/mcp`.

    Args:
        app: The REST server.
        document: Its OpenAPI document.
    """

    def __init__(self, app: ASGIApp, document: dict[str, Any], version: str) -> None:
        self._app = app
        self._version = version
        self._catalogue = Catalogue(document)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, for a key that the server takes; any other gets the server's own refusal."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        transport = httpx2.ASGITransport(self._app, client=scope.get("client") or ("", 0))
        async with httpx2.AsyncClient(
            transport=transport, base_url=f"http://{headers['host']}"
        ) as client:
            forwarded = {name: headers[name] for name in _FORWARDED if name in headers}
            rest = Rest(client, headers["authorization"], forwarded)
            try:
                await self._catalogue.reach(rest)
            except Refused as refused:
                await _pass_on(refused, send)
                return
            # Nothing of it outlives the request: no key is ever served what another one opened, or told of its changes.
            gateway = Gateway(self._catalogue, lambda _: rest, Folders())
            manager = StreamableHTTPSessionManager(
                make_server(gateway, self._version),
                stateless=True,
                max_request_body_size=_MAX_BODY_BYTES,
            )
            with anyio.move_on_after(_MAX_SECS):
                async with manager.run():
                    await manager.handle_request(scope, receive, send)


async def _pass_on(refused: Refused, send: Send) -> None:
    reply = refused.reply
    kept = ("content-type", "www-authenticate", "retry-after")
    headers = [
        (name.encode(), reply.headers[name].encode()) for name in kept if name in reply.headers
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.content})
