"""Messages of one chat: reading them leaves no trace, writing happens once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    AdminRequired,
    ChatWriteForbidden,
    FieldError,
    IdempotencyKeyStale,
    MessageNotFound,
    OutcomeUnknown,
    TelegramError,
    ValidationFailed,
    VasyaError,
)
from vasya_server.telegram.convert import from_entity, to_message
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.formatting import parse
from vasya_server.telegram.html import utf16_length
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import message_in, message_sent_in_short, sent_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import EditMessage, Entity, Message, SendMessage, TextFormat
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer

# Source: https://limits.tginfo.me, and the `message_length_max` of help.getConfig.
MAX_TEXT_UNITS = 4096
_GENERAL_TOPIC = 1
_REFUSED_FIELDS = {
    "QUOTE_TEXT_INVALID": FieldError("/quote", "not_in_message"),
    "TOPIC_ID_INVALID": FieldError("/topic", "unknown"),
    "TOPIC_DELETED": FieldError("/topic", "unknown"),
    "TOPIC_CLOSED": FieldError("/topic", "closed"),
    "ENTITY_BOUNDS_INVALID": FieldError("/text", "formatting_invalid"),
    "ENTITY_TEXTURL_INVALID": FieldError("/text", "link_invalid"),
    "ENTITIES_TOO_LONG": FieldError("/text", "too_much_formatting"),
}


async def get_message(account: AccountRuntime, reference: str, message_id: int) -> Message:
    """Return one message of the chat that *reference* names.

    Raises:
        ChatNotFound: It names none.
        MessageNotFound: The chat holds no such message.
    """
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    return to_message(await read_message(reading, peer, message_id), reading.directory)


async def read_message(reading: Reading, peer: ResolvedPeer, message_id: int) -> Any:
    """Return Telegram's message.

    Raises:
        MessageNotFound: The chat holds no such message.
    """
    found = await read_by_id(reading, peer, [message_id])
    if not found:
        raise MessageNotFound
    return found[0]


async def read_by_id(reading: Reading, peer: ResolvedPeer, ids: Sequence[int]) -> list[Any]:
    """Return those of *ids* that the chat holds, newest first.

    Outside channels an id belongs to the account's one box, so what belongs to another chat is left out.

    Source: https://core.telegram.org/method/messages.getMessages
    """
    wanted = [t.InputMessageID(message_id) for message_id in sorted({*ids}, reverse=True)]
    if peer.is_channel:
        request = functions.channels.GetMessagesRequest(peer.input_peer, wanted)
    else:
        request = functions.messages.GetMessagesRequest(wanted)
    answer = await reading.call(request)
    return [
        message
        for message in answer.messages
        if not isinstance(message, t.MessageEmpty) and message.peer_id == peer.peer
    ]


async def send_message(
    account: AccountRuntime, peer: ResolvedPeer, body: SendMessage, random_id: int
) -> Message:
    """Send a text; the same *random_id* in the same chat never makes a second message.

    Raises:
        ValidationFailed: The text is empty or longer than 4,096 UTF-16 code units once formatted, or refers to what is
            not there.
        OutcomeUnknown: It was sent and no answer came back.
        IdempotencyKeyStale: It was sent before, and has been deleted since.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; nothing was sent.

    Source: https://core.telegram.org/method/messages.sendMessage
    """
    reply_to = _reply_to(peer, body)
    text, entities = await _written(account, body.text, body.format)
    request = functions.messages.SendMessageRequest(
        peer=peer.input_peer,
        message=text,
        no_webpage=not body.has_link_preview,
        silent=body.is_silent,
        reply_to=reply_to,
        random_id=random_id,
        entities=entities or None,
    )
    try:
        answer = await account.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise _refused(error) from error
    if isinstance(answer, t.UpdateShortSentMessage):
        message = message_sent_in_short(answer, request, peer, account.user_id)
        return to_message(message, _own_directory(account))
    try:
        return await _changed(account, peer, answer, sent_id(answer, random_id))
    except MessageNotFound as error:
        raise IdempotencyKeyStale from error


async def edit_message(
    account: AccountRuntime, peer: ResolvedPeer, message_id: int, body: EditMessage
) -> Message:
    """Replace the text of an own message and return it; the text that it has already is a success.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatWriteForbidden: It is somebody else's, or too old to be edited.
        ValidationFailed: The text is empty or too long once formatted.

    Source: https://core.telegram.org/method/messages.editMessage
    """
    text, entities = await _written(account, body.text, body.format)
    request = functions.messages.EditMessageRequest(
        peer=peer.input_peer,
        id=message_id,
        no_webpage=not body.has_link_preview,
        message=text,
        # An empty list takes away the formatting of the old text; an absent one would keep it.
        entities=entities,
    )
    try:
        answer = await account.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name == "MESSAGE_NOT_MODIFIED":  # or an earlier copy of this request has
            return await _read_back(account, peer, message_id)
        raise _refused(error) from error
    return await _changed(account, peer, answer, message_id)


async def delete_message(
    account: AccountRuntime, peer: ResolvedPeer, message_id: int, *, for_everyone: bool
) -> None:
    """Delete one message of the chat, for this account alone or for everyone.

    Raises:
        MessageNotFound: The chat holds no such message.
        ValidationFailed: A channel or supergroup keeps one copy, which cannot be deleted for one member.
        AdminRequired: It may not be deleted for everyone.

    Source: https://core.telegram.org/method/messages.deleteMessages
    """
    if peer.is_channel and not for_everyone:
        raise ValidationFailed(FieldError("?forEveryone", "not_possible", ("true",)))
    # Telegram deletes by the id alone, whatever chat it is in: it has to be one of this chat.
    reading = Reading(account)
    message = await read_message(reading, peer, message_id)
    group = reading.directory.entities.get(peer.id)
    if for_everyone and isinstance(group, t.Chat) and not _may_revoke(group, message):
        # Telegram would say yes and delete it for this account alone.
        raise AdminRequired
    if peer.is_channel:
        request = functions.channels.DeleteMessagesRequest(peer.input_peer, [message_id])
    else:
        request = functions.messages.DeleteMessagesRequest([message_id], revoke=for_everyone)
    try:
        await account.mutate(request, is_exactly_once=True)
    except ChatWriteForbidden as error:
        raise AdminRequired(error.rpc_name) from error


def _may_revoke(group: Any, message: Any) -> bool:
    return bool(message.out or group.creator or group.admin_rights)


def _reply_to(peer: ResolvedPeer, body: SendMessage) -> Any:
    if body.topic is not None and not peer.is_channel:
        raise ValidationFailed(FieldError("/topic", "chat_has_no_topics"))
    if body.reply_to is None:
        if body.quote is not None:
            raise ValidationFailed(FieldError("/quote", "requires_reply_to"))
        if body.topic is None or body.topic == _GENERAL_TOPIC:
            return None
        return t.InputReplyToMessage(reply_to_msg_id=body.topic, top_msg_id=body.topic)
    topic = None if body.topic == _GENERAL_TOPIC else body.topic
    return t.InputReplyToMessage(
        reply_to_msg_id=body.reply_to, top_msg_id=topic, quote_text=body.quote
    )


async def _written(
    account: AccountRuntime, text: str, text_format: TextFormat
) -> tuple[str, list[Any]]:
    """Return the text and the entities to send.

    Raises:
        ValidationFailed: Nothing is left without the formatting, it is too long, or it mentions somebody unknown.
    """
    plain, entities = parse(text, text_format)
    if not plain:
        raise ValidationFailed(FieldError("/text", "empty"))
    if utf16_length(plain) > MAX_TEXT_UNITS:
        limit = f"at most {MAX_TEXT_UNITS} UTF-16 code units after formatting"
        raise ValidationFailed(FieldError("/text", "too_long", (limit,)))
    return plain, [from_entity(entity, await _mentioned(account, entity)) for entity in entities]


async def _mentioned(account: AccountRuntime, entity: Entity) -> Any:
    if entity.type != "text_mention" or entity.user_id is None:
        return None
    if entity.user_id == account.user_id:
        return t.InputUserSelf()
    known = await account.peers.by_id(entity.user_id)
    if known is None:
        raise ValidationFailed(FieldError("/text", "unknown_user"))
    return t.InputUser(known.id, known.access_hash)


def _refused(error: TelegramError) -> Exception:
    """Return the refusal of one field where Telegram's name for it tells which."""
    field = _REFUSED_FIELDS.get(error.rpc_name or "")
    return ValidationFailed(field) if field else error


