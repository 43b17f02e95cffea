"""What is left of a credential's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.limits import BucketState, Limits

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway


@read("/accounts/{account}/limits", Scope.ACCOUNTS_READ)
async def get_limits(call: Call) -> Limits:
    """Tell what limits this credential now, and what Telegram keeps the account from doing.

    Each of `buckets` has `remaining` of `quota` requests left and more in `resetSecs`; this request is counted already.
    Nothing is asked of Telegram. An empty `read` answers 429 `rate_limited` with `retryAfterSecs`; an empty `mutate` only
    refuses changes so.
    """
    return Limits(
        buckets=describe_limits(call.gateway, call.who),
        restrictions=call.account.runtime.describe().restrictions,
    )


def describe_limits(gateway: Gateway, who: Principal) -> list[BucketState]:
    """Return the buckets of *who* as they are now; nothing is taken from them."""
    return [
        BucketState(
            name=quota.name,
            quota=quota.burst,
            window_secs=quota.window_secs,
            remaining=remaining,
            reset_secs=reset_secs,
        )
        for quota, (remaining, reset_secs) in (
            (verdict.quota, verdict.left) for verdict in gateway.limits.look(who)
        )
    ]
