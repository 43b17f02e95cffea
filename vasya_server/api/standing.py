"""What is open for long ends with the credential that asked for it, with the client, and with the server (D-1.10)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vasya_server.auth.principal import PrincipalKind
from vasya_server.errors import ShuttingDown, StorageFailed, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from vasya_server.api.incoming import Incoming
    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.auth.tokens import Tokens

_LOOK_EVERY_SECS: Final = 1.0
CLIENT_GONE: Final = "client_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether the one who asked may have it still.

    Args:
        watch: Tells of an agent key.
        tokens: Tell of a JWT; the embedded token is good for as long as the server runs.
    """

    who: Principal
    watch: Watch | None
    tokens: Tokens | None

    async def hold(
        self, work: Coroutine[None, None, None], request: Incoming, stopping: asyncio.Future[None]
    ) -> str | None:
        """Do *work* until it is done, or has to end within two seconds; return why in a code, None where it was done.

        No task is left behind.
        """
        working = asyncio.create_task(work)
        leaving = asyncio.create_task(request.left())
        losing = [asyncio.create_task(lost)] if (lost := self._lost(request)) else []
        tasks: set[asyncio.Task[Any]] = {working, leaving, *losing}
        ends: set[asyncio.Future[Any]] = {*tasks, stopping}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if losing and losing[0].done():
                return losing[0].result()
            if leaving.done():
                return CLIENT_GONE
            if not working.done():
                return ShuttingDown.code
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await working
        return None

    def _lost(self, request: Incoming) -> Coroutine[None, None, str] | None:
        """Return what waits until the credential is good no more."""
        if self.watch is not None:
            return _ended(self.watch)
        if self.who.kind is PrincipalKind.JWT and self.tokens is not None:
            line = request.header(b"authorization") or b""
            return _refused(self.tokens, line.partition(b" ")[2].decode("latin-1"))
        return None


async def _ended(watch: Watch) -> str:
    await watch.over()
    return watch.reason


async def _refused(tokens: Tokens, token: str) -> str:
    """Wait until a JWT that was good expires or is denied."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECS)
        if tokens.cached(token) is not None:
            continue
        try:
            await tokens.authenticate(token)
        except Unauthenticated as error:
            return error.code
        except StorageFailed:
            continue  # it cannot be told now
