"""How a rolling day is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.ids import ActionId
from vasya_server.limits.budgets import NEW_CHATS, SENDS, Budget, Budgets

if TYPE_CHECKING:
    from tests.limits.conftest import StandingClock
    from vasya_server.store.database import Database

HOLDER = "ak0123456789abcdef"


async def test_as_many_uses_have_to_leave_the_day_as_make_room(
    db: Database, clock: StandingClock
) -> None:
    budgets = Budgets(db, clock)
    budget = Budget(SENDS, 3)
    for n in range(3):
        budgets.take(ActionId(f"act_{n}"), HOLDER, [(budget, 1)])
        clock.secs += 3600

    assert budgets.look(HOLDER, budget, 1).wait_secs == 21 * 3600
    assert budgets.look(HOLDER, budget, 2).wait_secs == 22 * 3600
    assert budgets.look(HOLDER, budget, 3).wait_secs == 23 * 3600
    assert budgets.look(HOLDER, budget, 4).wait_secs is None


async def test_what_was_reserved_counts_from_when_it_is_sent(
    db: Database, clock: StandingClock
) -> None:
    budgets = Budgets(db, clock)
    sends, chats = Budget(SENDS, 1), Budget(NEW_CHATS, 1)
    budgets.take(ActionId("act_1"), HOLDER, [(sends, 1), (chats, 1)])
    clock.secs += 3600

    budgets.renew(ActionId("act_1"))
    budgets.renew(ActionId("act_nobody_knows"))

    assert budgets.look(HOLDER, sends, 1).wait_secs == 24 * 3600
    assert budgets.look(HOLDER, chats, 1).wait_secs == 24 * 3600
