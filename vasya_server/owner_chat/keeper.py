"""Looks after the lines of all accounts for as long as the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from vasya_server.errors import VasyaError
from vasya_server.owner_chat.line import AccountLine

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway
    from vasya_server.ids import AccountId
    from vasya_server.operations.deciding import Executor

_log: Final = logging.getLogger(__name__)

_LOOK_EVERY_SECS: Final = 30.0


async def keep_lines(gateway: Gateway, executor: Executor) -> None:
    """Obey and post where an owner has switched the line on."""
    lines: dict[AccountId, AccountLine] = {}
    telling: dict[AccountId, asyncio.Task[None]] = {}
    try:
        while True:
            gateway.line.news.clear()
            for account in gateway.line.accounts():
                if not gateway.line.is_on(account):
                    continue
                line = lines.setdefault(account.id, AccountLine(gateway, account, executor))
                if account.id not in telling or telling[account.id].done():
                    telling[account.id] = asyncio.create_task(_tell(line))
                await _listen(line)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_SECS):
                    await gateway.line.news.wait()
    finally:
        for task in telling.values():
            task.cancel()
        if telling:
            await asyncio.wait(set(telling.values()))
        for line in lines.values():
            await line.close()


async def _tell(line: AccountLine) -> None:
    try:
        await line.tell()
    except Exception:  # noqa: BLE001 — it begins anew with the next look
        _log.exception("the owner's chat could not be posted to")


async def _listen(line: AccountLine) -> None:
    try:
        await line.listen()
    except VasyaError as error:
        _log.warning("the owner's chat could not be read (%s)", error.code)
    except Exception:  # noqa: BLE001 — as above
        _log.exception("the owner's chat could not be read")
