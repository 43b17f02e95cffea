"""Reading messages: by page, by id, by thread."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import message, peers_of, replies
from vasya_sandbox.records import Channel
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Mailbox, Message, Peer
    from vasya_sandbox.session import Session

MAX_MESSAGES = 100


def select(session: Session, box: Mailbox, ids: list[int], request: Any) -> list[int]:
    """Return the ids that offset_id, offset_date, add_offset, limit, max_id and min_id choose.

    Newest first. Source: https://core.telegram.org/api/offsets
    """
    if request.min_id or request.max_id:
        first = bisect_right(ids, request.min_id) if request.min_id else 0
        ids = ids[first : bisect_left(ids, request.max_id) if request.max_id else len(ids)]
    at = len(ids)
    if request.offset_id:
        at = bisect_left(ids, request.offset_id)
    elif before := inputs.timestamp(getattr(request, "offset_date", None)):
        numbers, messages = box.numbers, session.dc.world.messages
        at = bisect_left(ids, before, key=lambda message_id: messages[numbers[message_id]].at)
    # The window may hang over either end; what hangs over is not made up for on the other side.
    end = at - request.add_offset
    start = end - min(max(request.limit, 0), MAX_MESSAGES)
    return ids[max(start, 0) : max(end, 0)][::-1]


def page(session: Session, where: Peer | None, records: list[Message], count: int) -> Any:
    """Return messages of a chat (None: of the caller's own box) with everybody they mention."""
    world, me = session.dc.world, session.user
    mentioned = {peer_id for record in records for peer_id in peers_of(world, record)}
    if where is not None:
        mentioned.add(where.peer_id)
    shown = [message(world, me, record) for record in records]
    found = views.entities(world, me, mentioned)
    if isinstance(where, Channel):
        return t.messages.ChannelMessages(where.box.pts, count, messages=shown, topics=[], **found)
    if count > len(records):
        return t.messages.MessagesSlice(count, messages=shown, topics=[], **found)
    return t.messages.Messages(messages=shown, topics=[], **found)


def selected(session: Session, where: Peer, ids: list[int], request: Any) -> Any:
    """Return the page of *ids* that a request chooses."""
    box = session.dc.world.box(session.user, where)
    chosen = select(session, box, ids, request)
    messages = session.dc.world.messages
    return page(session, where, [messages[box.numbers[i]] for i in chosen], len(ids))


@rpc(f.messages.GetHistoryRequest)
def get_history(session: Session, request: Any) -> Any:
    """Serve messages.getHistory.

    Source: https://core.telegram.org/method/messages.getHistory
    """
    where = inputs.readable(session, request.peer)
    return selected(session, where, session.dc.world.ids(session.user, where), request)


@rpc(f.messages.GetRepliesRequest)
def get_replies(session: Session, request: Any) -> Any:
    """Serve messages.getReplies: a thread, a forum topic, or the comments of a post.

    Source: https://core.telegram.org/method/messages.getReplies
    """
    where = inputs.readable(session, request.peer)
    if not isinstance(where, Channel):
        raise RpcError(400, "PEER_ID_INVALID")
    if where.is_forum:
        if request.msg_id not in where.topics:
            raise RpcError(400, "TOPIC_ID_INVALID")
        return selected(session, where, topic_ids(where, session, request.msg_id), request)
    record = inputs.message(session, where, request.msg_id)
    top_id = request.msg_id
    if record.discussion:
        root = session.dc.world.messages[record.discussion]
        group = session.dc.world.peer(root.peer)
        if not isinstance(group, Channel):
            raise RpcError(400, "MSG_ID_INVALID")
        where, top_id = group, root.copies[group.peer_id]
    return selected(session, where, where.box.threads.get(top_id, []), request)


def topic_ids(forum: Channel, session: Session, topic_id: int) -> list[int]:
    """Return the ids in a topic; what is in no other is in "General", topic 1."""
    if topic_id != 1:
        return forum.box.threads.get(topic_id, [])
    messages, numbers = session.dc.world.messages, forum.box.numbers
    return [
        message_id
        for message_id in session.dc.world.ids(session.user, forum)
        if not messages[numbers[message_id]].top_id and message_id not in forum.topics
    ]


def _by_id(session: Session, box: Mailbox, given: list[Any]) -> tuple[list[Any], set[int]]:
    """Return the messages with the given ids, an empty one for each that is not there."""
    world, me = session.dc.world, session.user
    shown: list[Any] = []
    mentioned: set[int] = set()
    for item in given[:MAX_MESSAGES]:
        if isinstance(item, t.InputMessagePinned):
            continue
        record = world.messages.get(box.numbers.get(item.id, 0))
        if isinstance(item, t.InputMessageReplyTo) and record is not None:
            record = world.messages.get(record.reply.number) if record.reply else None
            if record is not None and box.numbers.get(record.copies.get(box.owner, 0)) is None:
                record = None
        if record is None:
            shown.append(t.MessageEmpty(item.id, None))
        else:
            shown.append(message(world, me, record))
            mentioned.update(peers_of(world, record))
    return shown, mentioned


@rpc(f.messages.GetMessagesRequest)
def get_messages(session: Session, request: Any) -> Any:
    """Serve messages.getMessages: by id from the caller's own box.

    Source: https://core.telegram.org/method/messages.getMessages
    """
    shown, mentioned = _by_id(session, session.user.box, request.id)
    found = views.entities(session.dc.world, session.user, mentioned)
    return t.messages.Messages(messages=shown, topics=[], **found)


@rpc(f.channels.GetMessagesRequest)
def get_channel_messages(session: Session, request: Any) -> Any:
    """Serve channels.getMessages; InputMessagePinned asks for the newest pinned one.

    Source: https://core.telegram.org/method/channels.getMessages
    """
    channel = inputs.channel(session, request.channel)
    world, me = session.dc.world, session.user
    shown, mentioned = _by_id(session, channel.box, request.id)
    if any(isinstance(item, t.InputMessagePinned) for item in request.id):
        for message_id in reversed(world.ids(me, channel)):
            record = world.messages[channel.box.numbers[message_id]]
            if channel.peer_id in record.pinned_in:
                shown.append(message(world, me, record))
                mentioned.update(peers_of(world, record))
                break
    found = views.entities(world, me, mentioned | {channel.peer_id})
    return t.messages.ChannelMessages(
        channel.box.pts, len(shown), messages=shown, topics=[], **found
    )


@rpc(f.messages.GetUnreadMentionsRequest)
def get_unread_mentions(session: Session, request: Any) -> Any:
    """Serve messages.getUnreadMentions.

    Source: https://core.telegram.org/method/messages.getUnreadMentions
    """
    where = inputs.readable(session, request.peer)
    dialog = session.dc.world.dialog(session.user, where.peer_id)
    return selected(session, where, sorted(dialog.mentions), request)


@rpc(f.messages.GetMessagesViewsRequest)
def get_messages_views(session: Session, request: Any) -> Any:
    """Serve messages.getMessagesViews, counting one more where asked to.

    Source: https://core.telegram.org/method/messages.getMessagesViews
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    shown = []
    for message_id in request.id:
        record = world.message(me, where, message_id)
        if record is None or not record.views:
            shown.append(t.MessageViews())
            continue
        record.views += bool(request.increment)
        shown.append(t.MessageViews(record.views, record.forwards, replies(world, record)))
    return t.messages.MessageViews(shown, **views.entities(world, me, [where.peer_id]))
