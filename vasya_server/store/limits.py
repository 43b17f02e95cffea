"""The rows of the rate limits: one for each bucket that is not full."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class BucketRow(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket, and when it will be full."""

    quota: str
    bucket: str
    full_at_ms: int


BUCKETS: Final = Query("SELECT quota, bucket, full_at_ms FROM limits WHERE full_at_ms > :now_ms")
SAVE_BUCKET: Final = Query("""
    INSERT INTO limits (quota, bucket, full_at_ms) VALUES (:quota, :bucket, :full_at_ms)
    ON CONFLICT (quota, bucket) DO UPDATE SET full_at_ms = excluded.full_at_ms
""")
DROP_FULL_BUCKETS: Final = Query("DELETE FROM limits WHERE full_at_ms <= :now_ms")
