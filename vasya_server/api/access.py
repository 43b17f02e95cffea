"""Who asks and whether they may, decided before anything is made of the request.

host, origin and size (edge) → credential → route → its one declared access → account → one read token. An unknown
path tells a stranger nothing but 401. Litestar finds the route and does no more (docs/adr/0006-own-dispatch.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from litestar.exceptions import MethodNotAllowedException, NotFoundException

from vasya_server.api.binding import BOUND
from vasya_server.api.client_address import client_address
from vasya_server.api.new_address import note_address
from vasya_server.api.refusals import MethodNotAllowed, RouteNotFound
from vasya_server.api.routes import OPERATIONS, Access, Operation
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope as AccessScope
from vasya_server.errors import (
    AuthRateLimited,
    HumanRequired,
    InvalidCredential,
    InvalidToken,
    MissingToken,
    PermissionDenied,
    ScopeDisabled,
    ScopeRequired,
    SendingDisabled,
    VasyaError,
)
from vasya_server.limits.rules import require_allowed
from vasya_server.operations.mutation import is_unlimited
from vasya_server.operations.record import actor_of

if TYPE_CHECKING:
    from litestar import Litestar

    from vasya_server.api.answer import Answer
    from vasya_server.api.binding import Bound
    from vasya_server.api.event_poll import LongPoll
    from vasya_server.api.event_stream import EventStream
    from vasya_server.api.file_answer import FileAnswer
    from vasya_server.api.history_lines import HistoryLines
    from vasya_server.api.incoming import Incoming
    from vasya_server.gateway import Gateway
    from vasya_server.telegram.accounts import AccountRuntime

_SCHEME: Final = b"bearer"
_JWT_DOTS: Final = 2


class Entrance:
    """Lets in who may, to the operation that they ask for."""

    def __init__(self, app: Litestar, gateway: Gateway) -> None:
        self._find = app.asgi_router.handle_routing
        self._gateway = gateway
        self._limits = gateway.limits
        self._embedded = Principal(
            kind=PrincipalKind.EMBEDDED,
            owner=gateway.owner,
            scopes=frozenset(AccessScope),
            is_human=True,
        )
        public = (o.pattern for o in OPERATIONS if o.access is Access.PUBLIC)
        self._public = re.compile("|".join(public))

    async def __call__(
        self, request: Incoming
    ) -> Answer | FileAnswer | EventStream | LongPoll | HistoryLines:
        """Serve the request.

        Raises:
            Unauthenticated: No principal can be told from it, and its path is not public.
            RouteNotFound, MethodNotAllowed: There is no such operation.
            PermissionDenied: The principal may not.
            LimitReached: Too many requests, or too many wrong credentials.
        """
        try:
            principal = self._known(request) or await self._unknown(request)
        except InvalidCredential as error:
            self._note_failed(request, error)
            raise
        if principal is not None and principal.key_id is not None:
            address = client_address(request.scope, self._gateway.settings.trusted_proxies)
            if not self._gateway.guards.addresses.is_known(principal.lineage, address):
                await note_address(self._gateway, principal, address)
        try:
            bound, path = self._route(request)
        except VasyaError:
            self._tell_left(request, principal)
            raise
        account: AccountRuntime | None = None
        try:
            require_access(bound.operation, principal)
            if principal is not None and (reference := path.get("account")) is not None:
                account = self._gateway.accounts.find(
                    principal.owner, reference, principal.account_ids
                )
            if principal is not None:
                self._take_read(request, bound.operation, principal)
            elif bound.operation.answers_file:
                self._take_file(request)
            return await bound(request, principal, account, path)
        except VasyaError as error:
            self._tell_left(request, principal)
            if (
                principal is not None
                and isinstance(error, PermissionDenied)
                and not isinstance(error, SendingDisabled)
            ):
                self._note_denied(request, bound.operation, principal, account, error)
            raise

    def _note_failed(self, request: Incoming, error: InvalidCredential) -> None:
        """Note a wrong credential and count it by its address; a right one is let in, whatever that count is.

        Raises:
            AuthRateLimited: Too many have come from there.
        """
        address = client_address(request.scope, self._gateway.settings.trusted_proxies)
        self._gateway.denials.note_failed(address, error.code)
        verdict = self._limits.take_failure(address)
        if not verdict.is_allowed:
            raise AuthRateLimited(verdict.retry_after_secs) from error

    def _tell_left(self, request: Incoming, who: Principal | None) -> None:
        """Have the refusal of a request that took nothing say what is left."""
        if who is not None and not request.verdicts:
            request.verdicts = [*self._limits.look(who)[:1]]

    def _take_read(self, request: Incoming, operation: Operation, who: Principal) -> None:
        """Take what every request costs.

        A human's act that may reduce risk is never refused for it, nor a key that ends itself: a client that loops with
        the same token would keep the owner from closing a gate, and a thief of the key its agent from ending it.
        """
        verdict = self._limits.take_read(who)
        request.verdicts = [verdict]
        if not verdict.is_allowed:
            change = operation.mutation
            if change is None or not is_unlimited(who, change, change.may_reduce_risk):
                require_allowed([verdict])

    def _take_file(self, request: Incoming) -> None:
        """Take what a link to a file costs, whatever it opens."""
        address = client_address(request.scope, self._gateway.settings.trusted_proxies)
        verdict = self._limits.take_file(address)
        request.verdicts = [verdict]
        require_allowed([verdict])

    def _note_denied(
        self,
        request: Incoming,
        operation: Operation,
        principal: Principal,
        account: AccountRuntime | None,
        error: PermissionDenied,
    ) -> None:
        """Have a refusal told in the audit log; a closed gate is told there already, as the outcome of an action."""
        self._gateway.denials.note_denied(
            actor_of(principal),
            error.code,
            operation=operation.name,
            request_id=request.request_id,
            account_id=account.id if account else None,
        )

    def _known(self, request: Incoming) -> Principal | None:
        """Return who asks where that is known without asking anybody; None: it is not, or nobody says who asks."""
        given = request.lines(b"authorization")
        if not given:
            return None
        if len(given) > 1:
            raise InvalidToken
        credential = _credential(given[0])
        match _shape(credential):
            case PrincipalKind.AGENT_KEY:
                return self._gateway.keys.cached(credential)
            case PrincipalKind.JWT:
                tokens = self._gateway.tokens
                return tokens.cached(credential.decode("latin-1")) if tokens else None
        token = self._gateway.token
        if token is None or not token.verify(credential.decode("latin-1")):
            raise InvalidToken
        return self._embedded

    async def _unknown(self, request: Incoming) -> Principal | None:
        """Find out who asks; None: nobody who has to be known.

        Raises:
            Unauthenticated: There is no credential, or it is not good.
            StorageFailed: It cannot be found out.
        """
        given = request.header(b"authorization")
        if given is None:
            if self._public.fullmatch(request.path):
                return None
            raise MissingToken
        credential, tokens = _credential(given), self._gateway.tokens
        if _shape(credential) is PrincipalKind.AGENT_KEY:
            return await self._gateway.keys.authenticate(credential)
        if tokens is None:
            raise InvalidToken
        return await tokens.authenticate(credential.decode("latin-1"))

    def _route(self, request: Incoming) -> tuple[Bound, dict[str, str]]:
        """Return the operation, and its path's parameters as they were written."""
        scope = request.scope
        _check_path(scope.get("raw_path") or scope["path"].encode())
        try:
            _, handler, _, path, request.route = self._handling(request.path, request.method)
        except NotFoundException as error:
            raise RouteNotFound from error
        except MethodNotAllowedException as error:
            allowed = (error.headers or {}).get("allow", "").split(", ")
            # Litestar would answer OPTIONS; the edge refuses it.
            raise MethodNotAllowed(tuple(sorted({*allowed} - {"OPTIONS"}))) from error
        return handler.opt[BOUND], path

    def _handling(self, path: str, method: str) -> tuple[Any, Any, Any, Any, Any]:
        """Find what handles a request; the head of a file can be had without the file."""
        if method == "HEAD":
            found = self._find(path=path, method="GET")
            if found[1].opt[BOUND].operation.answers_file:
                return found
        return self._find(path=path, method=method)


