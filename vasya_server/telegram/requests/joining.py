"""Going into chats by links and names, and out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    ChatNotAllowed,
    ChatNotFound,
    FieldError,
    HumanRequired,
    JoinRequestSent,
    OutcomeUnknown,
    OwnerMustTransferOrDelete,
    TelegramError,
    ValidationFailed,
)
from vasya_server.telegram.directory import entity_id, input_peer
from vasya_server.telegram.links import Invite, read_link
from vasya_server.telegram.peers import ResolvedPeer, resolve_to_write
from vasya_server.telegram.progress import current_progress
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.chats import show_changed

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.chat import Chat
    from vasya_server.model.chat_life import JoinChat
    from vasya_server.telegram.view import AccountView


async def join_chat(account: AccountView, body: JoinChat) -> Chat:
    """Make the account a member of the chat that the link leads to; being one already is a success.

    Raises:
        ChatNotFound: It leads nowhere, or is not good any more.
        ChatNotAllowed: It leads where the key may not write, or where that cannot be told.
        ValidationFailed: It leads to what nobody joins.
        JoinRequestSent: An administrator of the chat has to agree; the account is not in it.
        HumanRequired: The chat puts newcomers to a test in a web page.

    Source: https://core.telegram.org/method/channels.joinChannel, https://core.telegram.org/method/messages.importChatInvite
    """
    reading, text = Reading(account), body.link.strip()
    link = read_link(text)
    if isinstance(link, Invite):
        peer = await _by_invite(reading, link)
    else:
        peer = await _by_name(reading, link or text)
    return await show_changed(account, peer)


async def _by_name(reading: Reading, reference: str) -> ResolvedPeer:
    peer = await resolve_to_write(reading.account, reference)
    if not peer.is_channel:
        raise ValidationFailed(FieldError("/link", "not_joinable"))
    await _join(reading, functions.channels.JoinChannelRequest(peer.input_peer))
    return peer


async def _by_invite(reading: Reading, invite: Invite) -> ResolvedPeer:
    """Join by an invite: for a key with chat lists only where Telegram says beforehand which chat it is."""
    found = await _look_behind(reading, invite)
    if not isinstance(found, t.ChatInviteAlready):
        request = functions.messages.ImportChatInviteRequest(invite.hash)
        if chats := await _join(reading, request):
            return _peer_of(chats[0])
        # Somebody was faster, or an earlier copy of the request.
        found = await _look_behind(Reading(reading.account), invite)
    if not isinstance(found, t.ChatInviteAlready):
        raise OutcomeUnknown
    return _peer_of(found.chat)


async def _look_behind(reading: Reading, invite: Invite) -> Any:
    """Return what is behind an invite.

    Raises:
        ChatNotFound, ChatNotAllowed: As `join_chat`.

    Source: https://core.telegram.org/method/messages.checkChatInvite
    """
    rule = reading.account.writable
    try:
        found = await reading.call(functions.messages.CheckChatInviteRequest(invite.hash))
    except ChatNotFound as error:
        raise (error if rule is None else ChatNotAllowed()) from error
    if rule is not None:
        chat = getattr(found, "chat", None)
        if chat is None:
            raise ChatNotAllowed
        await require(reading, entity_id(chat), rule)
    return found


def _peer_of(chat: Any) -> ResolvedPeer:
    peer_id = entity_id(chat)
    return ResolvedPeer(peer_id, input_peer(peer_id, getattr(chat, "access_hash", None) or 0))


async def _join(reading: Reading, request: TLRequest) -> list[Any]:
    """Return the chats that Telegram's answer names; none where the account is in already."""
    try:
        answer = await reading.account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        match error.rpc_name:
            case "USER_ALREADY_PARTICIPANT":
                return []
            case "INVITE_REQUEST_SENT":
                raise JoinRequestSent from error
        raise
    if isinstance(answer, t.messages.ChatInviteJoinResultWebView):
        # It is an answer and no refusal, and the account is not in.
        progress = current_progress()
        progress.has_happened, progress.is_refused = False, True
        raise HumanRequired(
            "The chat puts newcomers to a test, which a human has to pass in an app."
        )
    return list(answer.updates.chats)


async def leave_chat(account: AccountView, peer: ResolvedPeer) -> None:
    """Take the account out of a group or channel; not being in it is a success.

    Raises:
        OwnerMustTransferOrDelete: It would be left without its owner.
        ValidationFailed: It is a private chat, which nobody leaves.

    Source: https://core.telegram.org/method/channels.leaveChannel, https://core.telegram.org/method/messages.deleteChatUser
    """
    if peer.id > 0:
        raise ValidationFailed(FieldError("{chat}", "not_a_group"))
    chat = await standing_in(Reading(account), peer)
    if chat is None or chat.left:
        return
    if chat.creator:
        raise OwnerMustTransferOrDelete
    if peer.is_channel:
        request: TLRequest = functions.channels.LeaveChannelRequest(peer.input_peer)
    else:
        request = functions.messages.DeleteChatUserRequest(-peer.id, t.InputUserSelf())
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except ChatNotFound:
        return  # it was there a moment ago: an earlier copy of the request has closed it to the account
    except TelegramError as error:
        match error.rpc_name:
            case "USER_NOT_PARTICIPANT":
                return
            case "USER_CREATOR":
                raise OwnerMustTransferOrDelete from error
        raise


async def standing_in(reading: Reading, peer: ResolvedPeer) -> Any:
    """Return a group or channel with how the account stands in it; None where it is closed to the account."""
    if peer.is_channel:
        request: TLRequest = functions.channels.GetChannelsRequest([peer.input_peer])
    else:
        request = functions.messages.GetChatsRequest([-peer.id])
    try:
        answer = await reading.call(request)
    except ChatNotFound:
        return None
    chat = next((each for each in answer.chats if entity_id(each) == peer.id), None)
    return chat if isinstance(chat, t.Chat | t.Channel) else None
