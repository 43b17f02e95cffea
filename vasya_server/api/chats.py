"""Chats of an account: the list, one of them, and what a name stands for."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.chat import Chat, ChatFilter, ChatPage, ChatQuery, Resolution, ResolveQuery
from vasya_server.model.chat_settings import ChatPatch
from vasya_server.operations import Ready, telegram
from vasya_server.telegram import peers
from vasya_server.telegram.requests import chat_settings, chats


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
    """Tell one chat's type, title, unread state, what it says of itself, and what the account may do there.

    Beside what lists tell: `about`, `role`, `slowModeSecs` with `nextSendAt`, `historyTtlSecs`, `hasPhoto`, `isProtected`.

    A title is never guessed at: a reference that names no chat answers 404 `chat_not_found` with the account's own
    chats that come close; one outside the key's chat lists, or none, 403 `chat_not_allowed`.
    """
    return await chats.get_chat(call.account, call.path["chat"], is_raw=query.raw, in_full=True)


@mutation(
    "PATCH", "/accounts/{account}/chats/{chat}", Scope.CHATS_WRITE, telegram(Action.CHAT_UPDATE)
)
async def update_chat(call: Call, ready: Ready, body: ChatPatch) -> Chat:
    """Change what the body names and leave the rest; the answer is the chat as it is then.

    For everybody: `title`, `about`, `username`, `slowModeSecs`, `historyTtlSecs`; administrators alone, else 403
    `admin_required`. In the account's own list: `isMuted`, `mutedUntil`, `isArchived`, `isPinned`, `isMarkedUnread`.
    What does not fit the chat (a private chat has no title, a group no username) answers 422 `validation_failed` before
    anything is changed. Several fields are several changes at Telegram, in the order username, title, about, slow mode,
    lifetime, archive, pin, mute, mark: where one is refused, `applied` in the problem names those that were made before
    it, and the rest is not tried. After a passing refusal, or 409 `outcome_unknown`, the same request does what is left.
    """
    return await chat_settings.update_chat(call.account, ready.chat, body)


@read("/accounts/{account}/resolve", Scope.CHATS_READ)
async def resolve_reference(call: Call, query: ResolveQuery) -> Resolution:
    """Find the chat that an id, @name, phone, t.me link or invite link stands for, or candidates for a title.

    Exactly one match comes as `chat`; anything less certain comes as `candidates` to choose from, and nothing is
    joined or opened. A name that nothing resembles answers 404 `chat_not_found`; for a key with chat lists whatever
    leads outside them, or nowhere, is 403 `chat_not_allowed`.
    """
    return await peers.resolve_any(call.account, query.q, public=query.public)
