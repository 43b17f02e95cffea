"""Bind declared operations: Litestar knows their paths, `Bound` reads what they take and runs them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from litestar.handlers import HTTPRouteHandler

from vasya_server.api.answer import Answer, encoded
from vasya_server.api.body import read_all
from vasya_server.api.event_poll import LongPoll
from vasya_server.api.event_stream import MEDIA_TYPE, EventStream
from vasya_server.api.file_answer import answer_file
from vasya_server.api.forms import is_form
from vasya_server.api.history_lines import NDJSON
from vasya_server.api.mutating import carry_out
from vasya_server.api.receiving import receive_file, receive_message
from vasya_server.api.refusals import IdempotencyKeyInvalid, NotAcceptable
from vasya_server.api.routes import BASE_PATH, Call, Kind, Operation
from vasya_server.api.validation import read_body, read_path_numbers, read_query, take_dry_run
from vasya_server.idempotency.fingerprint import KeyInvalid, parse_idempotency_key
from vasya_server.model.action import Accepted
from vasya_server.model.base import OptionalInput, Query
from vasya_server.operations.egress import Egress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vasya_server.api.file_answer import FileAnswer
    from vasya_server.api.history_lines import HistoryLines
    from vasya_server.api.incoming import Incoming
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.requests.downloads import Download

BOUND: Final = "bound"
_ACCEPTED: Final = (b"application/json", b"application/*", b"*/*")
_STREAM_ACCEPTED: Final = (MEDIA_TYPE, b"text/*", b"*/*")
_encode: Final = msgspec.json.Encoder().encode


class NoQuery(Query, frozen=True, kw_only=True):
    """The operation takes no query parameters; any is an error."""


def bind(operation: Operation, gateway: Gateway) -> HTTPRouteHandler:
    """Give Litestar the path of *operation*, and under it what runs the operation."""

    async def handle() -> NoReturn:
        raise LookupError("internal error: Litestar finds operations and runs none")

    handle.__name__ = handle.__qualname__ = operation.name
    return HTTPRouteHandler(
        BASE_PATH + operation.path.replace("}", ":str}"),
        http_method=operation.method,
        name=operation.name,
        status_code=HTTPStatus.OK,
        opt={BOUND: Bound(operation, gateway)},
        include_in_schema=False,
    )(handle)


class Bound:
    """One operation of one gateway."""

    def __init__(self, operation: Operation, gateway: Gateway) -> None:
        self.operation = operation
        self._gateway = gateway
        self._is_change = operation.kind is not Kind.NONE
        self._may_rehearse = operation.kind is Kind.TELEGRAM
        self._answers_file = operation.answers_file
        self._answers_events = operation.answers_events
        self._answers_lines = operation.answers_lines
        self._is_watched = self._is_change or operation.answers_file or operation.answers_events
        self._is_stream = operation.answer is EventStream
        self._may_lack_body = operation.body is not None and issubclass(
            operation.body, OptionalInput
        )

    async def __call__(
        self,
        request: Incoming,
        principal: Principal | None,
        account: AccountRuntime | None,
        path: Mapping[str, str],
    ) -> Answer | FileAnswer | EventStream | LongPoll | HistoryLines:
        """Read what the operation takes, run it, and return its answer.

        Raises:
            VasyaError: The request is not as the operation takes it, or the operation refuses.
        """
        operation, gateway = self.operation, self._gateway
        wants_lines = self._answers_lines and _names(request, NDJSON)
        watch = self._watch(principal) if self._is_watched or wants_lines else None
        if not (self._answers_file or wants_lines):
            _check_accept(request, _STREAM_ACCEPTED if self._is_stream else _ACCEPTED)
        is_dry_run, query = self._query(request)
        call = Call(
            gateway=gateway,
            operation=operation,
            request_id=request.request_id,
            request_path=request.path,
            principal=principal,
            account_runtime=account,
            path=path,
            numbers=read_path_numbers(path),
            query_string=query,
            is_dry_run=is_dry_run,
            idempotency_key=_idempotency_key(request) if self._is_change else None,
            verdicts=request.verdicts,
            watch=watch,
            host=request.header(b"host"),
            wants_lines=wants_lines,
            last_event_id=_last_event_id(request) if self._is_stream else None,
        )
        arguments = await self._arguments(request, call)
        if operation.mutation is not None:
            return await carry_out(call, operation.mutation, arguments)
        answer = await operation.handler(call, **arguments)
        if self._answers_file:
            return await _handed_out(answer, request, call)
        if self._answers_events or wants_lines:
            return await _begun(answer, request)
        return _answered(operation.status, answer)

    def _watch(self, principal: Principal | None) -> Watch | None:
        """Watch the key that asks, from before the body is read: a client that is slow must not outlast what becomes of it."""
        if principal is None or principal.key_id is None:
            return None
        return self._gateway.keys.watch(principal.key_id)

    def _query(self, request: Incoming) -> tuple[bool, bytes]:
        """Tell whether a change is only to be rehearsed, and return the rest of the query."""
        raw = request.scope["query_string"]
        return take_dry_run(raw) if self._may_rehearse else (False, raw)

    async def _arguments(self, request: Incoming, call: Call) -> dict[str, Any]:
        operation = self.operation
        is_sent_as_form = operation.takes_form and is_form(request)
        # Read in full before anything is said of the query: a client that is still sending hears no refusal.
        body = b""
        if operation.body is not None and not is_sent_as_form:
            body = await self._read_body(request)
        arguments: dict[str, Any] = {}
        if operation.query is not None:
            arguments["query"] = read_query(call.query_string, operation.query)
        elif call.query_string:
            read_query(call.query_string, NoQuery)
        if is_sent_as_form:
            arguments["body"] = await receive_message(request, call)
        elif operation.body is not None:
            arguments["body"] = read_body(body, operation.body)
        if operation.takes_file:
            arguments["file"] = await receive_file(request, call)
        return arguments

    async def _read_body(self, request: Incoming) -> bytes:
        """Read a JSON body; one that may be left out says nothing then."""
        body = await read_all(request.receive, self._gateway.settings)
        return body or (b"{}" if self._may_lack_body else b"")


async def _handed_out(download: Download, request: Incoming, call: Call) -> FileAnswer:
    """Return a file on its way to whoever it was opened for, which is not always who asked: a link speaks for its maker."""
    gateway, watch = call.gateway, call.watch
    if watch is None and (key_id := download.account.principal.key_id) is not None:
        watch = gateway.keys.watch(key_id)
    egress = Egress(gateway, download, call.request_id)
    idle_secs = gateway.settings.media_idle_secs
    return await answer_file(request, egress, idle_secs=idle_secs, watch=watch)


def _answered(status: int, answer: Any) -> Answer:  # noqa: ANN401 — whatever the handler answers
    if isinstance(answer, Accepted):
        headers = encoded([("action-id", answer.action_id)])
        return Answer(HTTPStatus.ACCEPTED, _encode(answer), headers=headers)
    return Answer(status, b"" if answer is None else _encode(answer))


async def _begun(
    answer: EventStream | LongPoll | HistoryLines, request: Incoming
) -> Answer | EventStream | LongPoll | HistoryLines:
    """Return what goes on when the request is in flight no more; a poll that does not wait is answered within it."""
    if isinstance(answer, LongPoll) and not answer.wait_secs:
        return await answer.answer(request)
    return answer


def _last_event_id(request: Incoming) -> str | None:
    value = request.header(b"last-event-id")
    return value.decode("latin-1") if value else None


def _check_accept(request: Incoming, accepted: tuple[bytes, ...]) -> None:
    accept = request.header(b"accept")
    if (
        accept
        and accept != b"*/*"
        and not any(
            part.partition(b";")[0].strip().lower() in accepted for part in accept.split(b",")
        )
    ):
        raise NotAcceptable


def _names(request: Incoming, media_type: bytes) -> bool:
    """Tell whether the client names exactly this media type among those that it takes."""
    accept = request.header(b"accept") or b""
    return any(part.partition(b";")[0].strip().lower() == media_type for part in accept.split(b","))


def _idempotency_key(request: Incoming) -> str | None:
    lines = request.lines(b"idempotency-key")
    if not lines:
        return None
    try:
        return parse_idempotency_key([line.decode("latin-1") for line in lines])
    except KeyInvalid as error:
        raise IdempotencyKeyInvalid from error
