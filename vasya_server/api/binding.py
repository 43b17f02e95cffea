"""Bind declared operations to Litestar: one lean handler each, one place where exceptions become answers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from vasya_server.api.access import ACCOUNT, OPERATION, PRINCIPAL
from vasya_server.api.answer import Answer
from vasya_server.api.body import read_all
from vasya_server.api.edge import REQUEST_ID
from vasya_server.api.file_answer import FileAnswer
from vasya_server.api.mutating import carry_out
from vasya_server.api.problems import refuse, refuse_bug
from vasya_server.api.receiving import receive_file
from vasya_server.api.refusals import (
    IdempotencyKeyInvalid,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    RouteNotFound,
)
from vasya_server.api.routes import BASE_PATH, OPERATIONS, Call, Kind, Operation
from vasya_server.api.validation import read_body, read_path_id, read_query
from vasya_server.errors import VasyaError
from vasya_server.idempotency.fingerprint import KeyInvalid, parse_idempotency_key
from vasya_server.model.base import OptionalInput, Query
from vasya_server.operations.egress import note_download

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway

_ACCEPTED: Final = ("application/json", "application/*", "*/*")
_log = logging.getLogger("vasya.api")
_encode = msgspec.json.Encoder().encode
AnyRequest = Request[Any, Any, Any]


class NoQuery(Query, frozen=True, kw_only=True):
    """The operation takes no query parameters; any is an error."""


def bind(operation: Operation, gateway: Gateway) -> HTTPRouteHandler:
    """Make the Litestar handler of *operation*."""

    async def handle(request: AnyRequest) -> ASGIApp:
        request_id: str = request.scope["state"][REQUEST_ID]
        try:
            call = await _call(operation, gateway, request, request_id)
            arguments: dict[str, Any] = {}
            query = read_query(call.query_string, operation.query or NoQuery)
            if operation.query is not None:
                arguments["query"] = query
            if operation.body is not None:
                arguments["body"] = read_body(call.body, operation.body)
            if operation.takes_file:
                arguments["file"] = await receive_file(request, call.account, gateway.settings)
            if operation.mutation is not None:
                return await carry_out(call, operation.mutation, arguments)
            answer = await operation.handler(call, **arguments)
        except VasyaError as error:
            return refuse(error, request_id)
        if operation.answers_file:
            await note_download(gateway, call.who, call.account, answer, request_id)
            return FileAnswer(answer, gateway.settings.media_idle_secs)
        return Answer(operation.status, b"" if answer is None else _encode(answer))

    handle.__name__ = handle.__qualname__ = operation.name
    return HTTPRouteHandler(
        BASE_PATH + operation.path.replace("}", ":str}"),
        http_method=operation.method,
        name=operation.name,
        status_code=HTTPStatus.OK,  # the response says its own; Litestar would forbid a body to DELETE
        opt={OPERATION: operation},
        include_in_schema=False,
    )(handle)


async def _call(
    operation: Operation, gateway: Gateway, request: AnyRequest, request_id: str
) -> Call:
    state = request.scope["state"]
    if not operation.answers_file:
        _check_accept(request)
    path = {name: str(value) for name, value in request.path_params.items()}
    return Call(
        gateway=gateway,
        operation=operation,
        request_id=request_id,
        request_path=request.scope["path"],
        principal=state.get(PRINCIPAL),
        account_runtime=state.get(ACCOUNT),
        path=path,
        message=read_path_id(path["message"], "message") if "message" in path else None,
        query_string=request.scope["query_string"],
        idempotency_key=None if operation.kind is Kind.NONE else _idempotency_key(request),
        body=await _body(operation, gateway, request),
    )


async def _body(operation: Operation, gateway: Gateway, request: AnyRequest) -> bytes:
    """Read a JSON body; one that may be left out says nothing then."""
    if operation.body is None:
        return b""
    body = await read_all(request.receive, gateway.settings)
    return body or (b"{}" if issubclass(operation.body, OptionalInput) else b"")


def _check_accept(request: AnyRequest) -> None:
    accept = request.headers.get("accept")
    if accept and not any(
        part.partition(";")[0].strip().lower() in _ACCEPTED for part in accept.split(",")
    ):
        raise NotAcceptable


def _idempotency_key(request: AnyRequest) -> str | None:
    try:
        return parse_idempotency_key(request.headers.getall("idempotency-key", []))
    except KeyInvalid as error:
        raise IdempotencyKeyInvalid from error


def answer_refusal(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer what Litestar itself refuses: an unknown path, a wrong method, a path that cannot be read."""
    refusal: VasyaError = MalformedRequest()
    if isinstance(error, NotFoundException):
        refusal = RouteNotFound()
    elif isinstance(error, MethodNotAllowedException):
        refusal = MethodNotAllowed(_methods(request.scope["path"]))
    elif not isinstance(error, HTTPException) or error.status_code >= 500:  # noqa: PLR2004
        return answer_bug(request, error)
    return _response(refuse(refusal, request.scope["state"][REQUEST_ID]))


def _methods(path: str) -> tuple[str, ...]:
    """Return the methods that *path* takes: Litestar does not say them."""
    parts = path.removeprefix(BASE_PATH).strip("/").split("/")
    return tuple(sorted({o.method for o in OPERATIONS if _matches(o.path, parts)}))


def _matches(template: str, parts: list[str]) -> bool:
    wanted = template.strip("/").split("/")
    return len(wanted) == len(parts) and all(
        part == want or want.startswith("{") for want, part in zip(wanted, parts, strict=True)
    )


def answer_bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer 500 with the request id alone; the cause goes to the log, without any local variable."""
    request_id = request.scope["state"][REQUEST_ID]
    _log.error("bug in a handler", exc_info=error, extra={"request_id": request_id})
    return _response(refuse_bug(request_id))


def _response(answer: Answer) -> Response[bytes]:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=answer.media_type,
        headers=dict(answer.headers),
    )
