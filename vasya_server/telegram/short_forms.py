"""What Telegram says in few words, in full: short updates, and answers that tell only what the request did not say.

Source: https://core.telegram.org/api/updates#handling-updates
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from telethon import functions
from telethon.tl import types as t

_AFFECTED: Final = (
    t.messages.AffectedMessages,
    t.messages.AffectedHistory,
    t.messages.AffectedFoundMessages,
)
_WITH_UPDATES: Final = (t.messages.InvitedUsers, t.messages.ChatInviteJoinResultOk)
_CONTAINERS: Final = (t.Updates, t.UpdatesCombined, t.UpdateShort)
# Says nothing of how far the account is, where the moment of a change is not told.
_NO_DATE: Final = datetime.fromtimestamp(0, UTC)


def sent_in_short(answer: Any, request: Any, peer: Any, self_id: int) -> Any:
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
        peer_id=peer,
        from_id=t.PeerUser(self_id),
        date=answer.date,
        message=request.message,
        out=answer.out,
        reply_to=header,
        media=answer.media,
        entities=answer.entities,
    )


def expanded(update: Any, self_id: int) -> Any:
    """Return a short message as the update that it stands for; it mentions nobody by more than an id.

    Source: https://core.telegram.org/constructor/updateShortMessage
    """
    in_group = isinstance(update, t.UpdateShortChatMessage)
    peer = t.PeerChat(update.chat_id) if in_group else t.PeerUser(update.user_id)
    sender = update.from_id if in_group else (self_id if update.out else update.user_id)
    message = t.Message(
        id=update.id,
        peer_id=peer,
        from_id=t.PeerUser(sender),
        date=update.date,
        message=update.message,
        out=update.out,
        mentioned=update.mentioned,
        media_unread=update.media_unread,
        silent=update.silent,
        fwd_from=update.fwd_from,
        via_bot_id=update.via_bot_id,
        reply_to=update.reply_to,
        entities=update.entities,
        ttl_period=update.ttl_period,
    )
    return t.UpdateShort(t.UpdateNewMessage(message, update.pts, update.pts_count), update.date)


def told_by_answer(request: Any, answer: Any, self_id: int) -> Any:
    """Return, as a container of updates, what an own request changed; None where its answer does not tell.

    Telegram tells the one who asked in the answer alone. Telethon takes every answer that only counts for a deletion in
    the account's own sequence, a channel's included; what is counted, the request knows.
    """
    if isinstance(request, functions.messages.GetAllDraftsRequest):
        return None  # it has the form of updates, and tells what is there: nothing has changed
    if isinstance(answer, _WITH_UPDATES):
        answer = answer.updates
    if isinstance(answer, _CONTAINERS):
        return answer
    if isinstance(answer, t.UpdateShortSentMessage):
        peer = _peer(getattr(request, "peer", None), self_id)
        if peer is None or not isinstance(request, functions.messages.SendMessageRequest):
            return _counted(answer.pts, answer.pts_count)
        message = sent_in_short(answer, request, peer, self_id)
        return t.UpdateShort(t.UpdateNewMessage(message, answer.pts, answer.pts_count), answer.date)
    if isinstance(answer, _AFFECTED):
        return _affected(request, answer, self_id)
    if isinstance(request, functions.channels.ReadHistoryRequest) and answer is True:
        channel_id = request.channel.channel_id
        read = t.UpdateReadChannelInbox(channel_id, request.max_id, still_unread_count=0, pts=0)
        return t.UpdateShort(read, _NO_DATE)
    return None


def _affected(request: Any, answer: Any, self_id: int) -> Any:
    pts, count = answer.pts, answer.pts_count
    update: Any
    match request:
        case functions.channels.DeleteMessagesRequest():
            channel_id = request.channel.channel_id
            update = t.UpdateDeleteChannelMessages(channel_id, request.id, pts, count)
        case functions.messages.DeleteMessagesRequest():
            update = t.UpdateDeleteMessages(request.id, pts, count)
        case functions.messages.ReadHistoryRequest():
            peer = _peer(request.peer, self_id)
            update = t.UpdateReadHistoryInbox(peer, request.max_id, 0, pts, count)
        case _ if isinstance(getattr(request, "peer", None), t.InputPeerChannel):
            # A channel's sequence, and no word of what: its difference will be asked for.
            channel_id = request.peer.channel_id
            update = t.UpdateDeleteChannelMessages(channel_id, [], pts, count)
        case _:
            return _counted(pts, count)
    return t.UpdateShort(update, _NO_DATE)


def _counted(pts: int, count: int) -> Any:
    """Return what moves the account's sequence on and says nothing."""
    return t.UpdateShort(t.UpdateDeleteMessages([], pts, count), _NO_DATE)


def _peer(input_peer: Any, self_id: int) -> Any:
    match input_peer:
        case t.InputPeerSelf():
            return t.PeerUser(self_id)
        case t.InputPeerUser():
            return t.PeerUser(input_peer.user_id)
        case t.InputPeerChat():
            return t.PeerChat(input_peer.chat_id)
        case t.InputPeerChannel():
            return t.PeerChannel(input_peer.channel_id)
    return None
