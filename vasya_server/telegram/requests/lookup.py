"""Telegram's messages by their ids, of one chat and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import MessageNotFound
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView


async def read_message(reading: Reading, peer: ResolvedPeer, message_id: int) -> Any:
    """Return Telegram's message.

    Raises:
        MessageNotFound: The chat holds no such message.
    """
    found = await read_by_id(reading, peer, [message_id])
    if not found:
        raise MessageNotFound
    return found[0]


async def read_shown(reading: Reading, peer: ResolvedPeer, message_id: int) -> Any:
    """Return Telegram's message to one who acts on what it says, and so must be allowed to read it.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatNotAllowed: The chat may be written to, and not read.
        ServiceChat, ControlLine: No agent reads it.
    """
    rule = reading.account.readable
    if rule is not None:
        await require(reading, peer.id, rule)
    message = await read_message(reading, peer, message_id)
    require_readable(reading, [message])
    return message


async def read_by_id(reading: Reading, peer: ResolvedPeer, ids: Sequence[int]) -> list[Any]:
    """Return those of *ids* that the chat holds, newest first.

    Outside channels an id belongs to the account's one box, so what belongs to another chat is left out.

    Source: https://core.telegram.org/method/messages.getMessages
    """
    wanted = [t.InputMessageID(message_id) for message_id in sorted({*ids}, reverse=True)]
    if peer.is_channel:
        request = functions.channels.GetMessagesRequest(peer.input_peer, wanted)
    else:
        request = functions.messages.GetMessagesRequest(wanted)
    answer = await reading.call(request)
    return [
        message
        for message in answer.messages
        if not isinstance(message, t.MessageEmpty) and message.peer_id == peer.peer
    ]


async def refuse_foreign(reading: Reading, peer: ResolvedPeer, ids: Sequence[int]) -> None:
    """Refuse ids that belong to another chat; those that are gone are left to Telegram to judge.

    Outside channels an id names one message of the account's whole box, and a request that names another chat beside it
    must not reach it: who may act in one chat may not act in all. A message never moves, so a request that is repeated
    passes or fails as it did the first time.

    Raises:
        MessageNotFound: One of them is in another chat.
    """
    if peer.is_channel:
        return
    wanted = [t.InputMessageID(message_id) for message_id in sorted({*ids}, reverse=True)]
    answer = await reading.call(functions.messages.GetMessagesRequest(wanted))
    for message in answer.messages:
        if not isinstance(message, t.MessageEmpty) and message.peer_id != peer.peer:
            raise MessageNotFound


async def keep_to_chat(account: AccountView, peer: ResolvedPeer, ids: Sequence[int]) -> None:
    """Refuse ids that belong to another chat to those who do not reach all of them, as `refuse_foreign`.

    Telegram names the chat beside the id here too, and may look the id up in the account's whole box all the same.

    Raises:
        MessageNotFound: One of them is in another chat.
    """
    if account.readable is not None:
        await refuse_foreign(Reading(account), peer, ids)
