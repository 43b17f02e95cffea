"""The JWTs of the caller's owner, which are made elsewhere and can be ended here."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.model.token import TokenRevocation
from vasya_server.operations import Ready, always, local
from vasya_server.operations.tokens import revoke_tokens_of


@mutation(
    "POST",
    "/tokens/revoke",
    Access.HUMAN,
    local(Action.TOKEN_REVOKE, reduces_risk=always),
    status=204,
)
async def revoke_tokens(call: Call, _ready: Ready, body: TokenRevocation) -> None:
    """Revoke JWTs of the caller's own: one by its `jti`, or all that were issued before a moment.

    It holds from the next request on, for good, and even with a full disk; the token of this request may be among them.
    A token without `iat` counts as older than any moment. Agent keys are not touched. A moment more than 30 seconds
    ahead, and a body with neither or both of the fields, answer 422 `validation_failed`.
    """
    await revoke_tokens_of(call.gateway, call.who.owner, body)
