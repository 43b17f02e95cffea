"""How many files a key may have on the way at once, and how many bytes of them in a day (D-10.8)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import RateLimited, TooManyDownloads
from vasya_server.limits.gcra import Quota

if TYPE_CHECKING:
    from vasya_server.limits.buckets import Buckets
    from vasya_server.limits.gcra import Verdict
    from vasya_server.limits.rules import Caller
    from vasya_server.settings import Settings

_DAY_SECS: Final = 86_400
# The bucket counts in these: a byte comes back in less time than the arithmetic can tell.
_UNIT_BYTES: Final = 1024
_SETTING: Final = "VASYA_LIMIT_DOWNLOAD_BYTES_PER_DAY"


class Downloads:
    """What agent keys are handed out, by lineage; humans are not counted."""

    def __init__(self, buckets: Buckets, settings: Settings) -> None:
        amount = settings.limit_download_bytes_per_day // _UNIT_BYTES
        self._quota = Quota("download", amount, _DAY_SECS, amount, _SETTING)
        self._buckets = buckets
        self._per_key = settings.downloads_per_key
        self._open: Counter[str] = Counter()

    def begin(self, who: Caller, size_bytes: int) -> Leave:
        """Take what handing out that much costs; what is larger than a day's worth costs a day's worth.

        Raises:
            TooManyDownloads: The key has as many on the way as it may.
            RateLimited: Not so much is left of the day's bytes.
        """
        if who.is_human:
            return Leave(self, None)
        key = f"{who.owner}/{who.lineage}"
        if self._open[key] >= self._per_key:
            raise TooManyDownloads
        cost = min(-(-size_bytes // _UNIT_BYTES), self._quota.burst)
        verdict = self._buckets.take(self._quota, key, cost)
        if not verdict.is_allowed:
            raise RateLimited(
                (self._quota.name,),
                verdict.retry_after_secs,
                "Wait for retryAfterSecs, or ask for less with Range; GET …/thumb is small. "
                f"Only the operator of the server can raise the limit, with {_SETTING}.",
                "This agent key has been handed out as many bytes of files as it may in a day.",
            )
        self._open[key] += 1
        return Leave(self, (key, verdict))

    def end(self, key: str, verdict: Verdict, sent_bytes: int) -> None:
        """Count one that is over, and put back what was not handed out."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
        unsent = max(verdict.cost - -(-sent_bytes // _UNIT_BYTES), 0)
        self._buckets.give_back(msgspec.structs.replace(verdict, cost=unsent), key)


class Leave:
    """One file, or a part of one, that may be handed out; made by `Downloads.begin`."""

    def __init__(self, downloads: Downloads, taken: tuple[str, Verdict] | None) -> None:
        self._downloads = downloads
        self._taken = taken
        self.sent_bytes = 0

    def end(self) -> None:
        """Say that no more is handed out; said again it changes nothing."""
        if self._taken is not None:
            self._downloads.end(*self._taken, self.sent_bytes)
            self._taken = None
