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
        return []
    if len(verdicts) == 1:  # every read: joining would double the price
        verdict = verdicts[0]
        policy, left = _written(verdict.quota)
        return [(b"ratelimit-policy", policy), (b"ratelimit", left % verdict.left)]
    written = [_written(verdict.quota) for verdict in verdicts]
    left = b", ".join([form % v.left for (_, form), v in zip(written, verdicts, strict=True)])
    return [
        (b"ratelimit-policy", b", ".join([policy for policy, _ in written])),
        (b"ratelimit", left),
    ]


@lru_cache(1024)
def _written(quota: Quota | Budget) -> tuple[bytes, bytes]:
    """Return a bucket's policy, and the form of what is left in it."""
    name = quota.name.encode("ascii")
    policy = b'"%b";q=%d;w=%d' % (name, quota.burst, quota.window_secs)
    return policy, b'"%b";r=%%d;t=%%d' % name
