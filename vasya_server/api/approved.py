"""Do what a human has agreed to: the stored request becomes a call again, made by its key as that key is now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from vasya_server.api.access import require_access
from vasya_server.api.mutating import carry_out_approved
from vasya_server.api.refusing import refuse
from vasya_server.api.routes import BASE_PATH, OPERATIONS, Call
from vasya_server.api.validation import read_body, read_path_numbers, read_query
from vasya_server.errors import AccessDenied
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.ids import new_request_id

if TYPE_CHECKING:
    from typing import Any

    from vasya_server.api.routes import Operation
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.asked import Question
    from vasya_server.operations.approvals import Approved


class Executor:
    """Makes calls of stored requests."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def execute(
        self, approved: Approved, principal: Principal, watch: Watch, request_id: str | None
    ) -> None:
        """Send the action through the one path of every mutation, by what its key may do now.

        Raises:
            PermissionDenied: The key may not do it any more.
            VasyaError: As the path says.
        """
        question = approved.question
        operation, path = _operation(question), question.path
        require_access(operation, principal)
        account = self._gateway.accounts.find(
            principal.owner, path["account"], principal.account_ids
        )
        call = Call(
            gateway=self._gateway,
            operation=operation,
            request_id=request_id or new_request_id(),
            request_path=BASE_PATH
            + operation.path.format(**{name: quote(said, safe="@") for name, said in path.items()}),
            principal=principal,
            account_runtime=account,
            path=path,
            numbers=read_path_numbers(path),
            query_string=urlencode(question.query).encode(),
            idempotency_key=None,
            verdicts=[],
            watch=watch,
        )
        arguments: dict[str, Any] = {}
        if operation.query is not None:
            arguments["query"] = read_query(call.query_string, operation.query)
        if operation.body is not None:
            arguments["body"] = read_body(question.content, operation.body)
        await carry_out_approved(call, arguments, approved)

    def refusal(self, error: VasyaError) -> StoredAnswer:
        """Return *error* as it is told and stored."""
        refused = refuse(error, new_request_id())
        return StoredAnswer(refused.status, refused.body)


def _operation(question: Question) -> Operation:
    for operation in OPERATIONS:
        if (operation.method, operation.path) == question.route:
            return operation
    raise AccessDenied("This version of the server does not know what was asked for.")
