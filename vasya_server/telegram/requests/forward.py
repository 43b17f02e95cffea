"""Passing messages on to another chat, each exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon import functions

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.model.message import ForwardedMessages
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import sent_ids, told
from vasya_server.telegram.requests.lookup import read_by_id, refuse_foreign
from vasya_server.telegram.requests.writing import refusal_of, topic_of
from vasya_server.telegram.scheduled import AT_ONCE, date_of, require_sent
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.writing import ForwardMessages
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.scheduled import When
    from vasya_server.telegram.view import AccountView


async def forward_messages(
    account: AccountView,
    peer: ResolvedPeer,
    source: ResolvedPeer,
    body: ForwardMessages,
    random_ids: Sequence[int],
    *,
    when: When = AT_ONCE,
) -> ForwardedMessages:
    """Forward messages of *source* to the chat *peer*, or copy them there without naming their author.

    Args:
        random_ids: One for each message, in their order: those that stand there already are not sent again.
        when: When they go out.

    Raises:
        Waits: It waits at Telegram until its time comes.
        ServiceChat: An agent passes on a service notification.
        MessageNotFound: A message is not in that chat.
        ChatProtected: What that chat says may not leave it.
        OutcomeUnknown: They were sent and no answer came back.
        ValidationFailed: A message is named twice, a caption dropped that still names its author, or it is wanted too soon
            or too late.

    Source: https://core.telegram.org/method/messages.forwardMessages
    """
    _check(body)
    topic = topic_of(peer, body.topic)
    reading = Reading(account)
    if account.is_agent:  # it must not pass on, to where it is read, what it may not read
        require_readable(reading, await read_by_id(reading, source, body.message_ids))
    await refuse_foreign(reading, source, body.message_ids)
    date = date_of(account.runtime, when)
    request = functions.messages.ForwardMessagesRequest(
        from_peer=source.input_peer,
        id=list(body.message_ids),
        to_peer=peer.input_peer,
        random_id=list(random_ids),
        top_msg_id=topic,
        silent=body.is_silent,
        drop_author=body.as_copy,
        drop_media_captions=body.without_caption,
        schedule_date=date,
    )
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error
    if date:
        require_sent(answer, random_ids)
    ids = sent_ids(answer, random_ids)
    missing = [each for each, at in zip(body.message_ids, ids, strict=True) if at is None]
    messages = await told(account, peer, answer, [at for at in ids if at is not None])
    return ForwardedMessages(items=messages, missing=missing)


def _check(body: ForwardMessages) -> None:
    if len({*body.message_ids}) != len(body.message_ids):
        raise ValidationFailed(FieldError("/messageIds", "repeated"))
    if body.without_caption and not body.as_copy:
        # Telegram would take the author away with the caption, and a forward without its author is a copy.
        raise ValidationFailed(FieldError("/withoutCaption", "requires_as_copy"))
