"""What tells others that the caller is there: read marks and typing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs
from vasya_sandbox.composing import require_writable
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import publish
from vasya_sandbox.records import Channel, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Notice
    from vasya_sandbox.session import Session


def _affected(session: Session, notices: list[Notice]) -> tuple[int, int]:
    """Push *notices* and return the caller's new pts with the steps it took."""
    me = session.user
    publish(session.dc, notices, skip=session)
    steps = [notice for notice in notices if notice.user is me and notice.box is me.box]
    return me.box.pts, sum(notice.event.pts_count for notice in steps)


@rpc(f.messages.ReadHistoryRequest)
def read_history(session: Session, request: Any) -> Any:
    """Serve messages.readHistory, for private chats and basic groups.

    Source: https://core.telegram.org/method/messages.readHistory
    """
    where = inputs.resolve(session, request.peer)
    if isinstance(where, Channel):
        raise RpcError(400, "PEER_ID_INVALID")
    notices = session.dc.world.mark_read(session.user, where, request.max_id)
    return t.messages.AffectedMessages(*_affected(session, notices))


@rpc(f.channels.ReadHistoryRequest)
def read_channel_history(session: Session, request: Any) -> Any:
    """Serve channels.readHistory.

    Source: https://core.telegram.org/method/channels.readHistory
    """
    channel = inputs.channel(session, request.channel)
    notices = session.dc.world.mark_read(session.user, channel, request.max_id)
    publish(session.dc, notices, skip=session)
    return bool(notices)


@rpc(f.messages.ReadMentionsRequest)
def read_mentions(session: Session, request: Any) -> Any:
    """Serve messages.readMentions, in one thread where asked to.

    Source: https://core.telegram.org/method/messages.readMentions
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    ids = list(world.dialog(me, where.peer_id).mentions)
    if request.top_msg_id:
        numbers = world.box(me, where).numbers
        ids = [i for i in ids if world.messages[numbers[i]].top_id == request.top_msg_id]
    pts, count = _affected(session, changes.hear(world, me, where, ids))
    if isinstance(where, Channel):
        pts, count = where.box.pts, 0
    return t.messages.AffectedHistory(pts, count, 0)


@rpc(f.messages.ReadMessageContentsRequest)
def read_message_contents(session: Session, request: Any) -> Any:
    """Serve messages.readMessageContents: mentions seen one by one.

    Source: https://core.telegram.org/method/messages.readMessageContents
    """
    world, me = session.dc.world, session.user
    by_chat: dict[int, list[int]] = {}
    for peer_id, dialog in me.dialogs.items():
        where = world.peer(peer_id)
        waiting = {*dialog.mentions}
        seen = [message_id for message_id in request.id if message_id in waiting]
        if seen and not isinstance(where, Channel):
            by_chat[peer_id] = seen
    notices: list[Notice] = []
    for peer_id, seen in by_chat.items():
        where = world.peer(peer_id)
        if where is not None:
            notices += changes.hear(world, me, where, seen)
    return t.messages.AffectedMessages(*_affected(session, notices))


@rpc(f.channels.ReadMessageContentsRequest)
def read_channel_message_contents(session: Session, request: Any) -> Any:
    """Serve channels.readMessageContents.

    Source: https://core.telegram.org/method/channels.readMessageContents
    """
    channel = inputs.channel(session, request.channel)
    notices = changes.hear(session.dc.world, session.user, channel, request.id)
    publish(session.dc, notices, skip=session)
    return True


@rpc(f.messages.SetTypingRequest)
def set_typing(session: Session, request: Any) -> Any:
    """Serve messages.setTyping: seen by those who are there now, and forgotten.

    Source: https://core.telegram.org/method/messages.setTyping
    """
    world, me = session.dc.world, session.user
    where = inputs.resolve(session, request.peer)
    require_writable(session, where)
    sender = t.PeerUser(me.id)
    if isinstance(where, User):
        audience, update = [where], t.UpdateUserTyping(me.id, request.action)
    elif isinstance(where, Channel):
        audience = list(world.members(where))
        update = t.UpdateChannelUserTyping(where.id, sender, request.action, request.top_msg_id)
    else:
        audience = list(world.members(where))
        update = t.UpdateChatUserTyping(where.id, sender, request.action)
    for user in audience:
        if user is not me and session.dc.authorizations_of(user):
            session.dc.push(user, [update])
    return True
