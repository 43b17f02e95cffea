"""How many messages and new chats a human allows a key in any 24 hours; counted exactly, and kept through every crash.

A use is stored in the unit that stores its claim, and taken back in the unit that stores the refusal: what is in memory is
what a restart reads. Keys share what they use with those they were rotated from. What is not known to have failed counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.ids import ActionId
from vasya_server.model.base import Plain
from vasya_server.store import budgets as rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.clock import Clock
    from vasya_server.store.database import Database, Statement

SENDS: Final = "sends_per_day"
NEW_CHATS: Final = "new_chats_per_day"
_WINDOW_SECS: Final = 86_400
_WINDOW_MS: Final = _WINDOW_SECS * 1000
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of something a human allows.

    Args:
        name: `SENDS` or `NEW_CHATS`.
        burst: How much in any 24 hours; 0: never.
    """

    name: str
    burst: int

    @property
    def window_secs(self) -> int:
        """The length of the window."""
        return _WINDOW_SECS


class Balance(Plain, frozen=True):
    """A budget as it stands.

    Args:
        quota: The budget.
        left: What remains of it, and in how many seconds more will: 0 where nothing is used.
        wait_secs: How long until what was asked for is allowed; 0: it is, None: it never will be.
    """

    quota: Budget
    left: tuple[int, int]
    wait_secs: int | None = 0

    @property
    def is_allowed(self) -> bool:
        """Tell whether there is enough of it."""
        return self.wait_secs == 0


class _Use(Plain, frozen=True):
    amount: int
    at_ms: int


class _Uses:
    """What one holder has used of one budget, in the order of time."""

    __slots__ = ("by_action", "total")

    def __init__(self) -> None:
        self.by_action: dict[ActionId, _Use] = {}
        self.total = 0

    def put(self, action_id: ActionId, use: _Use) -> None:
        """Count a use, in place of an earlier one of the same action."""
        self.drop(action_id)
        self.by_action[action_id] = use
        self.total += use.amount

    def drop(self, action_id: ActionId) -> None:
        """Count the action no more."""
        if (use := self.by_action.pop(action_id, None)) is not None:
            self.total -= use.amount

    def over_by(self, at_ms: int) -> list[ActionId]:
        """Return whose uses are as old as that."""
        found = []
        for action_id, use in self.by_action.items():
            if use.at_ms > at_ms:
                break
            found.append(action_id)
        return found


class Budgets:
    """What every key has used of its budgets; there is one per process.

    Looking and taking are synchronous: nobody else gets in between.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        # By holder and budget.
        self._uses: defaultdict[tuple[str, str], _Uses] = defaultdict(_Uses)
        self._of_action: defaultdict[ActionId, set[tuple[str, str]]] = defaultdict(set)
        # Budgets whose end was told of, and that nothing was taken from since.
        self._told: set[tuple[str, str]] = set()

    async def open(self) -> None:
        """Take up what earlier processes have stored.

        Raises:
            StorageFailed: It cannot be read.
        """
        since_ms = self._now_ms() - _WINDOW_MS
        for row in await self._db.all(rows.USES, rows.UseRow, since_ms=since_ms):
            use = _Use(row.amount, row.at_ms)
            self._put((row.holder, row.budget), ActionId(row.action_id), use)

    def look(self, holder: str, budget: Budget, amount: int = 0) -> Balance:
        """Tell how a budget stands, and whether *amount* more would be allowed, without taking anything."""
        uses = self._current((holder, budget.name))
        remaining = max(0, budget.burst - uses.total)
        oldest = next(iter(uses.by_action.values()), None)
        until_more = self._secs_until_over(oldest) if oldest else 0
        return Balance(budget, (remaining, until_more), self._wait_secs(uses, budget, amount))

    def holds(self, action_id: ActionId) -> bool:
        """Tell whether the action has used something that still counts."""
        return action_id in self._of_action

    def take(self, action_id: ActionId, holder: str, wanted: Sequence[tuple[Budget, int]]) -> None:
        """Use up what was looked at."""
        for budget, amount in wanted:
            place = (holder, budget.name)
            self._put(place, action_id, _Use(amount, self._now_ms()))
            self._told.discard(place)

    def renew(self, action_id: ActionId) -> None:
        """Count what the action has reserved from now on, because now it is sent."""
        held = [self._uses[place] for place in self._of_action.get(action_id, ())]
        for uses, amount in [(each, each.by_action[action_id].amount) for each in held]:
            uses.put(action_id, _Use(amount, self._now_ms()))

    def is_news(self, holder: str, budget: Budget) -> bool:
        """Tell whether nobody was told yet that the budget has run out; asking is telling."""
        place = (holder, budget.name)
        is_news = place not in self._told
        self._told.add(place)
        return is_news

    def storing(self, action_id: ActionId) -> tuple[Statement, ...]:
        """Return what stores the action's uses, to be one unit with its claim."""
        puts = [
            rows.PUT_USE.bind(
                action_id=action_id,
                budget=place[1],
                holder=place[0],
                amount=use.amount,
                at_ms=use.at_ms,
            )
            for place in sorted(self._of_action.get(action_id, ()))
            if (use := self._uses[place].by_action.get(action_id)) is not None
        ]
        if not puts:
            return ()
        return *puts, rows.FORGET_USES.bind(until_ms=self._now_ms() - _WINDOW_MS)

    def give_back(self, action_id: ActionId) -> tuple[Statement, ...]:
        """Have back what the action used, because nothing was sent; return what stores that, nothing where it used nothing."""
        places = self._of_action.pop(action_id, None)
        if places is None:
            return ()
        for place in places:
            self._uses[place].drop(action_id)
        return (rows.GIVE_BACK.bind(action_id=action_id),)

    def _put(self, place: tuple[str, str], action_id: ActionId, use: _Use) -> None:
        self._uses[place].put(action_id, use)
        self._of_action[action_id].add(place)

    def _current(self, place: tuple[str, str]) -> _Uses:
        """Return what still counts, and forget the rest."""
        uses = self._uses[place]
        for action_id in uses.over_by(self._now_ms() - _WINDOW_MS):
            uses.drop(action_id)
            self._of_action.pop(action_id, None)
        return uses

    def _wait_secs(self, uses: _Uses, budget: Budget, amount: int) -> int | None:
        """Return how long until *amount* more fit into the window."""
        if amount > budget.burst:
            return None
        over = uses.total + amount - budget.burst
        if over <= 0:
            return 0
        oldest = iter(uses.by_action.values())
        use = next(oldest)
        while (over := over - use.amount) > 0:
            use = next(oldest)
        return self._secs_until_over(use)

    def _secs_until_over(self, use: _Use) -> int:
        # A clock that was set back keeps nothing for longer than the window.
        left_ms = min(use.at_ms + _WINDOW_MS - self._now_ms(), _WINDOW_MS)
        return max(1, -(-left_ms // 1000))

    def _now_ms(self) -> int:
        return self._clock.now_ns() // _NS_PER_MS
