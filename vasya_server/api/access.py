"""Who asks and whether they may, decided in plain ASGI before Litestar does any work for them.

`Authenticate` wraps the router, so that an unknown path tells a stranger nothing but 401; `authorize` stands before
each handler and reads the route's one declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.api.edge import REQUEST_ID
from vasya_server.api.problems import refuse
from vasya_server.api.refusals import RouteNotFound
from vasya_server.api.routes import BASE_PATH, OPERATIONS, Access, Operation
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope as AccessScope
from vasya_server.errors import (
    HumanRequired,
    InvalidToken,
    MissingToken,
    PermissionDenied,
    ScopeRequired,
    Unauthenticated,
    VasyaError,
)

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

    from vasya_server.gateway import Gateway

PRINCIPAL: Final = "vasya.principal"
ACCOUNT: Final = "vasya.account"
OPERATION: Final = "operation"

_SCHEME: Final = b"bearer"
_JWT_DOTS: Final = 2


class Authenticate:
    """Tell the principal of every request, or refuse it with 401."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway
        self._embedded = Principal(
            kind=PrincipalKind.EMBEDDED,
            owner=gateway.owner,
            scopes=frozenset(AccessScope),
            is_human=True,
        )
        self._public = frozenset(
            BASE_PATH + operation.path
            for operation in OPERATIONS
            if operation.access is Access.PUBLIC
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with the principal; public paths go without one unless a credential is presented."""
        try:
            scope["state"][PRINCIPAL] = self._principal(scope)  # type: ignore[arg-type]  # edge lets only HTTP in
            _check_path(scope)
        except (Unauthenticated, RouteNotFound) as error:
            refusal = refuse(error, scope["state"][REQUEST_ID])
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _principal(self, scope: HTTPScope) -> Principal | None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            if scope["path"] in self._public:
                return None
            raise MissingToken
        if len(given) > 1:
            raise InvalidToken
        scheme, _, credential = given[0].partition(b" ")
        if scheme.lower() != _SCHEME or not self._is_embedded(credential):
            raise InvalidToken
        return self._embedded

    def _is_embedded(self, credential: bytes) -> bool:
        """Dispatch by shape without falling through: a key or a JWT is never tried as a token (D-2.9)."""
        if credential.startswith(b"vk_") or credential.count(b".") == _JWT_DOTS:
            return False
        token = self._gateway.token
        return token is not None and token.verify(credential.decode("latin-1"))


def _check_path(scope: Scope) -> None:
    """Refuse paths that the router would read as shorter ones.

    A client that puts an empty id into `/accounts/{account}/chats/{chat}` must not reach the route above it.
    """
    raw = (scope.get("raw_path") or scope["path"].encode()).lower()
    if b"//" in raw or b"%2f" in raw or raw.endswith(b"/"):
        raise RouteNotFound


def authorize(app: ASGIApp, gateway: Gateway) -> ASGIApp:
    """Check the route's scope and find its account, in that order, then hand over."""

    async def authorized(scope: Scope, receive: Receive, send: Send) -> None:
        operation: Operation = scope["route_handler"].opt[OPERATION]
        principal: Principal | None = scope["state"][PRINCIPAL]
        try:
            _check(operation, principal)
            if principal is not None and (reference := scope["path_params"].get("account")):
                accounts = gateway.accounts
                scope["state"][ACCOUNT] = accounts.find(principal.owner, str(reference))
        except VasyaError as error:
            refusal = refuse(error, scope["state"][REQUEST_ID])
            await refusal(scope, receive, send)
            return
        await app(scope, receive, send)

    return authorized


def is_open_to(operation: Operation, principal: Principal) -> bool:
    """Tell whether *principal* may call *operation* on some account."""
    try:
        _check(operation, principal)
    except PermissionDenied:
        return False
    return True


def _check(operation: Operation, principal: Principal | None) -> None:
    match operation.access:
        case Access.PUBLIC:
            return
        case _ if principal is None:
            raise MissingToken
        case Access.HUMAN:
            if not principal.is_human:
                raise HumanRequired
        case AccessScope() as required:
            if required not in principal.scopes:
                raise ScopeRequired(required)
