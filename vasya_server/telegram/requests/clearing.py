"""The end of chats, and of what was said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import AdminRequired, ChatNotFound, FieldError, ValidationFailed
from vasya_server.telegram.dialogs import rows_of_peers
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.joining import leave_chat, standing_in

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView


async def delete_chat(account: AccountView, peer: ResolvedPeer, *, for_everyone: bool) -> None:
    """Take a chat out of the account's list, and out of that of everybody else where that is asked for.

    A group or channel is left; for everyone it is deleted. What is gone already is a success.

    Raises:
        AdminRequired: Only the owner deletes it for everyone.
        OwnerMustTransferOrDelete: It is the account's own, and would be left without an owner.

    Source: https://core.telegram.org/method/messages.deleteChat, https://core.telegram.org/method/channels.deleteChannel
    """
    if peer.id > 0:
        await _clear(account, peer, 0, is_kept=False, for_everyone=for_everyone)
    elif not for_everyone:
        await leave_chat(account, peer)
        if not peer.is_channel:
            # A group that was left stays in the list with what was said in it.
            await _clear(account, peer, 0, is_kept=False, for_everyone=False)
    elif (chat := await standing_in(Reading(account), peer)) is not None:
        if not chat.creator:
            raise AdminRequired
        request = _deletion(peer)
        try:
            await account.runtime.mutate(request, is_exactly_once=True)
        except ChatNotFound:
            return  # it was there a moment ago: an earlier copy of the request has deleted it


def _deletion(peer: ResolvedPeer) -> TLRequest:
    if peer.is_channel:
        return functions.channels.DeleteChannelRequest(peer.input_peer)
    return functions.messages.DeleteChatRequest(-peer.id)


async def clear_history(account: AccountView, peer: ResolvedPeer, *, for_everyone: bool) -> None:
    """Delete all that is in a chat now, for the account alone or for everyone; the chat stays in the list.

    Raises:
        AdminRequired: It may not be cleared for everyone.
        ValidationFailed: The posts of a channel are not cleared.

    Source: https://core.telegram.org/method/messages.deleteHistory, https://core.telegram.org/method/channels.deleteHistory
    """
    reading = Reading(account)
    rows = await rows_of_peers(reading, [peer.input_peer])
    row = next((row for row in rows if row.id == peer.id), None)
    entity: Any = row.entity if row else None
    if isinstance(entity, t.Channel) and entity.broadcast:
        raise ValidationFailed(FieldError("{chat}", "is_a_channel"))
    is_shared = isinstance(entity, t.Chat | t.Channel)
    if for_everyone and is_shared and not (entity.creator or entity.admin_rights):
        # Telegram would say yes, and clear a group for this account alone.
        raise AdminRequired
    # What comes while it is cleared was not there when somebody wanted it cleared.
    newest = row.dialog.top_message if row else 0
    if not newest:
        return
    if peer.is_channel:
        request = functions.channels.DeleteHistoryRequest(
            peer.input_peer, newest, for_everyone=for_everyone or None
        )
        await account.runtime.mutate(request, is_exactly_once=True)
    else:
        await _clear(account, peer, newest, is_kept=True, for_everyone=for_everyone)


async def _clear(
    account: AccountView,
    peer: ResolvedPeer,
    up_to: int,
    *,
    is_kept: bool,
    for_everyone: bool,
) -> None:
    """Clear a chat part by part, as Telegram does it, until nothing is left.

    Where the deadline ends it the same request goes on from there.

    Args:
        up_to: The newest message that goes; 0: all of them.
        is_kept: The chat stays in the list.

    Source: https://core.telegram.org/constructor/messages.affectedHistory
    """
    request = functions.messages.DeleteHistoryRequest(
        peer.input_peer, up_to, just_clear=is_kept or None, revoke=for_everyone or None
    )
    while (await account.runtime.mutate(request, is_exactly_once=True)).offset > 0:
        continue