def _credential(line: bytes) -> bytes:
    scheme, _, credential = line.partition(b" ")
    if scheme.lower() != _SCHEME:
        raise InvalidToken
    return credential


def _shape(credential: bytes) -> PrincipalKind:
    """Tell the kind by the shape, without falling through: a key or a JWT is never tried as a token (D-2.9)."""
    if credential.startswith(b"vk_"):
        return PrincipalKind.AGENT_KEY
    return PrincipalKind.JWT if credential.count(b".") == _JWT_DOTS else PrincipalKind.EMBEDDED


def _check_path(raw: bytes) -> None:
    """Refuse paths that the router would read as shorter ones.

    A client that puts an empty id into `/accounts/{account}/chats/{chat}` must not reach the route above it.
    """
    if b"//" in raw or raw.endswith(b"/") or (b"%" in raw and b"%2f" in raw.lower()):
        raise RouteNotFound


def is_open_to(operation: Operation, principal: Principal) -> bool:
    """Tell whether *principal* may call *operation* on some account."""
    try:
        require_access(operation, principal)
    except PermissionDenied:
        return False
    return True


def require_access(operation: Operation, principal: Principal | None) -> None:
    """See that *principal*, or nobody in particular, may call *operation* at all.

    Raises:
        MissingToken: It has to be known who asks.
        HumanRequired, ScopeRequired, ScopeDisabled: It is known, and may not.
    """
    access = operation.access
    if access is Access.PUBLIC:
        return
    if principal is None:
        raise MissingToken
    if access is Access.ANY_PRINCIPAL:
        return
    if access is Access.HUMAN:
        if not principal.is_human:
            raise HumanRequired
    elif access in principal.disabled_scopes:
        raise ScopeDisabled(access)
    elif access not in principal.scopes:
        raise ScopeRequired(access)
