"""Mutations that wait for a human, from the question to the decision (states: model/action.py).

A question is stored in one write with its claim, and what is decided about it is sealed beside it: a status that somebody
else wrote into the database starts nothing, because no decision opens that says so. What was called off is so in memory
before any disk is asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from vasya_server.clock import from_ms, to_ms
from vasya_server.errors import ActionState, TooManyActions
from vasya_server.idempotency.claim import Hold
from vasya_server.idempotency.claims import ANSWER, DISPATCH
from vasya_server.ids import ActionId, KeyId
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain
from vasya_server.model.preview import Preview
from vasya_server.store import actions as rows
from vasya_server.store.database import Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime
    from typing import Any

    from vasya_server.clock import Clock
    from vasya_server.idempotency.claim import Dispatch, Known, StoredAnswer
    from vasya_server.idempotency.claims import Claims
    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Database, Entry, Statement

# Of one lineage: a human who is asked more decides about nothing any more.
MAX_WAITING: Final = 100
_QUESTION: Final = "question"
_DECISION: Final = "decision"
_WAITING: Final = frozenset({ActionStatus.AWAITING_APPROVAL, ActionStatus.STARTED})

By = Literal["embedded", "jwt", "agent_key", "owner_chat", "system"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a human is asked, and all that it takes to do it.

    Args:
        route, path, query, content: The request; the account by its id, the chat as it was named.
        scope: What the route needs.
        source_id: The other chat that something is taken from.
    """

    route: tuple[str, str]
    path: dict[str, str]
    query: dict[str, str]
    content: bytes
    scope: str
    key_id: KeyId
    source_id: int | None
    preview: Preview
    digest: str
    expires_at_ms: int


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """What was decided: `started` means that it may be done."""

    status: ActionStatus
    by: By
    at_ms: int


class AskedAction(Plain, frozen=True, kw_only=True):
    """A mutation that waits, or has waited, for a human.

    Args:
        position: Its place among all of them.
        known: Its claim; the status in it is the row's.
        status: Where it stands now.
        question: None where it does not open any more: nobody can agree to that.
    """

    position: int
    known: Known
    status: ActionStatus
    question: Question | None
    decision: Decision | None

    @property
    def expires_at(self) -> datetime | None:
        """Return until when somebody may agree to it."""
        return None if self.question is None else from_ms(self.question.expires_at_ms)


class Reserved(Protocol):
    """Something that is kept for an action until it is done or called off."""

    def storing(self) -> Sequence[Statement]:
        """Return what stores that it is used up."""

    def give_back(self) -> Sequence[Statement]:
        """Have it again, because nothing was sent; return what stores that."""


