"""What became of a message with others: who reacted, who has read it, and the link that leads to it."""

from __future__ import annotations

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.reception import MessageLink, ReactorFilter, ReactorPage, Readers
from vasya_server.telegram.requests import reception

_MESSAGE = "/accounts/{account}/chats/{chat}/messages/{message}"


@read(_MESSAGE + "/reactions", Scope.MESSAGES_READ)
async def list_reactions(call: Call, query: ReactorFilter) -> ReactorPage:
    """List who reacted to a message, and with which emoji, the latest first.

    `emoji` narrows it to one; follow `next` for more. Nobody sees that it was asked. Posts of channels have counts
    alone, in the message itself: 409 `telegram_withholds`. A message that is not there answers 404
    `message_not_found`, one that only a human may read 403 `service_chat` or `control_line`.
    """
    return await reception.list_reactions(
        call.account, call.path["chat"], call.message_id, query, call.gateway.cursors
    )


@read(_MESSAGE + "/readers", Scope.MESSAGES_READ)
async def list_readers(call: Call) -> Readers:
    """List who has read a message that the account sent, the latest first; empty: nobody yet.

    Telegram tells it for a week, in groups of up to a hundred and between two people who both show when they read;
    otherwise it answers 409 `telegram_withholds`, whose `detail` says which of these it is. Somebody else's message,
    a channel and Saved Messages answer 422 `validation_failed`, a message that is not there 404 `message_not_found`.
    """
    return await reception.list_readers(call.account, call.path["chat"], call.message_id)


@read(_MESSAGE + "/link", Scope.MESSAGES_READ)
async def get_message_link(call: Call) -> MessageLink:
    """Tell the t.me link of a message in a channel or supergroup, leading into its topic where it is in one.

    Where the chat has no public name the link is `isPrivate`: it opens the message only for members. Messages between
    people and in basic groups have no links: 422 `validation_failed`. A message that is not there answers 404
    `message_not_found`.
    """
    return await reception.get_link(call.account, call.path["chat"], call.message_id)
