"""What was refused to whom, and credentials that were not good: told in the log, and never enough to fill a disk (D-7.6).

Both are noted on the request's path without waiting for anything, and written once a second. The first denial of a kind is
a line of its own; what is like it within the minute is one more line, with their number. Failed authentications of an
address are one line from the first on. So whoever asks a million times leaves two lines a minute, and no gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import ANONYMOUS, SYSTEM, Actor, Entry, EntryKind, Result
from vasya_server.errors import AuditUnavailable, StorageFailed

if TYPE_CHECKING:
    from vasya_server.audit.log import Audit
    from vasya_server.clock import Clock

_log: Final = logging.getLogger(__name__)

_FLUSH_SECS: Final = 1.0
WINDOW_SECS: Final = 60.0
# Of one owner's credentials, or of all strangers, within one window; what is beyond is counted together.
MAX_KINDS: Final = 60
_REFUSED: Final = "refused"


@dataclass(slots=True)
class _Tally:
    """What is not written yet of one kind of refusal.

    Args:
        first: The line of the first one; None where it is written, or only the number counts.
        count: How many more.
    """

    opened_at: float
    first: Entry | None = None
    count: int = 0


class Denials:
    """Counts refusals and writes them down; one per running server, used on its event loop.

    Nothing here fails or delays a request. While the log cannot be written the numbers grow, and nothing else does.
    """

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        # By owner, so that nobody crowds out what is told to another; then by the line that will hold the number.
        self._groups: dict[str | None, dict[Entry, _Tally]] = {}
        self._is_closing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def note_denied(
        self,
        actor: Actor,
        code: str,
        *,
        operation: str,
        request_id: str,
        account_id: str | None = None,
    ) -> None:
        """Note that a credential was good and did not suffice.

        Args:
            code: Of the refusal. A second one of the same credential and code within a minute is only counted.
            operation: The name of the operation that was refused.
            request_id: What the request is called, by us or by the client.
            account_id: The id of the owner's account that was asked for, where there is one.
        """
        result = Result(status=_REFUSED, code=code)
        like_it = Entry(
            kind=EntryKind.DENIED, action=Action.ACCESS_DENIED, actor=actor, result=result
        )
        if self._count(like_it):
            return
        first = Entry(
            kind=EntryKind.DENIED,
            action=Action.ACCESS_DENIED,
            actor=actor,
            account_id=account_id,
            request_id=self._audit.request_id(request_id),
            operation=operation,
            result=result,
        )
        self._open(like_it, _Tally(self._clock.monotonic(), first))

    def note_failed(self, address: str, code: str) -> None:
        """Note that a credential was presented and is not good.

        Args:
            address: The network address from which it came.
            code: Of the refusal.
        """
        like_it = Entry(
            kind=EntryKind.AUTH,
            action=Action.AUTH_FAILED,
            actor=ANONYMOUS,
            address=self._audit.address(address),
            result=Result(status=_REFUSED, code=code),
        )
        if not self._count(like_it):
            self._open(like_it, _Tally(self._clock.monotonic(), count=1))

    async def flush(self, *, is_last: bool = False) -> None:
        """Write what is due: first denials, and the numbers of minutes that are over.

        Args:
            is_last: The server ends, and every number is due.
        """
        opened_until = self._clock.monotonic() - WINDOW_SECS
        lines: list[Entry] = []
        written: list[tuple[_Tally, int]] = []
        for group in self._groups.values():
            for like_it, tally in group.items():
                count = tally.count if is_last or tally.opened_at <= opened_until else 0
                lines += [tally.first] if tally.first is not None else []
                lines += [_numbered(like_it, count)] if count else []
                written.append((tally, count))
        if not await self._write(lines):
            return
        for tally, count in written:
            tally.first = None
            tally.count -= count  # others may have come meanwhile
        self._forget(opened_until)

    async def close(self) -> None:
        """Write everything, and stop."""
        self._is_closing.set()
        if self._writing is not None:
            await self._writing
        await self.flush(is_last=True)
        tallies = [tally for group in self._groups.values() for tally in group.values()]
        if lost := sum(tally.count + (tally.first is not None) for tally in tallies):
            _log.warning("%d refusals are not in the audit log, which cannot be written", lost)

    def _count(self, like_it: Entry) -> bool:
        """Count one more of its kind; tell whether there was one in this window already.

        Where there are too many kinds it is counted with all others of its owner's.
        """
        group = self._groups.get(like_it.actor.owner, {})
        tally = group.get(like_it)
        if tally is None and len(group) >= MAX_KINDS:
            others = _others(like_it)
            tally = group.get(others) or self._open(others, _Tally(self._clock.monotonic()))
        if tally is None:
            return False
        tally.count += 1
        return True

    def _open(self, like_it: Entry, tally: _Tally) -> _Tally:
        self._groups.setdefault(like_it.actor.owner, {})[like_it] = tally
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._run())
        return tally

    async def _run(self) -> None:
        """Write once a second, while there is anything to write or to count."""
        while self._groups and not self._is_closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECS):
                    await self._is_closing.wait()
            await self.flush()

    async def _write(self, lines: list[Entry]) -> bool:
        """Write *lines*; tell whether they are in the database, from which they come into the file."""
        if not lines:
            return True
        try:
            await self._audit.record_all(lines)
        except AuditUnavailable as error:
            return error.is_stored
        except StorageFailed:
            return False
        return True

    def _forget(self, opened_until: float) -> None:
        """Forget what is over and written."""
        for owner, group in list(self._groups.items()):
            for like_it, tally in list(group.items()):
                if not tally.count and tally.opened_at <= opened_until:
                    del group[like_it]
            if not group:
                del self._groups[owner]


def _numbered(like_it: Entry, count: int) -> Entry:
    return Entry(
        kind=like_it.kind,
        action=like_it.action,
        actor=like_it.actor,
        address=like_it.address,
        count=count,
        result=like_it.result,
    )


def _others(like_it: Entry) -> Entry:
    return Entry(
        kind=like_it.kind,
        action=like_it.action,
        actor=Actor(type=SYSTEM.type, owner=like_it.actor.owner),
        result=Result(status=_REFUSED),
    )