async def _changed(
    account: AccountRuntime, peer: ResolvedPeer, answer: Any, message_id: int
) -> Message:
    """Return the message from the answer of its change; that of a repeated send may leave it out."""
    message = message_in(answer, peer, message_id)
    if message is not None:
        return to_message(message, Directory(account.user_id, [answer]))
    return await _read_back(account, peer, message_id)


async def _read_back(account: AccountRuntime, peer: ResolvedPeer, message_id: int) -> Message:
    """Return the message as it stands after a change of it.

    Raises:
        MessageNotFound: It has been deleted.
        OutcomeUnknown: It cannot be read now; a refusal would say that the change has not happened.
        CancelledError: With an `OutcomeUnknown` as its cause, for the same reason.
    """
    reading = Reading(account)
    try:
        found = await read_message(reading, peer, message_id)
    except MessageNotFound:
        raise
    except VasyaError as error:
        raise OutcomeUnknown(
            "Telegram has taken the change, but it could not be read back."
        ) from error
    except asyncio.CancelledError as cancelled:
        raise cancelled from OutcomeUnknown()
    return to_message(found, reading.directory)


def _own_directory(account: AccountRuntime) -> Directory:
    """Return a directory of the account's own user, for an answer that names nobody."""
    directory = Directory(account.user_id)
    if (profile := account.record.profile) is not None:
        directory.entities[profile.user_id] = t.User(
            profile.user_id,
            first_name=profile.first_name,
            last_name=profile.last_name,
            username=profile.username,
        )
    return directory
