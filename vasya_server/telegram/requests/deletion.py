"""Deleting messages, for the account alone or for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    AdminRequired,
    ChatWriteForbidden,
    FieldError,
    MessageNotFound,
    ValidationFailed,
)
from vasya_server.model.message import Deletion
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.writing import DeleteMessages
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView


async def delete_message(
    account: AccountView, peer: ResolvedPeer, message_id: int, *, for_everyone: bool
) -> None:
    """Delete one message of the chat.

    Raises:
        MessageNotFound: The chat holds no such message.
        ValidationFailed: A channel or supergroup keeps one copy, which cannot be deleted for one member.
        AdminRequired: It may not be deleted for everyone.
    """
    _require_possible(peer, "?forEveryone", for_everyone=for_everyone)
    if not await _delete(account, peer, [message_id], for_everyone=for_everyone):
        raise MessageNotFound


async def delete_messages(
    account: AccountView, peer: ResolvedPeer, body: DeleteMessages
) -> Deletion:
    """Delete messages of the chat, all of those that are there or, where one may not be deleted, none.

    Raises:
        ValidationFailed: A channel or supergroup keeps one copy, which cannot be deleted for one member.
        AdminRequired: One of them may not be deleted for everyone.
    """
    _require_possible(peer, "/forEveryone", for_everyone=body.for_everyone)
    wanted = list(dict.fromkeys(body.ids))
    deleted = await _delete(account, peer, wanted, for_everyone=body.for_everyone)
    return Deletion(
        deleted=[each for each in wanted if each in deleted],
        missing=[each for each in wanted if each not in deleted],
    )


def _require_possible(peer: ResolvedPeer, pointer: str, *, for_everyone: bool) -> None:
    if peer.is_channel and not for_everyone:
        raise ValidationFailed(FieldError(pointer, "not_possible", ("true",)))


async def _delete(
    account: AccountView, peer: ResolvedPeer, ids: Sequence[int], *, for_everyone: bool
) -> set[int]:
    """Delete those of *ids* that the chat holds, and return them.

    Source: https://core.telegram.org/method/messages.deleteMessages
    """
    # Telegram deletes by the id alone, whatever chat it is in: each has to be one of this chat.
    reading = Reading(account)
    messages = await read_by_id(reading, peer, ids)
    found = [message.id for message in messages]
    if not found:
        return set()
    group = reading.directory.entities.get(peer.id)
    if (
        for_everyone
        and isinstance(group, t.Chat)
        and not all(_may_revoke(group, message) for message in messages)
    ):
        # Telegram would say yes and delete it for this account alone.
        raise AdminRequired
    if peer.is_channel:
        request = functions.channels.DeleteMessagesRequest(peer.input_peer, found)
    else:
        request = functions.messages.DeleteMessagesRequest(found, revoke=for_everyone)
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except ChatWriteForbidden as error:
        raise AdminRequired(error.rpc_name) from error
    return set(found)


def _may_revoke(group: Any, message: Any) -> bool:
    return bool(message.out or group.creator or group.admin_rights)
