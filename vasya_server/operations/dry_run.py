"""Does everything of a change up to the request that would make it, and says what it would do (D-8.6).

The handler itself is run, so that whatever it would refuse (a message that is not there, a text that is too long) is
refused as without a dry run. It is stopped where its first change would be handed to a connection.
"""

from __future__ import annotations

import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.audit.entry import EntryKind, Result
from vasya_server.errors import AccountFrozen, AuditUnavailable, FloodWait, StorageFailed
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.model.preview import DryRun, Reason
from vasya_server.operations.conditions import reasons
from vasya_server.operations.mutation import Performed
from vasya_server.operations.preview import preview_of
from vasya_server.telegram.progress import Halted, follow_progress
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.errors import VasyaError
    from vasya_server.operations.conditions import Attempt
    from vasya_server.operations.mutation import Ready
    from vasya_server.operations.record import Recorder

_log: Final = logging.getLogger(__name__)


async def dry_run(
    attempt: Attempt,
    ready: Ready,
    execute: Callable[[Ready], Awaitable[Any]],
    recorder: Recorder,
    explain: Callable[[VasyaError], Reason],
) -> Performed:
    """Return what the change would do, and what would stop it.

    Raises:
        VasyaError: It would be refused for what it is, whatever holds now.
    """
    intent = attempt.intent
    found: list[VasyaError] = []
    if intent.mutation.is_rehearsed:
        try:
            await rehearse(attempt, ready, execute)
        except (
            AccountFrozen,
            FloodWait,
        ) as error:  # what Telegram has asked to be left alone on the way
            found.append(error)
    found += [
        error for error in await reasons(attempt) if error.code not in {e.code for e in found}
    ]
    told = DryRun(
        is_dry_run=True,
        would_execute=not found,
        reasons=[explain(error) for error in found],
        preview=await preview_of(attempt),
    )
    entry = recorder.entry(
        EntryKind.DRY_RUN, intent.action_id, Result(status=EntryKind.DRY_RUN.value)
    )
    try:
        await attempt.gateway.audit.record(entry)
    except (StorageFailed, AuditUnavailable) as fault:
        _log.warning("a dry run was not written down (%s)", fault.code)
    answer = StoredAnswer(HTTPStatus.OK, msgspec.json.encode(told))
    return Performed(action_id=intent.action_id, answer=answer, is_replayed=False, is_dry_run=True)


async def rehearse(
    attempt: Attempt, ready: Ready, execute: Callable[[Ready], Awaitable[Any]]
) -> None:
    """Do everything up to the first request that would change something.

    Raises:
        VasyaError: It would be refused for what it is.
    """
    await _require_message(attempt)
    follow_progress(_halt)
    with contextlib.suppress(Halted):
        await execute(ready)


async def _require_message(attempt: Attempt) -> None:
    """See that the message is there that the change is about: without a dry run Telegram would say so.

    Raises:
        MessageNotFound: It is not.
    """
    message_id = attempt.intent.path.get("message")
    is_waiting = attempt.intent.mutation.waiting is not None
    if attempt.peer is not None and message_id is not None and not is_waiting:
        await read_message(Reading(attempt.view), attempt.peer, int(message_id))


def _halt() -> None:
    raise Halted
