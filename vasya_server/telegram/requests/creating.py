"""Making groups and channels: once, whatever becomes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    ChatNotAllowed,
    FieldError,
    OutcomeUnknown,
    TelegramError,
    ValidationFailed,
    VasyaError,
)
from vasya_server.model.chat_life import CreatedChat, NewChatType
from vasya_server.telegram.dialogs import chat_of_entity, known_peer
from vasya_server.telegram.directory import entity_id, input_peer
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.service_chat import require_outside_service_chat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.chat_life import CreateChat
    from vasya_server.telegram.view import AccountView

_REFUSED_FIELDS: Final = {
    "CHAT_ABOUT_TOO_LONG": FieldError("/about", "too_long"),
    "CHAT_TITLE_EMPTY": FieldError("/title", "empty"),
    "USERS_TOO_FEW": FieldError("/userIds", "too_few"),
    "USERS_TOO_MUCH": FieldError("/userIds", "too_many"),
}


async def create_chat(account: AccountView, body: CreateChat) -> CreatedChat:
    """Make a group, supergroup or channel, and add people to it.

    Making it is the one request that is never repeated. What follows can only be missing, and is told: the chat is there.

    Raises:
        ServiceChat: An agent adds Telegram's own notifications.
        ChatNotAllowed: A key that reaches some chats alone makes no others, and adds nobody out of reach.
        ValidationFailed: The fields do not go together, or name somebody unknown.
        OutcomeUnknown: It was sent and no answer came back.
        AccountSpamLimited, FloodWait: Telegram refused; nothing was made.

    Source: https://core.telegram.org/method/messages.createChat, https://core.telegram.org/method/channels.createChannel
    """
    reading = Reading(account)
    rule = account.writable
    if rule is not None and rule.is_list:
        raise ChatNotAllowed("This key reaches chats one by one; a new chat is none of them.")
    require_outside_service_chat(account, *body.user_ids)
    _require_sound(body)
    invited = [await _invited(reading, at, each) for at, each in enumerate(body.user_ids)]
    try:
        answer = await account.runtime.mutate(_request(body, invited), is_exactly_once=False)
    except TelegramError as error:
        field = _REFUSED_FIELDS.get(error.rpc_name or "")
        raise (ValidationFailed(field) if field else error) from error
    return await _finish(reading, body, invited, answer)


def _require_sound(body: CreateChat) -> None:
    if not body.title.strip():
        raise ValidationFailed(FieldError("/title", "empty"))
    if body.is_forum and body.type is not NewChatType.SUPERGROUP:
        raise ValidationFailed(FieldError("/isForum", "not_possible", ("false",)))
    if body.type is NewChatType.GROUP and not body.user_ids:
        raise ValidationFailed(FieldError("/userIds", "too_few"))


async def _invited(reading: Reading, at: int, user_id: int) -> Any:
    """Return how a request names somebody who may be added."""
    if (rule := reading.account.writable) is not None:
        await require(reading, user_id, rule)
    peer = await known_peer(reading, user_id)
    if not isinstance(peer, t.InputPeerUser):
        raise ValidationFailed(FieldError(f"/userIds/{at}", "unknown"))
    return t.InputUser(peer.user_id, peer.access_hash)


def _request(body: CreateChat, invited: Sequence[Any]) -> TLRequest:
    title = body.title.strip()
    if body.type is NewChatType.GROUP:
        return functions.messages.CreateChatRequest(list(invited), title)
    is_broadcast = body.type is NewChatType.CHANNEL
    return functions.channels.CreateChannelRequest(
        title,
        body.about.strip(),
        broadcast=is_broadcast or None,
        megagroup=not is_broadcast or None,
        forum=body.is_forum or None,
    )


async def _finish(
    reading: Reading, body: CreateChat, invited: Sequence[Any], answer: Any
) -> CreatedChat:
    """Do what is left to do in the chat that was made, and tell it."""
    is_group = body.type is NewChatType.GROUP
    made = answer.updates if is_group else answer
    reading.directory.add(made)
    if not made.chats:
        raise OutcomeUnknown("Telegram has made the chat, and does not say which one it is.")
    chat = made.chats[0]
    place = input_peer(entity_id(chat), getattr(chat, "access_hash", None) or 0)
    has_about, missing = True, list(body.user_ids) if invited and not is_group else []
    if is_group:
        missing = [each.user_id for each in answer.missing_invitees]
        if about := body.about.strip():
            request = functions.messages.EditChatAboutRequest(place, about)
            has_about = await _follow(reading, request) is not None
    elif invited:
        request = functions.channels.InviteToChannelRequest(place, list(invited))
        if (told := await _follow(reading, request)) is not None:
            reading.directory.add(told.updates)
            missing = [each.user_id for each in told.missing_invitees]
    shown = chat_of_entity(reading, reading.directory.entities[entity_id(chat)])
    fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
    return CreatedChat(**fields, missing=missing, has_no_about=not has_about)


async def _follow(reading: Reading, request: TLRequest) -> Any:
    """Do what the chat stands without; None: it is not done, or nobody knows."""
    runtime = reading.account.runtime
    # The whole has one deadline: who waits longer than this would be told that the chat itself is in doubt.
    deadline_secs = runtime._settings.send_deadline_secs / 3
    try:
        return await runtime.mutate(request, is_exactly_once=True, deadline_secs=deadline_secs)
    except VasyaError:
        return None
