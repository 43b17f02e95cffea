"""What waits in a chat for its time: listed, changed, sent now, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    FieldError,
    MessageNotFound,
    OutcomeUnknown,
    TelegramError,
    ValidationFailed,
)
from vasya_server.model.scheduled import ScheduledMessage
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import told, updates_in
from vasya_server.telegram.requests.media import input_media_of, with_uploads
from vasya_server.telegram.requests.writing import compose, refusal_of
from vasya_server.telegram.scheduled import When, date_of, still_waiting
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vasya_server.model.message import Message
    from vasya_server.model.scheduled import EditScheduled
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.directory import Directory
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# How Telegram says "when the other comes online".
_WHEN_ONLINE: Final = datetime.fromtimestamp(0x7FFFFFFE, UTC)
# Telegram sends at once what is changed to be due as soon.
_SENT_WITHIN: Final = timedelta(seconds=10)


async def list_scheduled(
    reading: Reading, peer: ResolvedPeer, actions: Mapping[int, str | None]
) -> list[ScheduledMessage]:
    """Return what waits in a chat, the next to be sent first.

    Args:
        actions: What is known here of those that wait: by id the action, or None where the one who reads may not see it.

    Source: https://core.telegram.org/method/messages.getScheduledHistory
    """
    request = functions.messages.GetScheduledHistoryRequest(peer.input_peer, hash=0)
    answer = await reading.call(request)
    found = [
        _scheduled(each, reading.directory, actions.get(each.id))
        for each in answer.messages
        if not isinstance(each, t.MessageEmpty) and actions.get(each.id, "") is not None
    ]
    return sorted(found, key=lambda each: (each.sends_at or _WHEN_ONLINE, each.id))


def _scheduled(message: Any, directory: Directory, action_id: str | None) -> ScheduledMessage:
    told_of = to_message(message, directory)
    is_when_online = message.date == _WHEN_ONLINE
    return ScheduledMessage(
        id=told_of.id,
        chat_id=told_of.chat_id,
        sends_at=None if is_when_online else told_of.sent_at,
        action_id=action_id,
        text=told_of.text,
        entities=told_of.entities,
        media=told_of.media,
        reply_to=told_of.reply_to,
        topic_id=told_of.topic_id,
        forwarded_from=told_of.forwarded_from,
        grouped_id=told_of.grouped_id,
        is_silent=bool(getattr(message, "silent", None)),
        is_when_online=is_when_online,
        sanitized=told_of.sanitized,
        redacted=told_of.redacted,
    )


async def edit_scheduled(
    account: AccountView,
    peer: ResolvedPeer,
    message_id: int,
    body: EditScheduled,
    *,
    lineage: str,
    when: When,
    action_id: str | None,
) -> ScheduledMessage:
    """Give a message that waits another text, file or time, and return it; what it is already is a success.

    Args:
        when: When it is wanted, and for how long it may be taken back from now on.
        action_id: What was asked for here.

    Raises:
        MessageNotFound: No such message waits in the chat.
        ServiceChat, ControlLine: No agent touches it.
        UploadNotFound: The file is not there, or its time is over.
        ValidationFailed: Nothing is to be changed, the text cannot be, or it is wanted too soon, or too late.

    Source: https://core.telegram.org/method/messages.editMessage
    """
    if body.text is None and not body.media and body.schedule_at is None:
        raise ValidationFailed(FieldError("/text", "missing"))
    text, entities = (None, None) if body.text is None else await compose(account, body)
    message = await _waiting(account, peer, message_id)
    date = _date_of(account, message, when)

    def request_of(files: Sequence[StoredFile]) -> Any:
        return functions.messages.EditMessageRequest(
            peer=peer.input_peer,
            id=message_id,
            no_webpage=not body.has_link_preview,
            message=text,
            entities=entities,
            media=input_media_of(files[0]) if files else None,
            schedule_date=date,
        )

    try:
        answer = await with_uploads(
            account, body.media, lineage, request_of, is_sent_again=when.is_repeated
        )
    except TelegramError as error:
        if error.rpc_name != "MESSAGE_NOT_MODIFIED":
            raise
        answer = None
    return await _changed(account, peer, message_id, answer, action_id)


async def _changed(
    account: AccountView, peer: ResolvedPeer, message_id: int, answer: Any, action_id: str | None
) -> ScheduledMessage:
    """Return a message that waits as it is now: as the answer tells it, else as it is read again."""
    reading = Reading(account)
    for update in updates_in(answer):
        is_new = isinstance(update, t.UpdateNewScheduledMessage)
        if is_new and update.message.id == message_id:
            reading.directory.add(answer)
            return _scheduled(update.message, reading.directory, action_id)
    waiting = await still_waiting(reading, peer, [message_id])
    if message_id not in waiting:  # it was sent meanwhile, as it is now
        raise OutcomeUnknown("The message was changed and waits no more: look at the chat.")
    return _scheduled(waiting[message_id], reading.directory, action_id)


def _date_of(account: AccountView, message: Any, when: When) -> datetime:
    """Return when it is sent from now on: as wanted, else as before, and never before its window is over."""
    date = date_of(account.runtime, when)
    if when.schedule_at is None:
        date = max(message.date, date or message.date)
    assert date is not None  # noqa: S101 — one of both is given
    if date < account.runtime._clock.now() + _SENT_WITHIN:
        raise ValidationFailed(FieldError("/scheduleAt", "too_soon", ("a minute ahead",)))
    return date


async def send_scheduled(
    account: AccountView, peer: ResolvedPeer, message_id: int, *, is_repeated: bool
) -> Message:
    """Send a message that waits now, and return it as it stands in the chat.

    Args:
        is_repeated: It was asked for before, so that it may have been sent.

    Raises:
        MessageNotFound: No such message waits in the chat.
        ServiceChat, ControlLine: No agent touches it.
        OutcomeUnknown: It was sent and no answer came back.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; it waits still.

    Source: https://core.telegram.org/method/messages.sendScheduledMessages
    """
    end = account.runtime.scheduled.ended(peer.id, message_id)
    if is_repeated and end is not None and end[0] is not None:
        return (await told(account, peer, None, [end[0]]))[0]
    await _waiting(account, peer, message_id)
    request = functions.messages.SendScheduledMessagesRequest(peer.input_peer, [message_id])
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=False)
    except TelegramError as error:
        raise refusal_of(error) from error
    return (await told(account, peer, answer, [_sent_id(answer)]))[0]


def _sent_id(answer: Any) -> int:
    """Return under which id a message that waited was sent."""
    for update in updates_in(answer):
        if isinstance(update, t.UpdateDeleteScheduledMessages) and update.sent_messages:
            return int(update.sent_messages[0])
    for update in updates_in(answer):
        if isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage):
            return int(update.message.id)
    raise OutcomeUnknown


async def delete_scheduled(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    """Take a message back that waits.

    Raises:
        MessageNotFound: No such message waits in the chat.
        ServiceChat, ControlLine: No agent touches it.

    Source: https://core.telegram.org/method/messages.deleteScheduledMessages
    """
    await _waiting(account, peer, message_id)
    request = functions.messages.DeleteScheduledMessagesRequest(peer.input_peer, [message_id])
    await account.runtime.mutate(request, is_exactly_once=True)


async def _waiting(account: AccountView, peer: ResolvedPeer, message_id: int) -> Any:
    """Return a message that waits, to one who may touch it."""
    reading = Reading(account)
    waiting = await still_waiting(reading, peer, [message_id])
    if message_id not in waiting:
        raise MessageNotFound("No such message waits in this chat; it may have been sent.")
    require_readable(reading, [waiting[message_id]])
    return waiting[message_id]
