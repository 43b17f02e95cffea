"""What waits at Telegram in a chat: the list, and changing, sending or deleting one of it."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.message import Message
from vasya_server.model.scheduled import EditScheduled, ScheduledMessage, ScheduledPage
from vasya_server.operations import Ready, of_waiting, scheduled

_SCHEDULED = "/accounts/{account}/chats/{chat}/scheduled"


@read(_SCHEDULED, Scope.MESSAGES_READ)
async def list_scheduled(call: Call) -> ScheduledPage:
    """List the messages that wait in a chat for their time, the next one first, whoever of the owner's devices scheduled them.

    `actionId` names what was asked for here, and can be cancelled. A key does not see what another caller has waiting. The
    ids are those of messages that wait: when one is sent it gets another, and the event `message.new` names both. An unknown chat answers 404 `chat_not_found`.
    """
    return await scheduled.list_scheduled(call.gateway, call.account, call.path["chat"])


@mutation(
    "PATCH",
    _SCHEDULED + "/{message}",
    Scope.MESSAGES_SEND,
    of_waiting(Action.SCHEDULED_EDIT, "changed"),
)
async def edit_scheduled(call: Call, ready: Ready, body: EditScheduled) -> ScheduledMessage:
    """Give a message that waits another `text`, file (`media`) or `scheduleAt`; what is not said stays.

    A key with an undo window gives it anew: it is sent no sooner. One that is due within seconds has to be given a later
    `scheduleAt`, else 422 `validation_failed`. What waits no more, or is another caller's to a key, answers 404 `message_not_found`.
    """
    return await scheduled.edit_scheduled(call.gateway, call.account, ready, call.message_id, body)


@mutation(
    "DELETE",
    _SCHEDULED + "/{message}",
    Scope.MESSAGES_SEND,
    of_waiting(Action.SCHEDULED_DELETE, "changed", removes=True),
    status=204,
)
async def delete_scheduled(call: Call, ready: Ready) -> None:
    """Take back a message that waits; nobody ever sees it, and its action, if it has one, is cancelled.

    What waits no more, or is another caller's to a key, answers 404 `message_not_found`.
    """
    await scheduled.delete_scheduled(call.gateway, call.account, ready, call.message_id)


@mutation(
    "POST",
    _SCHEDULED + "/{message}/send",
    Scope.MESSAGES_SEND,
    of_waiting(Action.SCHEDULED_SEND, "sent"),
)
async def send_scheduled(call: Call, ready: Ready) -> Message:
    """Send a message that waits now, and answer with it as it stands in the chat.

    It was counted when it was scheduled; what the owner's own devices scheduled counts in no key's budget. A key whose messages wait before they are sent gets 403 `undo_window`; after the
    owner wrote there, agents may get 409 `owner_active`. What waits no more, or is another caller's to a key, answers 404
    `message_not_found`.
    """
    return await scheduled.send_scheduled(call.gateway, call.account, ready, call.message_id)
