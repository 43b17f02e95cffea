"""Looks after the lines of all accounts for as long as the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from vasya_server.owner_chat.line import AccountLine

if TYPE_CHECKING:
    from collections.abc import Collection

    from vasya_server.gateway import Gateway
    from vasya_server.ids import AccountId
    from vasya_server.operations.deciding import Executor

_log: Final = logging.getLogger(__name__)

_LOOK_EVERY_SECS: Final = 30.0


async def keep_lines(gateway: Gateway, executor: Executor) -> None:
    """Obey and post where an owner has switched the line on."""
    keeping: dict[tuple[AccountId, int], asyncio.Task[None]] = {}
    try:
        while True:
            gateway.guards.line.news.clear()
            wanted = {
                (account.id, gateway.guards.line.of(account).opening): account
                for account in gateway.guards.line.accounts()
                if gateway.guards.line.is_on(account)
            }
            # What was begun for another opening of the line is over with it.
            await _end([keeping.pop(each) for each in [*keeping] if each not in wanted])
            for each, account in wanted.items():
                if each not in keeping or keeping[each].done():
                    line = AccountLine(gateway, account, executor)
                    keeping[each] = asyncio.create_task(_keep(line))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_SECS):
                    await gateway.guards.line.news.wait()
    finally:
        await _end(keeping.values())


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait({*tasks})


async def _keep(line: AccountLine) -> None:
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(line.hear())
            both.create_task(line.tell())
    except Exception:  # noqa: BLE001 — it begins anew with the next look
        _log.exception("the owner's chat could not be looked after")
    finally:
        await line.close()
