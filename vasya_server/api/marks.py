"""What others see of the account beside its messages: read marks, typing, reactions, pins."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.message import MarkRead, React
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import marks

_CHAT = "/accounts/{account}/chats/{chat}"
_MESSAGE = _CHAT + "/messages/{message}"


@mutation("POST", _CHAT + "/read", Scope.MESSAGES_REACT, telegram(Action.CHAT_READ), status=204)
async def mark_read(call: Call, ready: Ready, body: MarkRead) -> None:
    """Mark a chat as read up to the message `upTo`, or to its end where the body is `{}`.

    The others see it by their ticks, and the owner's unread count goes down; it cannot be undone. A chat that the account
    does not know answers 404 `chat_not_found`.
    """
    await marks.mark_read(call.account, ready.chat, body)


@mutation("POST", _CHAT + "/typing", Scope.MESSAGES_REACT, telegram(Action.CHAT_TYPING), status=204)
async def show_typing(call: Call, ready: Ready) -> None:
    """Show the chat for about five seconds that the account is typing; repeat it to go on.

    It ends by itself or with the next message. Where the account may not write, it answers 403 `chat_write_forbidden`.
    """
    await marks.show_typing(call.account, ready.chat)


@mutation(
    "PUT",
    _MESSAGE + "/reaction",
    Scope.MESSAGES_REACT,
    telegram(Action.MESSAGE_REACT),
    status=204,
)
async def set_reaction(call: Call, ready: Ready, body: React) -> None:
    """React to a message with one emoji, in place of the account's earlier reaction to it.

    An emoji that the chat does not take answers 422 `validation_failed`, a message that is not there 404
    `message_not_found`.
    """
    await marks.set_reaction(call.account, ready.chat, call.message_id, body.emoji)


@mutation(
    "DELETE",
    _MESSAGE + "/reaction",
    Scope.MESSAGES_REACT,
    telegram(Action.MESSAGE_UNREACT),
    status=204,
)
async def delete_reaction(call: Call, ready: Ready) -> None:
    """Take back the account's reaction to a message; without one nothing changes.

    A message that is not there answers 404 `message_not_found`.
    """
    await marks.set_reaction(call.account, ready.chat, call.message_id, None)


@mutation("PUT", _MESSAGE + "/pin", Scope.MESSAGES_SEND, telegram(Action.MESSAGE_PIN), status=204)
async def pin_message(call: Call, ready: Ready) -> None:
    """Pin a message for everyone in the chat, without ringing their phones; pinned already is a success.

    The chat shows a note of it. Where only administrators may pin, it answers 403 `admin_required`.
    """
    await marks.set_pin(call.account, ready.chat, call.message_id, is_pinned=True)


@mutation(
    "DELETE", _MESSAGE + "/pin", Scope.MESSAGES_SEND, telegram(Action.MESSAGE_UNPIN), status=204
)
async def unpin_message(call: Call, ready: Ready) -> None:
    """Take the pin off a message, for everyone; not pinned already is a success.

    Where only administrators may pin, it answers 403 `admin_required`.
    """
    await marks.set_pin(call.account, ready.chat, call.message_id, is_pinned=False)
