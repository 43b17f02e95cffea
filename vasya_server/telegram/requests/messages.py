"""Messages of one chat: reading them leaves no trace, writing happens once."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import MessageNotFound, TelegramError
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import sent_id, told
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.requests.writing import (
    composed,
    refusal_of,
    reply_to_of,
    topic_of,
    topic_reply,
)
from vasya_server.telegram.scheduled import (
    AT_ONCE,
    Waits,
    date_of,
    joined,
    require_sent,
    scheduled_in,
)
from vasya_server.telegram.short_forms import sent_in_short
from vasya_server.telegram.words import pieces_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import Message
    from vasya_server.model.writing import SendMessage
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.scheduled import When
    from vasya_server.telegram.view import AccountView


async def get_message(
    account: AccountView, reference: str, message_id: int, *, is_raw: bool = False
) -> Message:
    """Return one message of the chat that *reference* names.

    Raises:
        HumanRequired: An agent wants it as it was written.
        ChatNotFound: It names none.
        MessageNotFound: The chat holds no such message.
    """
    reading = Reading(account, is_raw=is_raw)
    peer = await resolve_in(reading, reference)
    return to_message(await read_message(reading, peer, message_id), reading.directory)


async def send_message(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    random_ids: Sequence[int],
    *,
    when: When = AT_ONCE,
) -> Message:
    """Send a text, as several messages where it is to be cut, and return the first.

    Args:
        random_ids: One for each message; the same in the same chat never makes a second one.
        when: When it goes out; a repeated one may have gone already.

    Raises:
        Waits: It waits there, and is sent when its time has come.
        ValidationFailed: The text is empty or longer than 4,096 UTF-16 code units once formatted, refers to what is not
            there, or is wanted too soon or too late.
        OutcomeUnknown: It was sent and no answer came back.
        MessageNotFound: It was sent before, and has been deleted since.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; of several it may have sent the first.

    Source: https://core.telegram.org/method/messages.sendMessage
    """
    texts = [await composed(account, each) for each in pieces_of(body)]
    date = date_of(account.runtime, when)
    requests = [
        functions.messages.SendMessageRequest(
            peer=peer.input_peer,
            message=text,
            no_webpage=not body.has_link_preview,
            silent=body.is_silent,
            random_id=random_id,
            entities=entities or None,
            # Telegram sends in the order of the dates.
            schedule_date=date and date + timedelta(seconds=index),
        )
        for index, ((text, entities), random_id) in enumerate(zip(texts, random_ids, strict=True))
    ]
    requests[0].reply_to = await reply_to_of(account, peer, body)
    for each in requests[1:]:
        each.reply_to = topic_reply(topic_of(peer, body.topic))
    answers = [await _send(account, each) for each in requests]
    if len(requests) == 1:
        return await _sent(account, peer, requests[0], answers[0])
    return await _sent_in_pieces(account, peer, requests, answers)


async def _send(account: AccountView, request: Any) -> Any:
    try:
        return await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error


async def _sent(account: AccountView, peer: ResolvedPeer, request: Any, answer: Any) -> Message:
    if request.schedule_date:
        require_sent(answer, [request.random_id])
    if isinstance(answer, t.UpdateShortSentMessage):
        message = sent_in_short(answer, request, peer.peer, account.runtime.user_id)
        return to_message(message, _own_directory(account))
    return (await told(account, peer, answer, [sent_id(answer, request.random_id)]))[0]


async def _sent_in_pieces(
    account: AccountView, peer: ResolvedPeer, requests: Sequence[Any], answers: Sequence[Any]
) -> Message:
    """Return the first piece that is there, and the ids of all; of one that was deleted since only its id is known."""
    parts = list(zip(requests, answers, strict=True))
    waiting = [scheduled_in(answer, [request.random_id]) for request, answer in parts]
    if found := [each for each in waiting if each is not None]:
        raise Waits(joined(found))
    ids = [
        answer.id
        if isinstance(answer, t.UpdateShortSentMessage)
        else sent_id(answer, request.random_id)
        for request, answer in parts
    ]
    first: Message | None = None
    for request, answer in parts:
        with contextlib.suppress(MessageNotFound):
            first = await _sent(account, peer, request, answer)
            break
    if first is None:
        raise MessageNotFound
    return msgspec.structs.replace(first, split_ids=ids)


def _own_directory(account: AccountView) -> Directory:
    """Return a directory of the account's own user, for an answer that names nobody."""
    directory = Directory(
        account.runtime.user_id,
        is_agent=account.is_agent,
        has_line=account.runtime.line.holds(),
    )
    if (profile := account.runtime.record.profile) is not None:
        directory.entities[profile.user_id] = t.User(
            profile.user_id,
            first_name=profile.first_name,
            last_name=profile.last_name,
            username=profile.username,
        )
    return directory
