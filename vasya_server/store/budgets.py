"""The rows of the budgets: what each action has used up."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class UseRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one action has used up of one budget."""

    action_id: str
    budget: str
    holder: str
    amount: int
    at_ms: int


USES: Final = Query("""
    SELECT action_id, budget, holder, amount, at_ms FROM budget_uses WHERE at_ms > :since_ms
    ORDER BY at_ms
""")
PUT_USE: Final = Query("""
    INSERT INTO budget_uses (action_id, budget, holder, amount, at_ms)
    VALUES (:action_id, :budget, :holder, :amount, :at_ms)
    ON CONFLICT (action_id, budget) DO UPDATE SET amount = excluded.amount, at_ms = excluded.at_ms
""")
GIVE_BACK: Final = Query("DELETE FROM budget_uses WHERE action_id = :action_id")
FORGET_USES: Final = Query("DELETE FROM budget_uses WHERE at_ms <= :until_ms")
