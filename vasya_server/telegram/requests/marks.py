"""What others see of the account beside its messages: how far it has read, that it types, reactions and pins.

All of it says how things should be, so that a repeated request changes nothing more, and what is so already is a success.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import refuse_foreign

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.message import MarkRead
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_TO_THE_END: Final = 0
_CUSTOM_EMOJI: Final = re.compile(r"custom:([1-9][0-9]{0,18})")
_IS_SO: Final = frozenset({"CHAT_NOT_MODIFIED", "MESSAGE_NOT_MODIFIED"})
_NO_REACTION: Final = frozenset({"REACTION_INVALID", "REACTION_EMPTY", "DOCUMENT_INVALID"})


async def mark_read(account: AccountView, peer: ResolvedPeer, body: MarkRead) -> None:
    """Mark the chat as read up to a message, or to its end; others see it by their ticks.

    Source: https://core.telegram.org/method/messages.readHistory
    """
    up_to = body.up_to or _TO_THE_END
    if peer.is_channel:
        request = functions.channels.ReadHistoryRequest(peer.input_peer, up_to)
    else:
        request = functions.messages.ReadHistoryRequest(peer.input_peer, up_to)
    await account.runtime.mutate(request, is_exactly_once=True)


async def show_typing(account: AccountView, peer: ResolvedPeer) -> None:
    """Show the chat for some seconds that the account is typing.

    Raises:
        ChatWriteForbidden: The account may not write there.

    Source: https://core.telegram.org/method/messages.setTyping
    """
    typing = functions.messages.SetTypingRequest(peer.input_peer, t.SendMessageTypingAction())
    await account.runtime.mutate(typing, is_exactly_once=True)


async def set_reaction(
    account: AccountView, peer: ResolvedPeer, message_id: int, emoji: str | None
) -> None:
    """React with *emoji* in place of any earlier reaction; None takes it back.

    Raises:
        MessageNotFound: The chat holds no such message.
        ValidationFailed: The chat does not take this emoji.

    Source: https://core.telegram.org/method/messages.sendReaction
    """
    request = functions.messages.SendReactionRequest(
        peer.input_peer, message_id, reaction=[] if emoji is None else [_reaction(emoji)]
    )
    try:
        await _set(account, peer, message_id, request)
    except TelegramError as error:
        if error.rpc_name in _NO_REACTION:
            raise ValidationFailed(FieldError("/emoji", "not_taken_here")) from error
        raise


async def set_pin(
    account: AccountView, peer: ResolvedPeer, message_id: int, *, is_pinned: bool
) -> None:
    """Pin a message for everyone in the chat, without ringing their phones, or take the pin away.

    Raises:
        MessageNotFound: The chat holds no such message.
        AdminRequired: The account may not pin there.

    Source: https://core.telegram.org/method/messages.updatePinnedMessage
    """
    request = functions.messages.UpdatePinnedMessageRequest(
        peer.input_peer, message_id, silent=True, unpin=not is_pinned
    )
    await _set(account, peer, message_id, request)


async def _set(
    account: AccountView, peer: ResolvedPeer, message_id: int, request: TLRequest
) -> None:
    await refuse_foreign(Reading(account), peer, [message_id])
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name not in _IS_SO:
            raise


def _reaction(emoji: str) -> Any:
    """Return a reaction by the name that messages show it under."""
    custom = _CUSTOM_EMOJI.fullmatch(emoji)
    return t.ReactionCustomEmoji(int(custom[1])) if custom else t.ReactionEmoji(emoji)
