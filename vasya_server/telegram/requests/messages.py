"""Messages of one chat: reading them leaves no trace, writing happens once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import TelegramError
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import sent_id, told
from vasya_server.telegram.requests.lookup import keep_to_chat, read_message
from vasya_server.telegram.requests.writing import compose, refusal_of, reply_to_of
from vasya_server.telegram.scheduled import date_in, require_sent
from vasya_server.telegram.short_forms import sent_in_short

if TYPE_CHECKING:
    from vasya_server.model.message import Message
    from vasya_server.model.writing import EditMessage, SendMessage
    from vasya_server.telegram.peers import ResolvedPeer
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
    random_id: int,
    *,
    undo_secs: int = 0,
) -> Message:
    """Send a text; the same *random_id* in the same chat never makes a second message.

    Args:
        undo_secs: How long it waits at Telegram before it goes out; a repeated one may have gone already.

    Raises:
        Waits: It waits there, and is sent when its time has come.
        ValidationFailed: The text is empty or longer than 4,096 UTF-16 code units once formatted, or refers to what is
            not there.
        OutcomeUnknown: It was sent and no answer came back.
        MessageNotFound: It was sent before, and has been deleted since.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; nothing was sent.

    Source: https://core.telegram.org/method/messages.sendMessage
    """
    reply_to = await reply_to_of(account, peer, body)
    text, entities = await compose(account, body.text, body.format)
    request = functions.messages.SendMessageRequest(
        peer=peer.input_peer,
        message=text,
        no_webpage=not body.has_link_preview,
        silent=body.is_silent,
        reply_to=reply_to,
        random_id=random_id,
        entities=entities or None,
        schedule_date=date_in(account.runtime, undo_secs),
    )
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error
    if undo_secs:
        require_sent(answer, [random_id])
    if isinstance(answer, t.UpdateShortSentMessage):
        message = sent_in_short(answer, request, peer.peer, account.runtime.user_id)
        return to_message(message, _own_directory(account))
    return (await told(account, peer, answer, [sent_id(answer, random_id)]))[0]


async def edit_message(
    account: AccountView, peer: ResolvedPeer, message_id: int, body: EditMessage
) -> Message:
    """Replace the text of an own message and return it; the text that it has already is a success.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatWriteForbidden: It is somebody else's, or too old to be edited.
        ValidationFailed: The text is empty or too long once formatted.

    Source: https://core.telegram.org/method/messages.editMessage
    """
    text, entities = await compose(account, body.text, body.format)
    await keep_to_chat(account, peer, [message_id])
    request = functions.messages.EditMessageRequest(
        peer=peer.input_peer,
        id=message_id,
        no_webpage=not body.has_link_preview,
        message=text,
        # An empty list takes away the formatting of the old text; an absent one would keep it.
        entities=entities,
    )
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name != "MESSAGE_NOT_MODIFIED":
            raise refusal_of(error) from error
        answer = None  # it says that already, or an earlier copy of this request has done it
    return (await told(account, peer, answer, [message_id]))[0]


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
