"""One dead receiver must not keep the others waiting: after a few failures in a row its host is left alone for a while."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vasya_server.clock import Clock

_FAILURES: Final = 5


@dataclass(slots=True)
class _Host:
    """A host that has failed lately.

    Args:
        resumes_at: On the monotonic clock: until then nobody tries it, and then one at a time. None: anybody may.
        is_probed: Somebody does.
        news: Set when any of this may have changed.
    """

    failures: int = 0
    resumes_at: float | None = None
    is_probed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake whoever waits."""
        self.news.set()
        self.news = asyncio.Event()


class Hosts:
    """The hosts that webhooks name, as far as they fail; there is one per process.

    Args:
        pause_secs: For how long one is left alone.
    """

    def __init__(self, clock: Clock, pause_secs: float) -> None:
        self._clock = clock
        self._pause_secs = pause_secs
        self._failing: dict[str, _Host] = {}

    async def admit(self, host: str) -> bool:
        """Wait until the host may be tried, and tell whether this is the one try that decides for all: `note`, or `abandon`."""
        while (found := self._failing.get(host)) is not None and found.resumes_at is not None:
            left = found.resumes_at - self._clock.monotonic()
            if left <= 0 and not found.is_probed:
                found.is_probed = True
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left if left > 0 else None):
                    await found.news.wait()
        return False

    def note(self, host: str, *, is_alive: bool) -> None:
        """Note that the host answered, whatever it said, or that it did not or could not."""
        if is_alive:
            if (found := self._failing.pop(host, None)) is not None:
                found.resumes_at = None
                found.tell()
            return
        found = self._failing.setdefault(host, _Host())
        found.failures += 1
        found.is_probed = False
        if found.failures >= _FAILURES:
            found.resumes_at = self._clock.monotonic() + self._pause_secs
        found.tell()

    def abandon(self, host: str) -> None:
        """Note that the one try is over, however."""
        if (found := self._failing.get(host)) is not None:
            found.is_probed = False
            found.tell()
