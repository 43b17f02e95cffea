"""How clients are told what is left: the header fields of every answer to somebody who is known (D-8.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.api.answer import Header
    from vasya_server.limits.budgets import Balance, Budget
    from vasya_server.limits.gcra import Quota, Verdict


def limit_headers(verdicts: Sequence[Verdict | Balance]) -> Sequence[Header]:
    """Return `RateLimit-Policy` and `RateLimit` for the buckets that a request was taken from; none without any.

    `q` and `w` are what a bucket holds and the time in which an empty one fills; `r` is what is left and `t` when more
    will be. No partition key is told: it would name chats.

    Source: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
    """
    if not verdicts:
        return ()
    quotas: tuple[Quota | Budget, ...] = ()
    left: tuple[int, ...] = ()
    for verdict in verdicts:
        quotas += (verdict.quota,)
        left += verdict.left
    policy, form = _written(*quotas)
    return ((b"ratelimit-policy", policy), (b"ratelimit", form % left))


# A few sets of buckets are all that requests are taken from.
@lru_cache(1024)
def _written(*quotas: Quota | Budget) -> tuple[bytes, bytes]:
    """Return the policies of buckets, and the form of what is left in them."""
    policies: list[bytes] = []
    forms: list[bytes] = []
    for quota in quotas:
        name = quota.name.encode("ascii")
        policies.append(b'"%b";q=%d;w=%d' % (name, quota.burst, quota.window_secs))
        forms.append(b'"%b";r=%%d;t=%%d' % name)
    return b", ".join(policies), b", ".join(forms)
