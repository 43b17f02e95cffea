"""The life of a chat: making it, going in and out of it, and its end."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.chat import Chat
from vasya_server.model.chat_life import CreateChat, CreatedChat, ForEveryoneQuery, JoinChat
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import clearing, creating, joining

_CHATS = "/accounts/{account}/chats"
_CHAT = _CHATS + "/{chat}"


@mutation(
    "POST",
    _CHATS,
    Scope.CHATS_WRITE,
    telegram(Action.CHAT_CREATE, is_repeatable=False),
    status=201,
)
async def create_chat(call: Call, _ready: Ready, body: CreateChat) -> CreatedChat:
    """Make a group, supergroup or channel and add people to it; 201 means that it stands on Telegram.

    A `group` is small and plain and needs somebody in it; a `supergroup` takes thousands, a public name, slow mode and,
    with `isForum`, topics; in a `channel` only administrators write. `missing` names those whom Telegram did not add,
    mostly because they do not let others add them. It is made at most once: where Telegram gave no answer it stays 409
    `outcome_unknown`, and GET …/chats tells whether it is there. A person whom the account has never met answers 422
    `validation_failed`; a key with a list of chats makes none, 403 `chat_not_allowed`.
    """
    return await creating.create_chat(call.account, body)


@mutation("POST", _CHATS + "/join", Scope.CHATS_WRITE, telegram(Action.CHAT_JOIN))
async def join_chat(call: Call, _ready: Ready, body: JoinChat) -> Chat:
    """Join the chat behind a public name, a t.me link or an invite link; 200 means that the account is in it.

    Being in it already is a success. Where an administrator has to agree first, the request to join is made and this
    answers 409 `join_request_sent`: repeat it later with the same `Idempotency-Key`, and it is 200 once somebody has
    agreed. A link that leads nowhere, or is not good any more, answers 404 `chat_not_found`, one to a person 422
    `validation_failed`. A key with chat lists joins only what it may write to, else 403 `chat_not_allowed`, and by an
    invite link only where it is in already, because the link does not say which chat it is.
    """
    return await joining.join_chat(call.account, body)


@mutation("POST", _CHAT + "/leave", Scope.CHATS_WRITE, telegram(Action.CHAT_LEAVE), status=204)
async def leave_chat(call: Call, ready: Ready) -> None:
    """Leave a group or channel; not being in it is a success.

    Whether there is a way back is for its administrators to say. Its owner gets 409 `owner_must_transfer_or_delete`,
    because it would be left without one; a private chat is not left but deleted, 422 `validation_failed`.
    """
    await joining.leave_chat(call.account, ready.chat)


@mutation(
    "DELETE",
    _CHAT,
    Scope.CHATS_DELETE,
    telegram(Action.CHAT_DELETE),
    status=204,
    is_destructive=True,
)
async def delete_chat(call: Call, ready: Ready, query: ForEveryoneQuery) -> None:
    """Delete a chat with all that was said in it, from this account's list alone or for everyone; it cannot be undone.

    `forEveryone` has no default, because the two differ for good. For everyone a private chat goes from the other
    side too, and a group or channel is deleted, which only its owner may, else 403 `admin_required`. For this account
    alone a group or channel is left: its owner gets 409 `owner_must_transfer_or_delete`. Name the chat by its id: the
    name of a chat that is gone leads nowhere when the request is repeated.
    """
    await clearing.delete_chat(call.account, ready.chat, for_everyone=query.for_everyone)


@mutation(
    "DELETE",
    _CHAT + "/history",
    Scope.CHATS_DELETE,
    telegram(Action.CHAT_CLEAR),
    status=204,
    is_destructive=True,
)
async def clear_history(call: Call, ready: Ready, query: ForEveryoneQuery) -> None:
    """Delete all messages that are in a chat now, for this account alone or for everyone; the chat itself stays.

    `forEveryone` has no default, because the two differ for good. In groups only administrators clear it for everyone,
    else 403 `admin_required`; the posts of a channel are not cleared, 422 `validation_failed`. A long history takes
    many steps: where the time is over first it answers 409 `outcome_unknown`, and the same request goes on from there.
    """
    await clearing.clear_history(call.account, ready.chat, for_everyone=query.for_everyone)
