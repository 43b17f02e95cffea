"""Polls: what is asked, who voted how, and what each of them may see of it.

Source: https://core.telegram.org/api/poll
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from telethon.tl import types as t

from vasya_sandbox.errors import RpcError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Poll(Struct, omit_defaults=True, tag="poll"):
    """A poll with the users who chose each option.

    Args:
        closes_at: In seconds since 1970; 0 for never.
        explanation: Why the right answer of a quiz is right.
    """

    id: int
    question: str
    options: list[str]
    votes: list[list[int]] = field(default_factory=list)
    is_multiple: bool = False
    is_public: bool = False
    is_closed: bool = False
    correct_option: int | None = None
    closes_at: int = 0
    explanation: str = ""


def is_over(poll: Poll, now: int) -> bool:
    """Tell whether nobody can vote any more."""
    return poll.is_closed or 0 < poll.closes_at <= now


def vote(poll: Poll, user_id: int, options: Sequence[bytes], now: int) -> None:
    """Replace what *user_id* has chosen; nothing takes it back.

    Raises:
        RpcError: MESSAGE_POLL_CLOSED, OPTIONS_TOO_MUCH, OPTION_INVALID or REVOTE_NOT_ALLOWED.
    """
    if is_over(poll, now):
        raise RpcError(400, "MESSAGE_POLL_CLOSED")
    if len(options) > 1 and not poll.is_multiple:
        raise RpcError(400, "OPTIONS_TOO_MUCH")
    names = [str(index).encode() for index in range(len(poll.options))]
    if any(option not in names for option in options):
        raise RpcError(400, "OPTION_INVALID")
    has_voted = any(user_id in voters for voters in poll.votes)
    if has_voted and poll.correct_option is not None:
        raise RpcError(400, "REVOTE_NOT_ALLOWED")
    for index, voters in enumerate(poll.votes):
        if user_id in voters:
            voters.remove(user_id)
        if names[index] in options:
            voters.append(user_id)


def shown(poll: Poll, viewer_id: int, now: int) -> t.MessageMediaPoll:
    """Return a poll as *viewer_id* sees it."""
    asked = t.Poll(
        poll.id,
        t.TextWithEntities(poll.question, []),
        [
            t.PollAnswer(t.TextWithEntities(option, []), str(index).encode())
            for index, option in enumerate(poll.options)
        ],
        hash=0,
        closed=is_over(poll, now) or None,
        public_voters=poll.is_public or None,
        multiple_choice=poll.is_multiple or None,
        quiz=poll.correct_option is not None or None,
        close_date=poll.closes_at or None,
    )
    return t.MessageMediaPoll(asked, results(poll, viewer_id, now))


def results(poll: Poll, viewer_id: int, now: int) -> t.PollResults:
    """Return how it stands; only those who voted see the numbers while it is open."""
    counted = None
    if is_over(poll, now) or any(viewer_id in voters for voters in poll.votes):
        counted = [
            t.PollAnswerVoters(
                str(index).encode(),
                chosen=viewer_id in voters or None,
                correct=index == poll.correct_option or None,
                voters=len(voters),
                recent_voters=[t.PeerUser(voter) for voter in voters[-3:]]
                if poll.is_public
                else [],
            )
            for index, voters in enumerate(poll.votes)
        ]
    everybody = {user_id for voters in poll.votes for user_id in voters}
    solution = poll.explanation if counted else None
    return t.PollResults(
        results=counted,
        total_voters=len(everybody),
        solution=solution or None,
        solution_entities=[] if solution else None,
    )
