"""Whether a message may be one that this gateway sent, by what is stored of every change: a crash forgets everything else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.clock import to_ms
from vasya_server.idempotency.claim import Dispatch, StoredAnswer
from vasya_server.idempotency.claims import ANSWER, DISPATCH
from vasya_server.model.action import ActionStatus
from vasya_server.store import claims as rows

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.idempotency.claims import Claims
    from vasya_server.store.database import Database

_CLOCKS_DIFFER_BY: Final = timedelta(seconds=60)
# Where an answer that shows one message names all.
_SEVERAL: Final = ("albumIds", "splitIds")


async def may_have_made(
    db: Database, claims: Claims, account_id: str, chat_id: int, message_id: int, at: datetime
) -> bool:
    """Tell whether a change of the account may be what made a message.

    One that has ended says which messages it made; one of which that is not known may have made any since it began, for
    the same may have been sent again at any time.

    Raises:
        StorageFailed: That cannot be read.
    """
    found = await db.all(
        rows.SENT_CLAIMS,
        rows.ClaimRow,
        account_id=account_id,
        until_ms=to_ms(at + _CLOCKS_DIFFER_BY),
        since_ms=to_ms(at - _CLOCKS_DIFFER_BY),
    )
    for row in found:
        dispatch = claims.opened(row, DISPATCH, row.dispatch, Dispatch)
        if dispatch is not None and (dispatch.peer is None or dispatch.peer[0] != chat_id):
            continue
        answer = claims.opened(row, ANSWER, row.answer, StoredAnswer)
        if row.status != ActionStatus.DONE.value or answer is None or dispatch is None:
            return True
        if message_id in _ids_in(answer.body):
            return True
    return False


def _ids_in(body: bytes) -> set[int]:
    """Return every id in an answer, however deep."""
    found: set[int] = set()
    left: list[Any] = [msgspec.json.decode(body)] if body else []
    while left:
        match left.pop():
            case {**fields}:
                if isinstance(said := fields.get("id"), int):
                    found.add(said)
                for name in _SEVERAL:
                    several: Any = fields.get(name, ())
                    found.update(several)
                left += fields.values()
            case [*items]:
                left += items
    return found
