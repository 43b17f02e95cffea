"""What is left of a credential's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.limits import BucketState, BudgetState, BudgetStates, Limits
from vasya_server.operations.budgeting import balances_of
from vasya_server.operations.pacing import is_paced

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.limits.budgets import Balance
    from vasya_server.limits.gcra import Verdict


@read("/accounts/{account}/limits", Scope.ACCOUNTS_READ)
async def get_limits(call: Call) -> Limits:
    """Tell what limits this credential now, and what Telegram keeps the account from doing.

    Each of `buckets` has `remaining` of `quota` left and more in `resetSecs`; this request is counted already. `account`
    is the pace of all sends of the account, `newpeer` the new chats that keys may begin from it, `sends_per_day` and
    `new_chats_per_day` are the key's budgets. `floods` names
    the methods that Telegram asked to be left alone, now or in the last day; `restrictions` says in a sentence each what is
    refused without asking Telegram, until when, and what goes on. Nothing is asked of Telegram. An empty `read` answers
    429 `rate_limited` with `retryAfterSecs`; an empty `mutate` only refuses changes so.
    """
    account, who, limits = call.account.runtime, call.who, call.gateway.limits
    more: list[Verdict | Balance] = [*balances_of(call.gateway, who)]
    if not who.is_human:
        more.append(limits.look_new_chat(account.id))
    pace = limits.turns.state(account.id)
    if pace is not None and is_paced(call.gateway, account.owner):
        more.append(pace)
    return Limits(
        buckets=[*describe_limits(call.gateway, who), *map(_bucket, more)],
        floods=account.breakers.floods(),
        restrictions=account.breakers.restrictions(who),
    )


def describe_limits(gateway: Gateway, who: Principal) -> list[BucketState]:
    """Return the buckets of *who* as they are now; nothing is taken from them."""
    return [_bucket(verdict) for verdict in gateway.limits.look(who)]


def describe_budgets(gateway: Gateway, who: Principal) -> BudgetStates | None:
    """Return what is left of the budgets of *who*; None where it has none."""
    told = {
        balance.quota.name: BudgetState(
            limit=balance.quota.burst, remaining=balance.left[0], reset_secs=balance.left[1]
        )
        for balance in balances_of(gateway, who)
    }
    return BudgetStates(**told) if told else None


def _bucket(verdict: Verdict | Balance) -> BucketState:
    remaining, reset_secs = verdict.left
    return BucketState(
        name=verdict.quota.name,
        quota=verdict.quota.burst,
        window_secs=verdict.quota.window_secs,
        remaining=remaining,
        reset_secs=reset_secs,
    )
