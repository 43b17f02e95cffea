"""Voting in a poll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    AlreadyVoted,
    FieldError,
    OutcomeUnknown,
    PollClosed,
    ValidationFailed,
    VasyaError,
)
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.polls import to_poll
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message, read_shown

if TYPE_CHECKING:
    from vasya_server.model.interaction import Vote
    from vasya_server.model.message import Message, PollState
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView


async def vote(account: AccountView, peer: ResolvedPeer, message_id: int, body: Vote) -> Message:
    """Choose options of a poll in place of what was chosen, and return the message as it stands then.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatNotAllowed: The chat may be written to, and not read.
        ValidationFailed: It carries no poll, or not such an option; or several are chosen where one may be.
        PollClosed, AlreadyVoted: It takes no vote any more, or no other.

    Source: https://core.telegram.org/method/messages.sendVote
    """
    reading = Reading(account)
    message = await read_shown(reading, peer, message_id)
    if not isinstance(message.media, t.MessageMediaPoll):
        raise ValidationFailed(FieldError("{message}", "not_a_poll"))
    poll = to_poll(message.media)
    if _is_so(poll, body):
        return to_message(message, reading.directory)
    answers = message.media.poll.answers
    chosen = [answers[index].option for index in body.options]
    request = functions.messages.SendVoteRequest(peer.input_peer, message_id, chosen)
    await account.runtime.mutate(request, is_exactly_once=True)
    return await _now(account, peer, message_id)


def _is_so(poll: PollState, body: Vote) -> bool:
    """Tell whether the account has voted so already.

    Raises:
        ValidationFailed, PollClosed, AlreadyVoted: It cannot.
    """
    known = tuple(str(option.index) for option in poll.options)
    wanted = {*body.options}
    if len(wanted) < len(body.options):
        raise ValidationFailed(FieldError("/options", "repeated"))
    if not wanted <= {option.index for option in poll.options}:
        raise ValidationFailed(FieldError("/options", "unknown", known))
    if len(wanted) > 1 and not poll.is_multiple:
        raise ValidationFailed(FieldError("/options", "too_many", ("one option",)))
    chosen = {option.index for option in poll.options if option.is_chosen}
    if chosen == wanted:
        return True
    if poll.is_closed:
        raise PollClosed
    if poll.is_quiz and chosen:
        raise AlreadyVoted
    return False


async def _now(account: AccountView, peer: ResolvedPeer, message_id: int) -> Message:
    reading = Reading(account)
    try:
        message: Any = await read_message(reading, peer, message_id)
    except VasyaError as error:
        raise OutcomeUnknown("The vote counts, but the poll could not be read again.") from error
    return to_message(message, reading.directory)
