"""Chats of an account: the list, one of them, and what a name stands for."""

from __future__ import annotations

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.chat import Chat, ChatFilter, ChatPage, ChatQuery, Resolution, ResolveQuery
from vasya_server.telegram import peers
from vasya_server.telegram.requests import chats


@read("/accounts/{account}/chats", Scope.CHATS_READ)
async def list_chats(call: Call, query: ChatFilter) -> ChatPage:
    """List the account's chats, the latest activity first, with unread counts and the last message.

    Follow `next` until it is absent; filters narrow what is listed and stay in force along the cursor. Listing marks
    nothing as read. A key with chat lists is shown the chats that it may read, as if there were no others. A cursor of
    another list answers 422 `validation_failed`.
    """
    return await chats.list_chats(call.account, query, call.gateway.cursors)


@read("/accounts/{account}/chats/{chat}", Scope.CHATS_READ)
async def get_chat(call: Call, query: ChatQuery) -> Chat:
    """Tell one chat's type, title, unread state and whether the account may write there.

    A title is never guessed at: a reference that names no chat answers 404 `chat_not_found` with the account's own
    chats that come close; one outside the key's chat lists, or none, 403 `chat_not_allowed`.
    """
    return await chats.get_chat(call.account, call.path["chat"], is_raw=query.raw)


@read("/accounts/{account}/resolve", Scope.CHATS_READ)
async def resolve_reference(call: Call, query: ResolveQuery) -> Resolution:
    """Find the chat that an id, @name, phone, t.me link or invite link stands for, or candidates for a title.

    Exactly one match comes as `chat`; anything less certain comes as `candidates` to choose from, and nothing is
    joined or opened. A name that nothing resembles answers 404 `chat_not_found`; for a key with chat lists whatever
    leads outside them, or nowhere, is 403 `chat_not_allowed`.
    """
    return await peers.resolve_any(call.account, query.q, public=query.public)
