"""The budgets of an agent key, and the server's own limit of new chats; humans are bound by neither.

An action that has taken its share holds it under its id: one that waits for a human and is entered again when it goes out
is counted once, from then on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.errors import BudgetExhausted, RateLimited, StorageFailed
from vasya_server.events.record import Draft
from vasya_server.limits.budgets import NEW_CHATS, SENDS, Budget
from vasya_server.limits.rules import require_allowed
from vasya_server.model.event import EventData, EventType
from vasya_server.operations.moment import Moment
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.first_contact import is_first_contact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.principal import Principal
    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.limits.budgets import Balance
    from vasya_server.limits.gcra import Verdict
    from vasya_server.operations.conditions import Attempt
    from vasya_server.store.database import Statement

_log: Final = logging.getLogger(__name__)
_FIELDS: Final = {SENDS: "sendsPerDay", NEW_CHATS: "newChatsPerDay"}


@dataclass(frozen=True, slots=True)
class Spent:
    """What an action has used up of its key's budgets.

    Args:
        new_chat: What it has taken from the account's new chats.
        is_reserved: It was reserved when a human was asked, and stays so until the action ends, whatever comes between.
    """

    attempt: Attempt
    new_chat: Verdict | None
    is_reserved: bool = False

    def storing(self) -> Sequence[Statement]:
        """Return what stores it, in one unit with the claim."""
        return self.attempt.gateway.limits.budgets.storing(self.attempt.action_id)

    def give_back(self) -> Sequence[Statement]:
        """Have it again, because nothing was sent; return what stores that."""
        if self.is_reserved:
            return ()
        gateway = self.attempt.gateway
        if self.new_chat is not None:
            gateway.limits.give_back_new_chat(self.attempt.account.id, self.new_chat)
        return gateway.limits.budgets.give_back(self.attempt.action_id)


class Budgeting:
    """What a human allows the key, and the operator every key, to send."""

    async def look(self, attempt: Attempt) -> VasyaError | None:
        """Return which budget is used up."""
        if not _is_bound(attempt):
            return None
        is_new = await _is_new_chat(attempt)
        if is_new:
            verdict = attempt.gateway.limits.look_new_chat(attempt.account.id)
            try:
                require_allowed([verdict])
            except RateLimited as error:
                return error
        return _refusal(attempt.who, _balances(attempt, _wanted(attempt, is_new)))

    async def enter(self, attempt: Attempt) -> Spent | None:
        """Use up what the change needs.

        Raises:
            BudgetExhausted: The human does not allow as much.
            RateLimited: Keys have begun too many new chats from this account.
        """
        if not _is_bound(attempt):
            return None
        gateway, who, action_id = attempt.gateway, attempt.who, attempt.action_id
        if attempt.moment is Moment.APPROVED and gateway.limits.budgets.holds(action_id):
            gateway.limits.budgets.renew(action_id)
            return Spent(attempt, None, is_reserved=True)
        is_new = await _is_new_chat(attempt)
        wanted = _wanted(attempt, is_new)
        balances = _balances(attempt, wanted)
        if (refusal := _refusal(who, balances)) is not None:
            attempt.intent.verdicts.extend(balances)
            await _tell(attempt, balances)
            raise refusal
        # Of what was approved the account's new chat was taken when it was asked for.
        is_begun = is_new and attempt.moment is not Moment.APPROVED
        new_chat = gateway.limits.take_new_chat(attempt.account.id) if is_begun else None
        if new_chat is not None:
            attempt.intent.verdicts.append(new_chat)
            require_allowed([new_chat])
        gateway.limits.budgets.take(action_id, holder_of(who), wanted)
        attempt.intent.verdicts.extend(balances_of(gateway, who))
        return Spent(attempt, new_chat)


def budgets_of(who: Principal) -> list[Budget]:
    """Return the budgets of a credential; none: it has none."""
    limits = {SENDS: who.policy.sends_per_day, NEW_CHATS: who.policy.new_chats_per_day}
    return [Budget(name, limit) for name, limit in limits.items() if limit is not None]


def balances_of(gateway: Gateway, who: Principal) -> list[Balance]:
    """Return how the budgets of a credential stand."""
    return [gateway.limits.budgets.look(holder_of(who), budget) for budget in budgets_of(who)]


def holder_of(who: Principal) -> str:
    """Name whose budgets they are: a key shares them with those that it was rotated from."""
    return f"{who.owner}/{who.lineage}"


def _is_bound(attempt: Attempt) -> bool:
    return bool(attempt.messages) and not attempt.who.is_human


async def _is_new_chat(attempt: Attempt) -> bool:
    return attempt.peer is not None and await is_first_contact(attempt.view, attempt.peer)


def _wanted(attempt: Attempt, is_new: bool) -> list[tuple[Budget, int]]:  # noqa: FBT001 — read beside the attempt
    amounts = {SENDS: attempt.messages, NEW_CHATS: int(is_new)}
    return [(each, amounts[each.name]) for each in budgets_of(attempt.who) if amounts[each.name]]


def _balances(attempt: Attempt, wanted: Sequence[tuple[Budget, int]]) -> list[Balance]:
    holder = holder_of(attempt.who)
    return [
        attempt.gateway.limits.budgets.look(holder, budget, amount) for budget, amount in wanted
    ]


def _refusal(who: Principal, balances: Sequence[Balance]) -> BudgetExhausted | None:
    """Return the refusal of those that are used up."""
    out = [balance for balance in balances if not balance.is_allowed]
    if not out:
        return None
    waits = [balance.wait_secs for balance in out]
    wait_secs = max((each for each in waits if each is not None), default=None)
    if None in waits:
        wait_secs = None
    fields = " and ".join(_FIELDS[balance.quota.name] for balance in out)
    raising = f"a human can raise {fields}: PATCH /api/v1/agent-keys/{who.key_id}."
    remedy = (
        f"This will not be allowed with time; {raising}"
        if wait_secs is None
        else f"Wait for retryAfterSecs, then repeat the request with the same Idempotency-Key; or {raising}"
    )
    return BudgetExhausted(tuple(balance.quota.name for balance in out), wait_secs, remedy)


async def _tell(attempt: Attempt, balances: Sequence[Balance]) -> None:
    """Tell the owner, once for each time that a budget runs out."""
    gateway, account, now = attempt.gateway, attempt.account, attempt.gateway.clock.now()
    out = [balance for balance in balances if not balance.is_allowed]
    drafts = [
        Draft(
            type=EventType.BUDGET_EXHAUSTED,
            at=now,
            data=EventData(
                budget=_FIELDS[balance.quota.name],
                limit=balance.quota.burst,
                until=now + timedelta(seconds=balance.left[1]) if balance.left[1] else None,
            ),
            key_id=attempt.who.key_id,
        )
        for balance in out
        if gateway.limits.budgets.is_news(holder_of(attempt.who), balance.quota)
    ]
    if not drafts:
        return
    try:
        await gateway.events.append(account.owner, account.id, drafts)
    except (StorageFailed, ConstraintFailed):
        _log.warning("an exhausted budget was not told", extra={"account_id": account.id})
