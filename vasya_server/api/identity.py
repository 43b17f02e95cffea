"""Who the caller is, and what this API is."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vasya_server.api.access import is_open_to
from vasya_server.api.limits import describe_budgets, describe_limits
from vasya_server.api.openapi import document
from vasya_server.api.routes import OPERATIONS, Access, Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.errors import MissingToken
from vasya_server.model.account import AccountRestriction
from vasya_server.model.base import Query
from vasya_server.model.service import AccountName, WhoAmI
from vasya_server.operations.agent_keys import approval_told, chats_told


class WhoAmIQuery(Query, frozen=True, kw_only=True):
    """What is told beside the rest."""

    include: tuple[Literal["operations"], ...] = ()


@read("/whoami", Access.ANY_PRINCIPAL)
async def get_whoami(call: Call, query: WhoAmIQuery) -> WhoAmI:
    """Tell who the credential stands for, what it may do, which accounts and chats it reaches, and until when.

    Call it first: the account ids and aliases in it are what `{account}` takes. `limits` says what is left of each
    bucket, `include=operations` adds the operationIds that this credential may call. Answers 401 `invalid_token` when the
    credential is not valid.
    """
    who = call.who
    settings = await call.gateway.owner_settings.of(who.owner)
    accounts = call.gateway.accounts.list(who.owner, who.account_ids)
    return WhoAmI(
        kind=who.kind.value,
        key_id=who.key_id,
        key_name=who.key_name,
        scopes=_sorted(who.scopes),
        accounts=[
            AccountName(account_id=account.id, alias=account.record.alias) for account in accounts
        ],
        chats=None if who.chats is None else chats_told(who.chats),
        budgets=describe_budgets(call.gateway, who),
        **approval_told(who.policy),
        undo_secs=who.policy.undo_secs,
        limits=describe_limits(call.gateway, who),
        expires_at=who.expires_at,
        operations=[o.name for o in OPERATIONS if is_open_to(o, who)]
        if "operations" in query.include
        else None,
        now=call.gateway.clock.now(),
        time_zone=settings.time_zone,
        restrictions=[
            AccountRestriction(account_id=account.id, **msgspec.structs.asdict(told))
            for account in accounts
            for told in account.breakers.restrictions(who)
        ],
    )


@lru_cache(256)
def _sorted(scopes: frozenset[Scope]) -> list[str]:
    """Return *scopes* in their order; most requests come with one of a few sets."""
    return sorted(scopes)


class DocumentQuery(Query, frozen=True, kw_only=True):
    """Which operations the document holds."""

    for_: (
        Annotated[
            Literal["me"], Meta(description="Only what the credential of this request may call.")
        ]
        | None
    ) = msgspec.field(default=None, name="for")


@read("/openapi.json", Access.PUBLIC)
async def get_openapi(call: Call, query: DocumentQuery) -> dict[str, Any]:
    """Give this API's description, OpenAPI 3.1.

    With `for=me` it holds only the operations that the request's credential may call, and answers 401 `missing_token`
    without one.
    """
    if query.for_ is None:
        return document(OPERATIONS)
    if call.principal is None:
        raise MissingToken
    return document([o for o in OPERATIONS if is_open_to(o, call.principal)])
