"""A refusal as it is on the wire.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.model.base import Wire
from vasya_server.model.chat import Candidate
from vasya_server.model.preview import Preview
from vasya_server.model.service import AccountName


class FieldProblem(Wire, frozen=True, kw_only=True):
    """One wrong field: a JSON Pointer into the body, `?name` in the query, or `{name}` in the path."""

    pointer: str
    code: str = msgspec.field()
    allowed: list[str] = msgspec.field(default_factory=list)


class Problem(Wire, frozen=True, kw_only=True):
    """Why a request was refused, in RFC 9457's shape; branch on *code*, act on *remedy*."""

    type: str = msgspec.field()
    title: str = msgspec.field()
    status: int = msgspec.field()
    code: str = msgspec.field()
    detail: str = msgspec.field()
    instance: str = msgspec.field()
    request_id: str = msgspec.field()
    is_retryable: bool = msgspec.field()
    retry_after_secs: int | None = None
    remedy: str | None = None
    errors: list[FieldProblem] = msgspec.field(default_factory=list)
    required_scope: str | None = None
    action_id: str | None = None
    message_id: int | None = None
    oldest_cursor: str | None = None
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    accounts: list[AccountName] = msgspec.field(default_factory=list)
    telegram_error: str | None = None
    violated_policies: list[str] = msgspec.field(default_factory=list)
    preview: Preview | None = None
    applied: Annotated[
        list[str],
        Meta(description="JSON Pointers to what of the body was changed before this was refused."),
    ] = msgspec.field(default_factory=list)
