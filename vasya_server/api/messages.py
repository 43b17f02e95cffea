"""Messages of a chat: history and search, one message, send, edit, delete."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.message import (
    CompactPage,
    DeleteQuery,
    EditMessage,
    Message,
    MessageFilter,
    MessagePage,
    SendMessage,
)
from vasya_server.operations import Ready, one, telegram
from vasya_server.telegram.requests import deletion, listing, messages

_MESSAGES = "/accounts/{account}/chats/{chat}/messages"


@read(_MESSAGES, Scope.MESSAGES_READ)
async def list_messages(call: Call, query: MessageFilter) -> MessagePage | CompactPage:
    """Read a chat's messages, newest first, or search in them with the filters.

    Reading leaves no trace: nothing is marked read and nobody sees it. `view=compact` spends the fewest words;
    follow `next` for more. More than one of before, after, around, ids and cursor answers 422 `validation_failed`,
    an unknown chat 404 `chat_not_found`.
    """
    return await listing.list_messages(
        call.account, call.path["chat"], query, call.gateway.cursors, call.gateway.clock
    )


@read(_MESSAGES + "/{message}", Scope.MESSAGES_READ)
async def get_message(call: Call) -> Message:
    """Read one message by its id.

    Reading leaves no trace. A message that is not there (any more) answers 404 `message_not_found`.
    """
    return await messages.get_message(call.account, call.path["chat"], call.message_id)


@mutation(
    "POST",
    _MESSAGES,
    Scope.MESSAGES_SEND,
    telegram(Action.MESSAGE_SEND, parts=one),
    status=201,
)
async def send_message(call: Call, ready: Ready, body: SendMessage) -> Message:
    """Send a text message as the account's user; 201 means that it stands on Telegram.

    Send an `Idempotency-Key`: repeating the request with it after any failure never makes a second message. When
    Telegram gave no answer in time the outcome is 409 `outcome_unknown`: repeat with the same key. A closed gate
    answers 403 `sending_disabled`, a chat where the account may not write 403 `chat_write_forbidden`.
    """
    return await messages.send_message(call.account, ready.chat, body, ready.random_id)


@mutation("PATCH", _MESSAGES + "/{message}", Scope.MESSAGES_SEND, telegram(Action.MESSAGE_EDIT))
async def edit_message(call: Call, ready: Ready, body: EditMessage) -> Message:
    """Replace the text of an own message; saying what it says already changes nothing.

    Everybody in the chat sees the new text and that it was edited. Somebody else's message answers 403
    `chat_write_forbidden`, one that is gone 404 `message_not_found`.
    """
    return await messages.edit_message(call.account, ready.chat, call.message_id, body)


@mutation(
    "DELETE",
    _MESSAGES + "/{message}",
    Scope.MESSAGES_DELETE,
    telegram(Action.MESSAGE_DELETE, removes=True),
    status=204,
    is_destructive=True,
)
async def delete_message(call: Call, ready: Ready, query: DeleteQuery) -> None:
    """Delete a message, for this account alone or for everyone; it cannot be undone.

    `forEveryone` has no default, because the two differ for good. A message that is not there answers 404
    `message_not_found`, one that may not be deleted for everyone 403 `admin_required`.
    """
    await deletion.delete_message(
        call.account, ready.chat, call.message_id, for_everyone=query.for_everyone
    )
