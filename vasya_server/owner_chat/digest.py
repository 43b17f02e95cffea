"""What happened in a day, counted from the lines of the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import EntryKind
from vasya_server.audit.log import Wanted
from vasya_server.clock import to_ms
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vasya_server.audit.chain import Line
    from vasya_server.gateway import Gateway
    from vasya_server.ids import OwnerId

_PAGE: Final = 500
_SENDS: Final = frozenset({Action.MESSAGE_SEND.value, Action.MESSAGE_FORWARD.value})
_FLOODS: Final = frozenset({"flood_wait", "account_spam_limited", "slow_mode", "account_frozen"})


class Day(Plain, frozen=True, kw_only=True):
    """The numbers of one day."""

    sent: int = 0
    refused: int = 0
    waiting: int = 0
    floods: int = 0

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing happened."""
        return not (self.sent or self.refused or self.waiting or self.floods)


async def day_until(gateway: Gateway, owner: OwnerId, now: datetime) -> Day:
    """Count the day that ends *now*.

    Raises:
        StorageFailed: The lines cannot be read.
    """
    since_ms = to_ms(now - timedelta(days=1))
    found: list[Line] = []
    wanted = Wanted(limit=_PAGE, since_ms=since_ms)
    while page := await gateway.audit.entries(owner, wanted):
        found += page
        if len(page) < _PAGE or page[-1].oseq is None:
            break
        wanted = Wanted(limit=_PAGE, since_ms=since_ms, below=page[-1].oseq)
    waiting = [
        each
        for each in await gateway.asked.waiting()
        if each.known.owner == owner and each.status is ActionStatus.AWAITING_APPROVAL
    ]
    return _counted(found, len(waiting))


def _counted(lines: Iterable[Line], waiting: int) -> Day:
    sent = refused = floods = 0
    for line in lines:
        result = line.res
        if result is not None and result.code in _FLOODS:
            floods += 1
        if line.actor.key is None:
            continue
        if line.kind == EntryKind.DENIED.value:
            refused += line.n or 1
        is_end = line.kind == EntryKind.OUTCOME.value and result is not None
        if is_end and line.act in _SENDS and result is not None and result.status == "done":
            sent += len(result.ids) or 1
    return Day(sent=sent, refused=refused, waiting=waiting, floods=floods)
