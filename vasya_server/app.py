"""Wire the HTTP application: the only place that knows all the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.exceptions import HTTPException

from vasya_server.api import (  # noqa: F401 — importing a resource declares its operations
    accounts,
    actions,
    audit,
    chats,
    health,
    identity,
    login,
    marks,
    media,
    messages,
    uploads,
)
from vasya_server.api.access import Authenticate, authorize
from vasya_server.api.binding import answer_bug, answer_refusal, bind
from vasya_server.api.edge import Edge
from vasya_server.api.routes import OPERATIONS

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from vasya_server.gateway import Gateway


def create_app(gateway: Gateway) -> Litestar:
    """Make the application that serves *gateway*, which the caller has opened and will close."""

    def authorized(app: ASGIApp) -> ASGIApp:
        return authorize(app, gateway)

    app = Litestar(
        [bind(operation, gateway) for operation in OPERATIONS],
        middleware=[authorized],
        exception_handlers={HTTPException: answer_refusal, Exception: answer_bug},
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
        request_max_body_size=None,
    )
    app.asgi_handler = Edge(Authenticate(app.asgi_handler, gateway), gateway.settings)
    return app
