"""What became of a message that was sent or edited, read from Telegram's answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.errors import MessageNotFound, OutcomeUnknown, VasyaError
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import Message
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_NOT_READ_BACK: Final = "Telegram has taken the change, but it could not be read back."


def updates_in(answer: Any) -> list[Any]:
    """Return the updates of an answer, however it packs them.

    Source: https://core.telegram.org/type/Updates
    """
    single = getattr(answer, "update", None)
    return list(getattr(answer, "updates", None) or ([single] if single is not None else []))


def sent_id(answer: Any, random_id: int) -> int:
    """Return the id that a message got: named by its random_id, of a repeated send too.

    Raises:
        OutcomeUnknown: Telegram accepted it and did not tell.
    """
    updates = updates_in(answer)
    for update in updates:
        if isinstance(update, t.UpdateMessageID) and update.random_id == random_id:
            return int(update.id)
    for update in updates:
        if isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage):
            return int(update.message.id)
    raise OutcomeUnknown


def sent_ids(answer: Any, random_ids: Sequence[int]) -> list[int | None]:
    """Return the id that each part got, new or of an earlier send; None for a part that was left out.

    Parts are told by their random_ids alone: beside them Telegram lists what else is new, in an order of its own.

    Raises:
        OutcomeUnknown: Telegram accepted it and named no part.

    Source: https://core.telegram.org/constructor/updateMessageID
    """
    named = {
        update.random_id: int(update.id)
        for update in updates_in(answer)
        if isinstance(update, t.UpdateMessageID)
    }
    ids = [named.get(random_id) for random_id in random_ids]
    if not any(ids):
        raise OutcomeUnknown
    return ids


async def told(
    account: AccountView, peer: ResolvedPeer, answer: Any, ids: Sequence[int]
) -> list[Message]:
    """Return the messages of a change in the order of *ids*, asking for those that the answer leaves out.

    Args:
        answer: None where Telegram only said that there was nothing left to change.

    Telegram may answer a repeated send with the ids alone. What was deleted since is left out.

    Raises:
        MessageNotFound: None of them is there any more.
        OutcomeUnknown: The change is done, but its messages could not be had.
    """
    directory = Directory(
        account.runtime.user_id,
        [] if answer is None else [answer],
        is_agent=account.is_agent,
        has_line=account.runtime.line.holds(),
    )
    found = {each: message for each in ids if (message := message_in(answer, peer, each))}
    if missing := [each for each in ids if each not in found]:
        reading = Reading(account)
        try:
            read = await read_by_id(reading, peer, missing)
        except VasyaError as error:
            # A refusal would tell the caller that nothing has happened; repeated with its key, the request finds them.
            raise OutcomeUnknown(_NOT_READ_BACK) from error
        except asyncio.CancelledError as cancelled:
            raise cancelled from OutcomeUnknown(_NOT_READ_BACK)
        found |= {message.id: message for message in read}
        directory.entities |= reading.directory.entities
    messages = [to_message(found[each], directory) for each in ids if each in found]
    if not messages:
        raise MessageNotFound
    return messages


def message_in(answer: Any, peer: ResolvedPeer, message_id: int) -> Any:
    """Return Telegram's message of that id; None where the answer leaves it out."""
    for update in updates_in(answer):
        message = getattr(update, "message", None)
        if isinstance(message, t.Message) and (message.id, message.peer_id) == (
            message_id,
            peer.peer,
        ):
            return message
    return None
