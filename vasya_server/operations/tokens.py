"""Revoking an owner's own JWTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.auth.jwt import LEEWAY
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.telegram.time_reference import parse_time

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway
    from vasya_server.ids import OwnerId
    from vasya_server.model.token import TokenRevocation


async def revoke_tokens_of(gateway: Gateway, owner: OwnerId, wanted: TokenRevocation) -> None:
    """Deny what is *wanted*, from the next request on; tokens of other owners are not touched, whatever they are called.

    Raises:
        ValidationFailed: It names neither or both, or a time that is none, or lies ahead: nobody could come in until then.
    """
    if (wanted.jti is None) == (wanted.all_issued_before is None):
        raise ValidationFailed(FieldError("", "exactly_one", ("jti", "allIssuedBefore")))
    if wanted.jti is not None:
        await gateway.denied.deny(owner, wanted.jti)
        return
    now = gateway.clock.now()
    at = parse_time(wanted.all_issued_before or "", now=now, pointer="/allIssuedBefore")
    if at > now + LEEWAY:
        raise ValidationFailed(FieldError("/allIssuedBefore", "in_future"))
    await gateway.denied.deny_issued_before(owner, at)
