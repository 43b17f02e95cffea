"""What a mutation is: as a route declares it, as somebody wants it, and as it is about to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vasya_server.audit.actions import Action
from vasya_server.model.base import Plain
from vasya_server.telegram.scheduled import When

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.idempotency.claim import StoredAnswer
    from vasya_server.ids import ActionId
    from vasya_server.limits.budgets import Balance
    from vasya_server.limits.gcra import Verdict
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer


def _none(_body: Any) -> int:  # noqa: ANN401 — any body
    return 0


def _never(_body: Any) -> bool:  # noqa: ANN401 — any body
    return False


def _nowhere(_body: Any) -> None:  # noqa: ANN401 — any body
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What a route does, whoever asks for it; made by `telegram` and `local`.

    Args:
        reaches_telegram: It changes something there, so that gates stand before it.
        parts: How many messages it makes, each with a random_id of its own, by its body.
        reduces_risk: Whether it takes effect even where it cannot be written down, by its body.
        removes: What is not there any more is done, when the same is asked again after an unknown outcome.
        is_rehearsed: A dry run goes as far as its first request that changes something; all that it does stands behind that.
        source: The other chat that it takes something from, by its body; it has to be readable.
        subject: Whom it is about, by its body, where no path names a chat; it has to be writable.
        is_repeatable: Asked again after an unknown outcome, it finds out; otherwise it would be done twice (D-6.13).
        waiting: What happens to the message that its path names, where that is one that waits for its time: its ids are
            others, and what is sent was counted when it was scheduled.
    """

    action: Action
    reaches_telegram: bool
    parts: Callable[[Any], int] = _none
    reduces_risk: Callable[[Any], bool] = _never
    removes: bool = False
    is_rehearsed: bool = True
    source: Callable[[Any], str | None] = _nowhere
    subject: Callable[[Any], str | None] = _nowhere
    is_repeatable: bool = True
    waiting: Literal["changed", "sent"] | None = None

    @property
    def may_reduce_risk(self) -> bool:
        """Tell whether it reduces risk with any body."""
        return self.reduces_risk is not _never


def telegram(
    action: Action,
    *,
    parts: Callable[[Any], int] = _none,
    reduces_risk: Callable[[Any], bool] = _never,
    removes: bool = False,
    is_rehearsed: bool = True,
    source: Callable[[Any], str | None] = _nowhere,
    subject: Callable[[Any], str | None] = _nowhere,
    is_repeatable: bool = True,
) -> Mutation:
    """Declare a change at Telegram."""
    return Mutation(
        action=action,
        reaches_telegram=True,
        parts=parts,
        reduces_risk=reduces_risk,
        removes=removes,
        is_rehearsed=is_rehearsed,
        source=source,
        subject=subject,
        is_repeatable=is_repeatable,
    )


def of_waiting(
    action: Action, waiting: Literal["changed", "sent"], *, removes: bool = False
) -> Mutation:
    """Declare a change of a message that waits at Telegram for its time."""
    return Mutation(action=action, reaches_telegram=True, removes=removes, waiting=waiting)


def local(action: Action, *, reduces_risk: Callable[[Any], bool] = _never) -> Mutation:
    """Declare a change here: of accounts, logins, credentials, agent keys."""
    return Mutation(action=action, reaches_telegram=False, reduces_risk=reduces_risk)


def is_unlimited(who: Principal, mutation: Mutation, reduces_risk: bool) -> bool:  # noqa: FBT001 — read beside the two
    """Tell whether no empty bucket may stand in the way: a human reduces risk, or a key ends itself."""
    # A narrowed JWT is no key and has nothing to end: free of limits, it could ask to for ever.
    ends_itself = who.key_id is not None and mutation.action is Action.KEY_REVOKE
    return reduces_risk and (who.is_human or ends_itself)


def always(_body: Any) -> bool:  # noqa: ANN401 — any body
    """Say that it reduces risk, whatever the body."""
    return True


class Intent(Plain, frozen=True, kw_only=True):
    """What somebody wants done, before anything of it is done.

    Args:
        idempotency_key: The client's; None: it sent none.
        route: Method and path template.
        scope: What opens the route; None: no scope does, and no rule of a key is about it.
        path: Path parameters as they were given.
        source: The other chat that something is taken from, as it was given.
        subject: Whom it is about, as the body names them.
        content: The body in its one canonical encoding, or the SHA-256 of an upload.
        body: The body as it was read; None without one.
        is_dry_run: Nothing is to be done, but all of it to be said.
        verdicts: What the limits have said of this request; what `perform` takes is added, for the answer to tell.
        watch: Tells that the agent key that asks may not do so any longer: it has watched since the key was presented,
            because a body may take its time. None: no key asks.
    """

    mutation: Mutation
    action_id: ActionId
    request_id: str
    principal: Principal
    account: AccountRuntime | None
    idempotency_key: str | None
    route: tuple[str, str]
    path: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    parts: int
    reduces_risk: bool
    verdicts: list[Verdict | Balance]
    scope: str | None = None
    body: Any = None
    is_dry_run: bool = False
    source: str | None = None
    subject: str | None = None
    watch: Watch | None = None


class Named(Plain, frozen=True):
    """Whom and what the path and body of a change name, each by one of its many names, resolved.

    Args:
        peer: The chat that is changed.
        source: The chat that something is taken from.
        person: Whom `{user}` names; without an input peer where the account has never met them.
    """

    peer: ResolvedPeer | None = None
    source: ResolvedPeer | None = None
    person: ResolvedPeer | None = None


class Ready(Plain, frozen=True, kw_only=True):
    """A mutation that is claimed and written down and may be done now; only `perform` makes one.

    Args:
        random_ids: One for each message that it makes.
        is_redrive: The same was sent before, and nobody knows what became of it.
        undo_secs: For how long its messages wait at Telegram.
    """

    action_id: ActionId
    peer: ResolvedPeer | None
    random_ids: tuple[int, ...]
    is_redrive: bool
    source_peer: ResolvedPeer | None = None
    named_person: ResolvedPeer | None = None
    undo_secs: int = 0

    @property
    def chat(self) -> ResolvedPeer:
        """Return the chat that `{chat}` names."""
        if self.peer is None:
            raise LookupError(self.action_id)
        return self.peer

    @property
    def source(self) -> ResolvedPeer:
        """Return the other chat, which something is taken from."""
        if self.source_peer is None:
            raise LookupError(self.action_id)
        return self.source_peer

    @property
    def person(self) -> ResolvedPeer:
        """Return whom `{user}` names."""
        if self.named_person is None:
            raise LookupError(self.action_id)
        return self.named_person

    def when(self, schedule_at: datetime | None) -> When:
        """Return when its messages go out, which are wanted not before *schedule_at*."""
        return When(undo_secs=self.undo_secs, schedule_at=schedule_at, is_repeated=self.is_redrive)


class Performed(Plain, frozen=True, kw_only=True):
    """The answer to a mutation, the first or a repeated time."""

    action_id: ActionId
    answer: StoredAnswer
    is_replayed: bool
    is_dry_run: bool = False