class Asked:
    """The mutations of every owner that do not happen at once."""

    def __init__(self, db: Database, clock: Clock, claims: Claims) -> None:
        self._db = db
        self._clock = clock
        self.claims = claims
        # Called off by this process and not yet seen so in the database.
        self._called_off: dict[ActionId, Decision] = {}
        # Agreed to, and being done: too late to call it off.
        self._going: set[ActionId] = set()
        self._reserved: dict[ActionId, Sequence[Reserved]] = {}
        self._tending: asyncio.Task[None] | None = None

    def tend(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin what looks after them, where nobody does yet; how they are done, a layer above knows."""
        if self._tending is None:
            self._tending = asyncio.create_task(work())

    async def close(self) -> None:
        """End what looks after them."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})

    async def ask(
        self, hold: Hold, dispatch: Dispatch, question: Question, entry: Entry, *more: Statement
    ) -> None:
        """Store the claim and what is asked about it, and *more*, in one write.

        Raises:
            TooManyActions: As many of the lineage wait already.
            ClaimInProgress: The key was claimed meanwhile.
            AuditUnavailable, StorageFailed: Nothing is stored, and nobody is asked.
        """
        claim = hold.claim
        added = rows.ADD_ACTION.bind(
            expect=1,
            action_id=claim.action_id,
            owner_id=claim.owner,
            lineage=claim.lineage,
            question=self.claims.sealed(hold, _QUESTION, question),
            max_waiting=MAX_WAITING,
        )
        try:
            await self.claims.add(rows.ADD_CLAIM, hold, dispatch, entry, added, *more)
        except Unexpected:
            raise TooManyActions from None

    async def find(self, action_id: str) -> AskedAction | None:
        """Return the action as it stands; None: there is no such action, or it did not wait for anybody."""
        row = await self._db.one(rows.ACTION, rows.ActionRow, action_id=action_id)
        return None if row is None else self._asked(row)

    async def page(
        self,
        owner: OwnerId,
        *,
        lineage: str | None,
        below: int,
        limit: int,
    ) -> list[AskedAction]:
        """Return the owner's newest actions before the position *below*, or those of one lineage."""
        found = await self._db.all(
            rows.ACTIONS_OF_OWNER,
            rows.ActionRow,
            owner_id=owner,
            lineage=lineage,
            below=below,
            limit=limit,
        )
        return [self._asked(row) for row in found]

    async def waiting(self) -> list[AskedAction]:
        """Return everything that is neither done nor called off in the database."""
        return [self._asked(row) for row in await self._db.all(rows.WAITING, rows.ActionRow)]

    async def start(self, hold: Hold, decision: Decision, entry: Entry) -> None:
        """Store that it may be done; from here on it is too late to call it off, until `settle`.

        Raises:
            ActionState: It was called off, or agreed to already.
            AuditUnavailable, StorageFailed: It is not stored, and may not be done.
        """
        action_id = hold.action_id
        self.go(action_id)
        try:
            await self._db.write(
                rows.START.bind(expect=1, action_id=action_id),
                rows.NOTE_DECISION.bind(
                    expect=1,
                    action_id=action_id,
                    decision=self.claims.sealed(hold, _DECISION, decision),
                ),
                entries=(entry,),
            )
        except Unexpected:
            raise ActionState(action_id) from None
        self.claims.changes.tell(action_id)

    def go(self, action_id: ActionId) -> None:
        """See that nobody has called it off, and let nobody do so any more, until `settle`.

        Raises:
            ActionState: Somebody has.
        """
        if action_id in self._called_off:
            raise ActionState(action_id)
        self._going.add(action_id)

    async def dispatch(
        self, hold: Hold, dispatch: Dispatch, entry: Entry, *more: Statement
    ) -> None:
        """Store that it is about to be sent, and *more*: from here on it may have happened.

        Raises:
            ActionState: It is not to be done.
            AuditUnavailable, StorageFailed: It is not stored, and may not be sent.
        """
        try:
            await self._db.write(
                rows.DISPATCH.bind(
                    expect=1,
                    action_id=hold.action_id,
                    dispatch=self.claims.sealed(hold, DISPATCH, dispatch),
                    sent_at_ms=to_ms(self._clock.now()),
                ),
                *more,
                entries=(entry,),
            )
        except Unexpected:
            raise ActionState(hold.action_id) from None
        self.claims.changes.tell(hold.action_id)

    def settle(self, action_id: ActionId) -> None:
        """Note that nobody does it at the moment."""
        self._going.discard(action_id)

    def call_off(
        self, asked: AskedAction, decision: Decision, answer: StoredAnswer | None = None
    ) -> Sequence[Statement] | None:
        """End it in memory, now, and return what stores that, which may be done twice; None: it is too late.

        What was called off in the same way before, and is not stored, is as it was then.

        Args:
            answer: Why, for those who ask for it again.
        """
        known = asked.known
        if known.status not in _WAITING or known.action_id in self._going:
            return None
        if asked.status not in {*_WAITING, decision.status}:
            return None
        decision = self._called_off.setdefault(known.action_id, decision)
        self.claims.changes.tell(known.action_id)
        seal, held = self.claims.sealed, Hold.of(known)
        ended = rows.END.bind(
            action_id=known.action_id,
            status=decision.status.value,
            answer=None if answer is None else seal(held, ANSWER, answer),
            finished_at_ms=decision.at_ms,
        )
        box = seal(held, _DECISION, decision)
        return ended, rows.NOTE_ENDING.bind(
            action_id=known.action_id, decision=box, status=decision.status.value
        )

    def reserve(self, action_id: ActionId, reserved: Sequence[Reserved]) -> None:
        """Keep something for the action until `reserved` takes it."""
        if reserved:
            self._reserved[action_id] = reserved

    def reserved(self, action_id: ActionId) -> Sequence[Reserved]:
        """Return what was kept for the action, once."""
        return self._reserved.pop(action_id, ())

    def _asked(self, row: rows.ActionRow) -> AskedAction:
        known = self.claims.known(row)
        question = self.claims.opened(row, _QUESTION, row.question, Question)
        decision = self.claims.opened(row, _DECISION, row.decision, Decision)
        if known.finished_at is not None:
            self._called_off.pop(known.action_id, None)
        decision = self._called_off.get(known.action_id, decision)
        status = self._status(known, question, decision)
        if status is ActionStatus.EXPIRED and question is not None and known.finished_at is None:
            decision = Decision(status, "system", question.expires_at_ms)
        return AskedAction(
            position=row.id, known=known, status=status, question=question, decision=decision
        )

    def _status(
        self, known: Known, question: Question | None, decision: Decision | None
    ) -> ActionStatus:
        """Tell where it stands, by what this server has sealed: a row's status alone neither asks nor agrees."""
        if known.status not in _WAITING or known.action_id in self._going:
            return known.status
        is_agreed = decision is not None and decision.status is ActionStatus.STARTED
        if decision is not None and not is_agreed:
            return decision.status
        if question is None or question.expires_at_ms <= to_ms(self._clock.now()):
            return ActionStatus.EXPIRED
        return ActionStatus.STARTED if is_agreed else ActionStatus.AWAITING_APPROVAL
