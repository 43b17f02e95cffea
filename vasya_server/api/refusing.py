"""Turn every refusal into RFC 9457 problem+json.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server import errors
from vasya_server.api.answer import PROBLEM_JSON, Answer, Header, encoded
from vasya_server.api.problems import INTERNAL, PROBLEMS
from vasya_server.api.refusals import RangeNotSatisfiable
from vasya_server.model.preview import Reason
from vasya_server.model.problem import FieldProblem, Problem
from vasya_server.model.service import AccountName

if TYPE_CHECKING:
    from vasya_server.errors import VasyaError

_encode: Final = msgspec.json.Encoder().encode


def refuse(error: VasyaError, request_id: str) -> Answer:
    """Render *error* as the answer to the request *request_id*."""
    row = PROBLEMS[error.code]
    wait = getattr(error, "retry_after_secs", None)
    problem = _problem(error.code, error.detail, request_id)
    problem = msgspec.structs.replace(
        problem,
        is_retryable=row.is_retryable if error.is_retryable is None else error.is_retryable,
        retry_after_secs=wait,
        remedy=error.remedy or row.remedy,
        action_id=error.action_id,
        **_members(error),
    )
    return Answer(row.status, _encode(problem), PROBLEM_JSON, _headers(error, wait))


def reason(error: VasyaError) -> Reason:
    """Render *error* as one of the things that would stop a change."""
    return Reason(
        code=error.code, detail=error.detail, remedy=error.remedy or PROBLEMS[error.code].remedy
    )


def refuse_bug(request_id: str) -> Answer:
    """Render a bug: nothing about it leaves the process but the request id."""
    problem = _problem(INTERNAL, "The server failed; nothing more is said here.", request_id)
    problem = msgspec.structs.replace(problem, remedy=PROBLEMS[INTERNAL].remedy)
    return Answer(PROBLEMS[INTERNAL].status, _encode(problem), PROBLEM_JSON)


def _problem(code: str, detail: str, request_id: str) -> Problem:
    row = PROBLEMS[code]
    return Problem(
        type=f"urn:vasya:problem:{code}",
        title=row.title,
        status=row.status,
        code=code,
        detail=detail,
        instance=f"urn:vasya:request:{request_id}",
        request_id=request_id,
        is_retryable=row.is_retryable,
    )


def _members(error: VasyaError) -> dict[str, object]:
    """Return the members that only this kind of error has."""
    member: dict[str, object] = {"applied": list(error.applied)}
    if error.preview is not None:
        member["preview"] = error.preview
    match error:
        case errors.ValidationFailed():
            member["errors"] = [
                FieldProblem(pointer=e.pointer, code=e.code, allowed=list(e.allowed))
                for e in error.errors
            ]
        case errors.ChatNotFound():
            member["candidates"] = list(error.candidates)
        case errors.AccountAmbiguous():
            member["accounts"] = [
                AccountName(account_id=c.account_id, alias=c.alias) for c in error.choices
            ]
        case errors.ScopeRequired():
            member["required_scope"] = error.required_scope
        case errors.IdempotencyKeyStale():
            member["message_id"] = error.message_id
        case errors.CursorExpired():
            member["oldest_cursor"] = error.oldest
        case errors.RateLimited() | errors.BudgetExhausted():
            member["violated_policies"] = list(error.violated)
        case errors.TelegramError():
            member["telegram_error"] = error.rpc_name
    return member


def _headers(error: VasyaError, wait: int | None) -> tuple[Header, ...]:
    headers: list[tuple[str, str]] = []
    if error.action_id is not None:
        headers.append(("action-id", error.action_id))
    if wait is not None:
        headers.append(("retry-after", str(wait)))
    match error:
        case errors.MissingToken():
            # RFC 6750 3.1: no error code where the request carried no credential at all.
            headers.append(("www-authenticate", 'Bearer realm="vasya"'))
        case errors.Unauthenticated():
            # RFC 6750 3.1 knows one word for every credential that is not good.
            headers.append(("www-authenticate", 'Bearer realm="vasya", error="invalid_token"'))
        case RangeNotSatisfiable():
            headers.append(("content-range", f"bytes */{error.size_bytes}"))
    if allowed := getattr(error, "allowed_methods", ()):
        headers.append(("allow", ", ".join(allowed)))
    if getattr(error, "closes_connection", False):
        headers.append(("connection", "close"))
    return encoded(headers)
