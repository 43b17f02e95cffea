"""The one path of every mutation, in the only order (docs/api/mutations.md).

resolve → look-up and reservation (replay, in progress, reuse and re-drive end here) → limits → gates → is a human asked? (the
claim waits, and operations/approved.py goes on from here) → conditions → W1: claim and intent → the call, under its deadline → W2: answer and outcome → response. No transaction is open across a call, and whoever asked may
go away at any moment: what has begun is carried to its end and recorded.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from vasya_server.audit.entry import EntryKind, Result
from vasya_server.errors import (
    AccessDenied,
    IdempotencyKeyStale,
    MessageNotFound,
    OutcomeUnknown,
    SendingDisabled,
    StorageFailed,
    TelegramTimeout,
    VasyaError,
)
from vasya_server.idempotency.claim import Claim, Dispatch, StoredAnswer
from vasya_server.idempotency.fingerprint import fingerprint
from vasya_server.kill_points import KillPoint, reach
from vasya_server.limits.rules import require_allowed
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain
from vasya_server.operations import conditions
from vasya_server.operations.actions import note_change
from vasya_server.operations.approvals import (
    answer_again,
    answer_asked,
    ask,
    is_asked,
    question_of,
    require_agreed,
)
from vasya_server.operations.chats import named_in
from vasya_server.operations.derivation import canonical, is_scheduled, random_ids, undo_secs_of
from vasya_server.operations.dry_run import dry_run, rehearse
from vasya_server.operations.ending import (
    conclude,
    failure,
    lose,
    may_find_out,
    require_new,
    success,
    unknown,
)
from vasya_server.operations.gates import require_gates_still_open
from vasya_server.operations.moment import Moment
from vasya_server.operations.mutation import Performed, Ready, is_unlimited
from vasya_server.operations.preview import preview_of
from vasya_server.operations.record import Recorder, note_refusal
from vasya_server.operations.undo import waiting_ending
from vasya_server.telegram.peers import stored_peer
from vasya_server.telegram.progress import follow_progress
from vasya_server.telegram.scheduled import Waits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.claim import Hold, Known
    from vasya_server.ids import ActionId
    from vasya_server.model.preview import Reason
    from vasya_server.operations.conditions import Taken
    from vasya_server.operations.ending import Ending
    from vasya_server.operations.mutation import Intent, Named
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.progress import Progress

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)


class Rendering(Plain, Generic[T], frozen=True):
    """How what a handler returns, and why it refuses, become the bytes of an answer."""

    answer: Callable[[T], StoredAnswer]
    refusal: Callable[[VasyaError], StoredAnswer]
    reason: Callable[[VasyaError], Reason]


async def perform(
    gateway: Gateway,
    intent: Intent,
    execute: Callable[[Ready], Awaitable[T]],
    rendering: Rendering[T],
) -> Performed:
    """Carry out a mutation, once, and return its answer; or return the answer that it has had.

    Args:
        execute: Does it; it is called when everything that must be known afterwards is written down.

    Raises:
        ClaimInProgress, KeyReused, IdempotencyKeyStale: Its idempotency key does not allow it.
        OutcomeUnknown: It may have happened; the same request finds out.
        AuditUnavailable, StorageFailed: It cannot be written down, so it was not begun.
        VasyaError: It was refused, and has not happened.
    """
    give_up_at = asyncio.get_running_loop().time() + gateway.settings.send_deadline_secs
    try:
        work = Work(gateway, intent, await named_in(intent), execute, rendering, give_up_at)
        if intent.is_dry_run:
            return await work.rehearse()
        try:
            return await gateway.claims.shielded(work.carry_out(), lambda: work.has_begun)
        except asyncio.CancelledError as cancelled:
            if work.has_begun:  # it goes on; whoever answers for the one who went away must not say that nothing happens
                raise cancelled from unknown(intent)
            raise
    except VasyaError as error:
        error.action_id = error.action_id or intent.action_id
        raise


class Work(Generic[T]):
    """One mutation on its way."""

    def __init__(
        self,
        gateway: Gateway,
        intent: Intent,
        named: Named,
        execute: Callable[[Ready], Awaitable[T]],
        rendering: Rendering[T],
        give_up_at: float,
    ) -> None:
        self._gateway = gateway
        self._intent = intent
        self._named, self._peer = named, named.peer
        self._execute = execute
        self._rendering = rendering
        self._give_up_at = give_up_at
        self._fingerprint = fingerprint(
            gateway.key, *intent.route, canonical(intent, named), intent.query, intent.content
        )
        acted_on = named.peer or named.person
        self._recorder = Recorder(gateway, intent, acted_on, self._fingerprint)
        # What stays here, and what reduces risk, is free of gates.
        self._is_free = intent.reduces_risk or not intent.mutation.reaches_telegram
        # The account whose gates stand before this change; None: none do.
        self._gated: AccountRuntime | None = None if self._is_free else intent.account
        # Nothing of it could be stored, and it is done all the same (acts that reduce risk).
        self._is_unstored = False
        self._seen = conditions.Attempt(gateway, intent, named, give_up_at)
        self._taken: Sequence[Taken] = ()
        self.has_begun = False

    async def rehearse(self) -> Performed:
        """Say what it would do, and do nothing of it."""
        return await dry_run(
            self._seen,
            self._ready(self._intent.action_id),
            self._execute,
            self._recorder,
            self._rendering.reason,
        )

    async def carry_out(self) -> Performed:
        """Look its key up, and do what is left to do."""
        intent, claims = self._intent, self._gateway.claims
        self._require_key()
        claim = Claim(
            action_id=intent.action_id,
            owner=intent.principal.owner,
            lineage=intent.principal.lineage,
            key=intent.idempotency_key,
            fingerprint=self._fingerprint,
            account_id=intent.account.id if intent.account else None,
            kind=intent.mutation.action.value,
        )
        hold = claims.hold(claim)
        try:
            known = await claims.find(hold)
            if known is None:
                return await self._begin(hold)
            if again := await answer_again(self._seen, known, self._recorder):
                return again
            if known.is_answered:
                return await self._replay(known)
            try:
                return await self._redrive(hold, known)
            finally:
                await note_change(self._gateway, hold.action_id)
        except VasyaError as error:
            error.action_id = error.action_id or hold.action_id
            raise
        finally:
            claims.release(hold)

    async def _begin(self, hold: Hold) -> Performed:
        """Do it for the first time."""
        self._take_limits()
        await self._pass_gates(hold)
        ready = self._ready(hold.action_id)
        if await is_asked(self._seen):
            return await self._ask(hold, ready)
        await self._meet_conditions(hold)
        reach(KillPoint.BEFORE_W1, self._gateway.settings.kill_point)
        dispatch = self._dispatch(ready)
        entry = self._recorder.entry(EntryKind.INTENT, hold.action_id)
        self.has_begun = True
        try:
            with conditions.Stored(self._taken) as kept:
                await self._gateway.claims.begin(hold, dispatch, entry, *kept)
        except StorageFailed:
            if not self._intent.reduces_risk:
                raise
            self._is_unstored = True
            await self._gateway.audit.record_later(entry)
        reach(KillPoint.AFTER_W1, self._gateway.settings.kill_point)
        return await self._drive(hold, ready)

    async def _ask(self, hold: Hold, ready: Ready) -> Performed:
        """Have it wait for a human; what would be refused anyway is not asked about."""
        await rehearse(self._seen, ready, self._execute)
        self._seen.moment = Moment.ASKED
        question = await question_of(self._seen, hold)
        await self._meet_conditions(hold)
        dispatch, asked = self._dispatch(ready, is_asked=True), self._gateway.asked
        self.has_begun = True
        # Before anybody sees it: who calls it off at once has it given back.
        asked.reserve(hold.action_id, self._taken)
        try:
            with conditions.Stored(self._taken) as kept:
                await ask(self._gateway, hold, dispatch, question, self._recorder, kept)
        except VasyaError:
            asked.reserved(hold.action_id)
            raise
        return await answer_asked(self._seen, hold)

    def _ready(self, action_id: ActionId) -> Ready:
        return Ready(
            action_id=action_id,
            peer=self._peer,
            source_peer=self._named.source,
            named_person=self._named.person,
            random_ids=random_ids(self._gateway.key, self._intent, self._peer, self._fingerprint),
            is_redrive=False,
            undo_secs=undo_secs_of(self._intent),
        )

    def _dispatch(self, ready: Ready, *, is_asked: bool = False) -> Dispatch:
        stored = self._peer.stored if self._peer else None
        is_later = is_scheduled(self._intent)
        return Dispatch(stored, ready.random_ids, ready.undo_secs, is_asked, is_later)

    async def _replay(self, known: Known) -> Performed:
        """Answer what was answered before."""
        if known.answer is None:
            raise unknown(self._intent, is_too_old=True)
        result = Result(status=known.status.value)
        entry = self._recorder.entry(EntryKind.REPLAY, known.action_id, result)
        await self._gateway.audit.record(entry)
        return Performed(action_id=known.action_id, answer=known.answer, is_replayed=True)

    async def _redrive(self, hold: Hold, known: Known) -> Performed:
        """Send the identical request again, to the same peer and with the same random_ids (D-6.10)."""
        if known.dispatch is None or not may_find_out(self._intent, known, self._gateway):
            raise unknown(self._intent, is_too_old=True)
        require_agreed(known)
        # The message may never have arrived, and then this would be what sends it: a gate that was closed since holds.
        await self._pass_gates(hold)
        await conditions.PACING.enter(self._seen)
        stored = known.dispatch
        ready = Ready(
            action_id=hold.action_id,
            peer=stored_peer(*stored.peer) if stored.peer else None,
            source_peer=self._named.source,
            named_person=self._named.person,
            random_ids=stored.random_ids,
            is_redrive=True,
            undo_secs=stored.undo_secs,
        )
        return await self._drive(hold, ready)

    async def _drive(self, hold: Hold, ready: Ready) -> Performed:
        """Call, and record what came of it."""
        ending = await self._attempt(hold, ready)
        if ending is None:
            if not ready.is_redrive:
                await lose(self._gateway, self._recorder, hold, OutcomeUnknown.code)
            raise unknown(self._intent)
        if ready.is_redrive and ending.status is ActionStatus.ABORTED and ending.error is not None:
            raise ending.error  # this copy was not sent; of the first that is still not known
        reach(KillPoint.BEFORE_W2, self._gateway.settings.kill_point)
        await conclude(
            *(self._gateway, self._intent, self._recorder, hold, ending, self._taken),
            is_unstored=self._is_unstored,
        )
        reach(KillPoint.BEFORE_ANSWER, self._gateway.settings.kill_point)
        if ending.error is not None:
            raise ending.error
        return Performed(action_id=hold.action_id, answer=ending.answer, is_replayed=False)

    async def _attempt(self, hold: Hold, ready: Ready) -> Ending | None:
        """Do it, and tell what became of it; None: nobody knows."""
        progress = follow_progress(self._require_still_allowed, self._intent.principal.key_id)
        started_at = self._gateway.clock.now()
        try:
            made = await self._within_deadline(ready, progress)
            if not ready.is_redrive:
                require_new(made, progress, started_at)
            return success(self._rendering.answer(made), made)
        except Waits as waits:
            refusal, made_there = self._rendering.refusal, waits.scheduled
            return await waiting_ending(self._seen, hold, self._recorder, made_there, refusal)
        except VasyaError as error:
            return self._refused(error, ready, progress)
        except Exception:
            # A bug of ours: how far it had come is as unknown as after a crash, and so it is recorded.
            await lose(self._gateway, self._recorder, hold)
            raise

    async def _within_deadline(self, ready: Ready, progress: Progress) -> T:
        """Do it by its deadline, which began with the request; what is cut short behind its dispatch may have happened.

        What is free of gates has the deadlines of its own calls: it is not given up half done.
        """
        if self._is_free:
            return await self._execute(ready)
        try:
            async with asyncio.timeout_at(self._give_up_at):
                return await self._execute(ready)
        except TimeoutError as late:
            is_open = progress.is_posted or progress.has_happened
            raise (OutcomeUnknown() if is_open else TelegramTimeout()) from late

    def _refused(self, error: VasyaError, ready: Ready, progress: Progress) -> Ending | None:
        if isinstance(error, MessageNotFound):
            if ready.is_redrive and self._intent.mutation.removes:
                return success(StoredAnswer(HTTPStatus.NO_CONTENT, b""), None)
            if progress.repeated_id is not None:  # made before, and deleted since
                error = IdempotencyKeyStale(progress.repeated_id)
        error.action_id = ready.action_id
        return failure(
            error, self._intent, progress, self._rendering.refusal, is_redrive=ready.is_redrive
        )

    def _take_limits(self) -> None:
        """Take what a change costs.

        Raises:
            RateLimited: Too many were made; this one is not begun.
        """
        intent, who = self._intent, self._intent.principal
        if is_unlimited(who, intent.mutation, intent.reduces_risk):
            return
        chat = None
        # What others see there, time and again: to show typing or to mark as read is no nuisance in a chat.
        if intent.parts and self._peer is not None and intent.account is not None:
            chat = f"{intent.account.id}/{self._peer.key}"
        verdicts = self._gateway.limits.take_mutation(who, chat)
        intent.verdicts.extend(verdicts)
        require_allowed(verdicts)

    async def _pass_gates(self, hold: Hold) -> None:
        """See that nothing stands between this change and Telegram; a refusal is written down, too."""
        if self._gated is None:
            return
        try:
            await conditions.GATES.enter(self._seen)
        except SendingDisabled as error:
            error.preview = await preview_of(self._seen)
            await note_refusal(self._gateway, self._recorder, hold.action_id, error)
            raise

    async def _meet_conditions(self, hold: Hold) -> None:
        """Use up what the change needs, or refuse it."""
        if self._gated is None:
            return
        try:
            self._taken = await conditions.enter(self._seen)
        except VasyaError as error:
            await note_refusal(self._gateway, self._recorder, hold.action_id, error)
            raise

    def _require_still_allowed(self) -> None:
        """See that no gate was closed and no key ended since: before the wire there may be a dial, or uploads (D-1.10, D-8.6)."""
        self._require_key()
        if (account := self._gated) is not None:
            require_gates_still_open(self._gateway, account)

    def _require_key(self) -> None:
        """See that the key that asks is what it was when it was presented: reading a body may have taken minutes."""
        if (watch := self._intent.watch) is not None and watch.is_over:
            raise AccessDenied(
                "The agent key was revoked or changed while this was under way; nothing was sent.",
                remedy="Repeat the request with the same Idempotency-Key: it is judged anew.",
            )
