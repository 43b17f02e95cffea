"""Messages of a chat: history and search, one message, send, edit, delete."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from vasya_server.api.routes import Call, Kind, mutation, read
from vasya_server.api.validation import read_path_id
from vasya_server.auth.scopes import Scope
from vasya_server.errors import OutcomeUnknown, SendUnknown
from vasya_server.ids import new_request_id
from vasya_server.model.message import (
    CompactPage,
    DeleteQuery,
    EditMessage,
    Message,
    MessageFilter,
    MessagePage,
    SendMessage,
)
from vasya_server.operations import Intent, perform
from vasya_server.telegram.requests import listing, messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.model.base import Input
    from vasya_server.telegram.peers import ResolvedPeer

T = TypeVar("T")

_LOOK_FIRST = (
    "Look at the chat before sending again; with an Idempotency-Key the request could be repeated."
)
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
    return await messages.get_message(call.account, call.path["chat"], _message_id(call))


@mutation("POST", _MESSAGES, Scope.MESSAGES_SEND, Kind.TELEGRAM, status=201)
async def send_message(call: Call, body: SendMessage) -> Message:
    """Send a text message as the account's user; 201 means that it stands on Telegram.

    Send an `Idempotency-Key`: repeating the request with it after any failure never makes a second message. When
    Telegram gave no answer in time the outcome is 409 `outcome_unknown`: repeat with the same key. A closed gate
    answers 403 `sending_disabled`, a chat where the account may not write 403 `chat_write_forbidden`.
    """
    try:
        return await _perform(
            call,
            body,
            lambda peer, random_id: messages.send_message(call.account, peer, body, random_id),
        )
    except OutcomeUnknown as error:
        if call.idempotency_key is None:
            raise SendUnknown(remedy=_LOOK_FIRST) from error
        raise
    except asyncio.CancelledError as cancelled:
        if call.idempotency_key is None and isinstance(cancelled.__cause__, OutcomeUnknown):
            raise cancelled from SendUnknown(remedy=_LOOK_FIRST)
        raise


@mutation("PATCH", _MESSAGES + "/{message}", Scope.MESSAGES_SEND, Kind.TELEGRAM)
async def edit_message(call: Call, body: EditMessage) -> Message:
    """Replace the text of an own message; saying what it says already changes nothing.

    Everybody in the chat sees the new text and that it was edited. Somebody else's message answers 403
    `chat_write_forbidden`, one that is gone 404 `message_not_found`.
    """
    message_id = _message_id(call)
    return await _perform(
        call, body, lambda peer, _: messages.edit_message(call.account, peer, message_id, body)
    )


@mutation(
    "DELETE",
    _MESSAGES + "/{message}",
    Scope.MESSAGES_DELETE,
    Kind.TELEGRAM,
    status=204,
    is_destructive=True,
)
async def delete_message(call: Call, query: DeleteQuery) -> None:
    """Delete a message, for this account alone or for everyone; it cannot be undone.

    `forEveryone` has no default, because the two differ for good. A message that is not there answers 404
    `message_not_found`, one that may not be deleted for everyone 403 `admin_required`.
    """
    message_id = _message_id(call)
    await _perform(
        call,
        None,
        lambda peer, _: messages.delete_message(
            call.account, peer, message_id, for_everyone=query.for_everyone
        ),
    )


def _message_id(call: Call) -> int:
    return read_path_id(call.path["message"], "message")


async def _perform(
    call: Call, body: Input | None, execute: Callable[[ResolvedPeer, int], Awaitable[T]]
) -> T:
    intent = Intent(
        account=call.account,
        lineage=call.who.lineage,
        # Never the request id: a client may send one of its own, and the same one twice.
        idempotency_key=call.idempotency_key or f"auto:{new_request_id()}",
        route=(call.operation.method, call.operation.path),
        path=call.path,
        body=body,
    )
    return await perform(call.gateway, intent, execute)
