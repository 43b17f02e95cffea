"""What became of a message that was sent or edited, read from Telegram's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_server.errors import OutcomeUnknown

if TYPE_CHECKING:
    from vasya_server.telegram.peers import ResolvedPeer


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


def message_sent_in_short(answer: Any, request: Any, peer: ResolvedPeer, self_id: int) -> Any:
    """Return the message of an answer that tells only what Telegram added to the request.

    Source: https://core.telegram.org/constructor/updateShortSentMessage
    """
    header = None
    if request.reply_to is not None:
        header = t.MessageReplyHeader(
            reply_to_msg_id=request.reply_to.reply_to_msg_id,
            reply_to_top_id=request.reply_to.top_msg_id,
            quote_text=request.reply_to.quote_text,
        )
    return t.Message(
        id=answer.id,
        peer_id=peer.peer,
        from_id=t.PeerUser(self_id),
        date=answer.date,
        message=request.message,
        out=answer.out,
        reply_to=header,
        media=answer.media,
        entities=answer.entities,
    )
