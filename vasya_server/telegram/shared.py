"""What several reads of one account need: asked of Telegram by one of them, and kept for a while."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from vasya_server.errors import TelegramTimeout, VasyaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.reading import Reading

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    asked_at: float
    value: T


class Shared(Generic[T]):
    """One thing of every account.

    Args:
        fresh_secs: How old an answer may be, counted from when it was asked for.
        ask: Asks for it, whoever is the one who reads.
    """

    def __init__(self, fresh_secs: float, ask: Callable[[Reading], Awaitable[T]]) -> None:
        self._fresh_secs = fresh_secs
        self._ask_telegram = ask
        self._kept: weakref.WeakKeyDictionary[AccountRuntime, _Kept[T]] = (
            weakref.WeakKeyDictionary()
        )
        # Who asks ends it with the refusal that everybody who waits for it shares, or with None.
        self._under_way: weakref.WeakKeyDictionary[
            AccountRuntime, asyncio.Future[VasyaError | None]
        ] = weakref.WeakKeyDictionary()

    async def get(self, reading: Reading) -> T:
        """Return it, fresh enough.

        Those who need it at the same time share one request. Where that ends for a reason of the one who made it, the
        next goes on.
        """
        runtime = reading.account.runtime
        while True:
            kept = self._kept.get(runtime)
            if kept is not None and reading.now - kept.asked_at < self._fresh_secs:
                return kept.value
            if (under_way := self._under_way.get(runtime)) is None:
                return await self._ask(reading)
            if (refusal := await reading.wait(under_way)) is not None:
                raise refusal

    async def renew(self, reading: Reading) -> T:
        """Return it as it is now: for whoever is about to change it, and sees to it that nobody else is."""
        asked_at = reading.now
        value = await self._ask_telegram(reading)
        self._kept[reading.account.runtime] = _Kept(asked_at, value)
        return value

    def forget(self, runtime: AccountRuntime) -> None:
        """Ask anew when it is needed next: it was just changed."""
        self._kept.pop(runtime, None)

    async def _ask(self, reading: Reading) -> T:
        """Ask for everybody who waits."""
        runtime, asked_at = reading.account.runtime, reading.now
        under_way = self._under_way[runtime] = asyncio.get_running_loop().create_future()
        refusal: VasyaError | None = None
        try:
            value = await self._ask_telegram(reading)
        except TelegramTimeout:
            raise  # the others may have more time
        except VasyaError as error:
            refusal = error
            raise
        else:
            kept = self._kept.get(runtime)
            if kept is None or kept.asked_at <= asked_at:
                self._kept[runtime] = _Kept(asked_at, value)
            return value
        finally:
            del self._under_way[runtime]
            under_way.set_result(refusal)
