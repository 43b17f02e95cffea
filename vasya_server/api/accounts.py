"""The accounts that a credential reaches."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vasya_server.api.paging import page
from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.account import Account, AccountDeleted, AccountPage, AccountPatch
from vasya_server.model.base import Query
from vasya_server.operations import Ready, always, local, telegram
from vasya_server.operations.deciding import cancel_actions

_END_BY_HAND = (
    "Telegram did not confirm the log-out: end the session in a Telegram app, in Settings, Devices."
)


class AccountQuery(Query, frozen=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


@read("/accounts", Scope.ACCOUNTS_READ)
async def list_accounts(call: Call, query: AccountQuery) -> AccountPage:
    """List the Telegram accounts that this credential reaches, newest first.

    Nothing is dialled: `status` is what is known now. A cursor that is not from this list answers 422
    `validation_failed`.
    """
    accounts = call.gateway.accounts.list(call.who.owner, call.who.account_ids)
    described = [account.describe(call.who) for account in reversed(accounts)]
    items, position = page(call, described, query.limit, query.cursor, lambda a: a.account_id)
    return AccountPage(items=items, next=position)


@read("/accounts/{account}", Scope.ACCOUNTS_READ)
async def get_account(call: Call) -> Account:
    """Tell one account's status, user and restrictions.

    The phone number is masked. An account that is not yours and one that does not exist answer the same 403
    `access_denied`.
    """
    return call.account.runtime.describe(call.who)


@mutation(
    "PATCH",
    "/accounts/{account}",
    Access.HUMAN,
    local(Action.ACCOUNT_UPDATE, reduces_risk=lambda body: body.can_send is False),
)
async def update_account(call: Call, _ready: Ready, body: AccountPatch) -> Account:
    """Change an account's alias, its send gate, or whether it is kept connected.

    Only the fields that are sent change; `canSend: false` closes the account for every send, edit and delete at once.
    An alias that another account has answers 422 `validation_failed`.
    """
    return await call.account.runtime.update(body)


@mutation(
    "DELETE",
    "/accounts/{account}",
    Scope.ACCOUNTS_DELETE,
    telegram(Action.ACCOUNT_DELETE, reduces_risk=always, is_rehearsed=False),
    is_destructive=True,
)
async def delete_account(call: Call, _ready: Ready) -> AccountDeleted:
    """Log the account out at Telegram and erase its session and everything kept about it.

    It cannot be undone; the Telegram account itself stays. `isLoggedOut` is false where Telegram could not be asked:
    everything here is erased all the same, and the remedy says how to end the session from a phone. Repeating it
    answers 403 `access_denied`, because the account is no longer there.
    """
    runtime = call.account.runtime
    await cancel_actions(call.gateway, runtime.owner, account_id=runtime.id)
    is_logged_out = await runtime.log_out()
    return AccountDeleted(
        account_id=runtime.id,
        is_logged_out=is_logged_out,
        remedy=None if is_logged_out else _END_BY_HAND,
    )


@mutation(
    "POST",
    "/accounts/{account}/connect",
    Scope.ACCOUNTS_WRITE,
    local(Action.ACCOUNT_CONNECT),
)
async def connect_account(call: Call, _ready: Ready) -> Account:
    """Connect the account to Telegram now instead of at its next use.

    Connecting what is connected changes nothing. Answers 503 `telegram_unavailable` when Telegram cannot be reached,
    409 `account_reauth_required` when Telegram has ended the session.
    """
    await call.account.runtime.connect()
    return call.account.runtime.describe(call.who)


@mutation(
    "POST",
    "/accounts/{account}/disconnect",
    Scope.ACCOUNTS_WRITE,
    local(Action.ACCOUNT_DISCONNECT),
)
async def disconnect_account(call: Call, _ready: Ready) -> Account:
    """Close the account's connection to Telegram; the session stays and the next use connects again.

    Disconnecting what is not connected changes nothing. An account of somebody else answers 403 `access_denied`.
    """
    await call.account.runtime.disconnect()
    return call.account.runtime.describe(call.who)
