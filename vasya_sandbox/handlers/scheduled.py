"""Messages that wait for their time: listing them, sending them now, taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import composing, inputs, message_views, scheduling
from vasya_sandbox.fanout import answer
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.outbox import Waiting
    from vasya_sandbox.records import Peer
    from vasya_sandbox.session import Session


@rpc(f.messages.GetScheduledHistoryRequest)
def get_scheduled_history(session: Session, request: Any) -> Any:
    """Serve messages.getScheduledHistory: all that waits in a chat, the last due first.

    Source: https://core.telegram.org/method/messages.getScheduledHistory
    """
    where = inputs.resolve(session, request.peer)
    box = scheduling.outbox(session.dc.world, session.user)
    return _messages(session, where, box.within(where.peer_id))


@rpc(f.messages.GetScheduledMessagesRequest)
def get_scheduled_messages(session: Session, request: Any) -> Any:
    """Serve messages.getScheduledMessages; what waits no more is left out.

    Source: https://core.telegram.org/method/messages.getScheduledMessages
    """
    where = inputs.resolve(session, request.peer)
    box = scheduling.outbox(session.dc.world, session.user)
    wanted = {*request.id}
    return _messages(session, where, [w for w in box.within(where.peer_id) if w.id in wanted])


@rpc(f.messages.SendScheduledMessagesRequest)
def send_scheduled_messages(session: Session, request: Any) -> Any:
    """Serve messages.sendScheduledMessages: now, instead of at their time.

    Source: https://core.telegram.org/method/messages.sendScheduledMessages
    """
    world, me = session.dc.world, session.user
    where = inputs.resolve(session, request.peer)
    group = [scheduling.find(world, me, where, each) for each in dict.fromkeys(request.id)]
    composing.require_writable(session, where)
    notices, gone, _ = scheduling.release(session, group)
    session.dc.push(me, [gone], skip=session)
    return answer(session, notices, gone)


@rpc(f.messages.DeleteScheduledMessagesRequest)
def delete_scheduled_messages(session: Session, request: Any) -> Any:
    """Serve messages.deleteScheduledMessages: what waits no more is not an error.

    Source: https://core.telegram.org/method/messages.deleteScheduledMessages
    """
    where = inputs.resolve(session, request.peer)
    gone = scheduling.remove(session.dc, session.user, where, request.id)
    update = t.UpdateDeleteScheduledMessages(message_views.peer(where.peer_id), gone)
    session.dc.push(session.user, [update], skip=session)
    return answer(session, [], update)


def _messages(session: Session, where: Peer, found: list[Waiting]) -> Any:
    world, me = session.dc.world, session.user
    named = {peer for each in found for peer in message_views.peers_of(world, each.draft)}
    users, chats = composing.shown(session, named | {where.peer_id})
    shown = [scheduling.show(world, me, each) for each in found]
    return t.messages.Messages(messages=shown, topics=[], chats=chats, users=users)
