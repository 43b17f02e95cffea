"""The rest of the path for a mutation that has waited for a human: from the gates on, as if it were asked for now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import msgspec

from vasya_server.audit.entry import EntryKind
from vasya_server.errors import VasyaError
from vasya_server.kill_points import KillPoint, reach
from vasya_server.model.action import ActionStatus
from vasya_server.operations.actions import note_change
from vasya_server.operations.approvals import require_agreed, require_unchanged, start
from vasya_server.operations.chats import named_in
from vasya_server.operations.conditions import give_back, storing
from vasya_server.operations.moment import Moment
from vasya_server.operations.path import Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.gateway import Gateway
    from vasya_server.operations.approvals import Approved
    from vasya_server.operations.mutation import Intent, Ready
    from vasya_server.operations.path import Rendering

T = TypeVar("T")


async def perform_approved(
    gateway: Gateway,
    intent: Intent,
    execute: Callable[[Ready], Awaitable[T]],
    rendering: Rendering[T],
    approved: Approved,
) -> None:
    """Carry out a mutation that was asked for, and that a human has agreed to; what comes of it is stored with it.

    Raises:
        ActionStale: It is not what was shown.
        ActionState: It was called off meanwhile.
        VasyaError: It was refused; `approved.has_begun` tells whether that is its end.
    """
    give_up_at = asyncio.get_running_loop().time() + gateway.settings.send_deadline_secs
    named = await named_in(intent)
    work = _ApprovedWork(gateway, intent, named, execute, rendering, give_up_at)
    await gateway.claims.shielded(work.carry_out_approved(approved), lambda: approved.has_begun)


class _ApprovedWork(Work[T]):
    """One mutation that a human has agreed to, on its way."""

    async def carry_out_approved(self, approved: Approved) -> None:
        """Do what a human has agreed to, or find out what became of it."""
        gateway, hold, known = self._gateway, approved.hold, approved.asked.known
        self._require_key()
        await self._pass_gates(hold)
        if known.status in (ActionStatus.UNKNOWN, ActionStatus.DISPATCHED):
            require_agreed(known)
            approved.has_begun = True
            await self._redrive(hold, known)
            return
        await require_unchanged(self._seen, approved, self._fingerprint)
        self._seen.moment, self._seen.action_id = Moment.APPROVED, hold.action_id
        await self._meet_conditions(hold)
        try:
            await start(gateway, approved)
        except VasyaError:
            give_back(self._taken)
            raise
        self._taken = [*gateway.asked.reserved(hold.action_id), *self._taken]
        reach(KillPoint.AFTER_APPROVAL, gateway.settings.kill_point)
        random_ids = known.dispatch.random_ids if known.dispatch else ()
        ready = msgspec.structs.replace(self._ready(hold.action_id), random_ids=random_ids)
        dispatch = self._dispatch(ready)
        entry = self._recorder.entry(EntryKind.INTENT, hold.action_id)
        await gateway.asked.dispatch(hold, dispatch, entry, *storing(self._taken))
        await note_change(gateway, hold.action_id)
        reach(KillPoint.AFTER_W1, gateway.settings.kill_point)
        await self._drive(hold, ready)
