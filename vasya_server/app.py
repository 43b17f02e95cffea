"""Wire the HTTP application: the only place that knows all the parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from litestar import Litestar

from vasya_server.api import (  # noqa: F401 — importing a resource declares its operations
    accounts,
    actions,
    audit,
    chat_life,
    chat_photos,
    chats,
    contacts,
    devices,
    drafts,
    events,
    folders,
    health,
    identity,
    inbox,
    interactions,
    invites,
    keys,
    limits,
    lockdown,
    login,
    marks,
    media,
    members,
    messages,
    profile,
    providers,
    reception,
    scheduled,
    search,
    settings,
    tokens,
    topics,
    transcripts,
    uploads,
    user_photos,
    webhooks,
)
from vasya_server.api.access import Entrance
from vasya_server.api.approved import Executor
from vasya_server.api.binding import bind
from vasya_server.api.edge import Edge
from vasya_server.api.mcp import MCP_PATH, McpDoor
from vasya_server.api.routes import OPERATIONS
from vasya_server.operations.deciding import tend
from vasya_server.operations.undo import note_end
from vasya_server.owner_chat.keeper import keep_lines

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway


def create_app(gateway: Gateway, *, is_command: bool = False) -> Edge:
    """Make the application that serves *gateway*, which the caller has opened and will close.

    Args:
        is_command: One command is carried out, and nothing goes on beside it: a lockdown at a terminal must not send what
            was approved before a crash.
    """
    routes = Litestar(
        [bind(operation, gateway) for operation in OPERATIONS],
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    gateway.guards.undo.on_settled = partial(note_end, gateway)
    if not is_command:
        gateway.asked.tend(lambda: tend(gateway, Executor(gateway)))
        gateway.guards.line.tend(lambda: keep_lines(gateway, Executor(gateway)))
    app = Edge(Entrance(routes, gateway), gateway.settings)
    app.guests[MCP_PATH] = McpDoor(app, gateway.settings)
    return app
