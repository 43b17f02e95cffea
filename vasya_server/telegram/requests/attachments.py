"""Messages that are no text and no file: polls, places, somebody's number."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.model.writing import ContactInput, LocationInput, PollInput
from vasya_server.telegram.requests.answers import sent_id, told
from vasya_server.telegram.requests.writing import refusal_of, reply_to_of
from vasya_server.telegram.scheduled import date_of, require_sent

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.model.message import Message
    from vasya_server.model.writing import SendMessage
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.scheduled import When
    from vasya_server.telegram.view import AccountView

# Source: https://core.telegram.org/constructor/poll
_CLOSES_WITHIN: Final = (timedelta(seconds=5), timedelta(days=30))


async def send_attachment(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    attachment: PollInput | LocationInput | ContactInput,
    random_id: int,
    *,
    when: When,
) -> Message:
    """Send a poll, a place or somebody's number; the same *random_id* in the same chat never makes a second message.

    Raises:
        Waits: It waits at Telegram until its time comes.
        ValidationFailed: A poll cannot be as it is wanted, refers to what is not there, or is wanted too soon or too late.
        OutcomeUnknown: It was sent and no answer came back.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; nothing was sent.

    Source: https://core.telegram.org/method/messages.sendMedia
    """
    date = date_of(account.runtime, when)
    request = functions.messages.SendMediaRequest(
        peer=peer.input_peer,
        media=_media_of(attachment, date or account.runtime._clock.now(), when),
        message="",
        silent=body.is_silent,
        reply_to=await reply_to_of(account, peer, body),
        random_id=random_id,
        schedule_date=date,
    )
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error
    if date:
        require_sent(answer, [random_id])
    return (await told(account, peer, answer, [sent_id(answer, random_id)]))[0]


def _media_of(
    attachment: PollInput | LocationInput | ContactInput, sent_at: datetime, when: When
) -> Any:
    match attachment:
        case LocationInput():
            point = t.InputGeoPoint(attachment.latitude, attachment.longitude)
            return t.InputMediaGeoPoint(point)
        case ContactInput():
            return t.InputMediaContact(
                attachment.phone, attachment.first_name, attachment.last_name, vcard=""
            )
        case PollInput():
            return _poll(attachment, sent_at, when)


def _poll(poll: PollInput, sent_at: datetime, when: When) -> Any:
    """Return a poll, or a quiz where one option is right.

    Source: https://core.telegram.org/api/poll
    """
    is_quiz = poll.correct_option is not None
    if is_quiz and poll.is_multiple:
        raise ValidationFailed(FieldError("/poll/isMultiple", "not_in_quiz"))
    if poll.correct_option is not None and poll.correct_option >= len(poll.options):
        last = str(len(poll.options) - 1)
        raise ValidationFailed(FieldError("/poll/correctOption", "out_of_range", (f"0..{last}",)))
    if len({*poll.options}) < len(poll.options):
        raise ValidationFailed(FieldError("/poll/options", "repeated"))
    closes_at = poll.closes_at and poll.closes_at.astimezone(UTC).replace(microsecond=0)
    if closes_at is not None and not when.is_repeated:
        soonest, latest = (sent_at + each for each in _CLOSES_WITHIN)
        if not soonest <= closes_at <= latest:
            raise ValidationFailed(FieldError("/poll/closesAt", "out_of_range", ("5 s..30 d",)))
    return t.InputMediaPoll(
        t.Poll(
            id=0,
            question=t.TextWithEntities(poll.question, []),
            answers=[t.InputPollAnswer(t.TextWithEntities(each, [])) for each in poll.options],
            hash=0,
            public_voters=not poll.is_anonymous,
            multiple_choice=poll.is_multiple,
            quiz=is_quiz,
            close_date=closes_at,
        ),
        correct_answers=None if poll.correct_option is None else [poll.correct_option],
    )
