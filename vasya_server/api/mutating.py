"""Hand a mutation over to `operations.perform`, and make an HTTP answer of what it returns."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from vasya_server.api.answer import JSON, PROBLEM_JSON, Answer
from vasya_server.api.refusing import reason, refuse
from vasya_server.auth.scopes import Scope
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.ids import new_action_id
from vasya_server.model.base import ShownOnce
from vasya_server.operations import Intent, Rendering, perform
from vasya_server.operations.approved import perform_approved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vasya_server.api.answer import Header
    from vasya_server.api.receiving import ReceivedFile
    from vasya_server.api.routes import Call
    from vasya_server.errors import VasyaError
    from vasya_server.operations import Mutation, Performed, Ready
    from vasya_server.operations.approvals import Approved

_encode: Final = msgspec.json.Encoder().encode
# Two bodies that say the same are one request, in whatever order they say it.
_encode_canonical: Final = msgspec.json.Encoder(order="sorted").encode


async def carry_out(call: Call, mutation: Mutation, arguments: Mapping[str, Any]) -> Answer:
    """Perform the mutation that *call* asks for, with the query and body that were read from it."""
    doing = _Doing(call, arguments)
    performed = await perform(
        call.gateway, _intent(call, mutation, arguments), doing.execute, doing.rendering
    )
    # Only who made it is shown a secret: a request that is answered from what is stored has made nothing.
    return _response(performed, call.idempotency_key, body=doing.shown)


async def carry_out_approved(call: Call, arguments: Mapping[str, Any], approved: Approved) -> None:
    """Perform the mutation that was asked for in *call*, and that a human has agreed to."""
    mutation = call.operation.mutation
    if mutation is None:
        raise LookupError(call.operation.name)
    doing = _Doing(call, arguments)
    intent = _intent(call, mutation, arguments)
    await perform_approved(call.gateway, intent, doing.execute, doing.rendering, approved)


class _Doing:
    """The handler of one call, as the path calls it."""

    def __init__(self, call: Call, arguments: Mapping[str, Any]) -> None:
        self._call = call
        self._arguments = arguments
        self.shown: bytes | None = None
        self.rendering: Rendering[Any] = Rendering(self._answer, self._refusal, reason)

    async def execute(self, ready: Ready) -> Any:  # noqa: ANN401 — whatever the handler answers
        """Run the handler."""
        return await self._call.operation.handler(self._call, ready, **self._arguments)

    def _answer(self, made: Any) -> StoredAnswer:  # noqa: ANN401 — as above
        if isinstance(made, ShownOnce):
            self.shown = _encode(made)
            made = made.kept()
        status, content = self._call.operation.status, b"" if made is None else _encode(made)
        return StoredAnswer(status, content, _location(self._call, made))

    def _refusal(self, error: VasyaError) -> StoredAnswer:
        refused = refuse(error, self._call.request_id)
        return StoredAnswer(refused.status, refused.body)


def _intent(call: Call, mutation: Mutation, arguments: Mapping[str, Any]) -> Intent:
    body = arguments.get("body")
    file: ReceivedFile | None = arguments.get("file")
    content = b"" if body is None else _encode_canonical(body)
    return Intent(
        mutation=mutation,
        action_id=new_action_id(),
        request_id=call.request_id,
        principal=call.who,
        account=call.account_runtime,
        idempotency_key=call.idempotency_key,
        route=(call.operation.method, call.operation.path),
        scope=access if isinstance(access := call.operation.access, Scope) else None,
        path=call.path,
        query=dict(parse_qsl(call.query_string.decode(), keep_blank_values=True))
        if call.query_string
        else {},
        content=content if file is None else file.content,
        parts=mutation.parts(body),
        reduces_risk=mutation.reduces_risk(body),
        source=mutation.source(body),
        subject=mutation.subject(body),
        verdicts=call.verdicts,
        body=body,
        is_dry_run=call.is_dry_run,
        watch=call.watch,
    )


def _location(call: Call, made: Any) -> str | None:  # noqa: ANN401 — whatever the handler answers
    """Return where what was created stands: in the list that it was posted to, or in that of what it replaces."""
    made_id = getattr(made, "id", None)
    if call.operation.status != HTTPStatus.CREATED or made_id is None:
        return None
    listed_at = call.request_path
    if call.operation.path.endswith("}/rotate"):
        listed_at = listed_at.rsplit("/", 2)[0]
    return f"{listed_at}/{made_id}"


def _response(
    performed: Performed, idempotency_key: str | None, *, body: bytes | None = None
) -> Answer:
    """Make the answer.

    Args:
        body: What this one caller is told instead of what is stored.
    """
    stored = performed.answer
    if performed.is_dry_run:
        return Answer(stored.status, stored.body)
    headers: list[Header] = [(b"action-id", performed.action_id.encode("latin-1"))]
    if idempotency_key is not None:
        headers.append((b"idempotency-key", idempotency_key.encode("latin-1")))
    if performed.is_replayed:
        headers.append((b"idempotency-replayed", b"true"))
    if stored.location is not None:
        headers.append((b"location", stored.location.encode("latin-1")))
    media_type = PROBLEM_JSON if stored.is_problem else JSON
    return Answer(stored.status, stored.body if body is None else body, media_type, headers)
