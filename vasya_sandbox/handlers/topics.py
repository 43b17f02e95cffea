"""Topics of forums: the list, and what becomes of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, composing, drafts, inputs, standing, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer, publish
from vasya_sandbox.handlers.history import topic_ids
from vasya_sandbox.message_views import message, peer, peers_of
from vasya_sandbox.model import GENERAL_TOPIC
from vasya_sandbox.records import Action, Channel, Topic
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Notice
    from vasya_sandbox.session import Session

MAX_TOPICS = 100
MAX_TITLE = 128
MAX_PINNED = 5
# What one request deletes; its answer says whether anything is left.
DELETED_AT_ONCE = 100


def _forum(session: Session, given: Any) -> Channel:
    forum = inputs.readable(session, given)
    if not isinstance(forum, Channel) or not forum.is_forum:
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    return forum


def _known(forum: Channel, topic_id: int) -> Topic:
    topic = forum.topics.get(topic_id)
    if topic is None:
        raise RpcError(400, "TOPIC_ID_INVALID")
    return topic


@rpc(f.messages.GetForumTopicsRequest)
def get_forum_topics(session: Session, request: Any) -> Any:
    """Serve messages.getForumTopics, the pinned and then the most recent first.

    Source: https://core.telegram.org/method/messages.getForumTopics
    """
    forum = _forum(session, request.peer)
    query = (request.q or "").casefold()
    found = [
        (topic, topic_ids(forum, session, topic.id))
        for topic in forum.topics.values()
        if query in topic.title.casefold()
    ]
    found.sort(key=lambda pair: (pair[0].is_pinned, (pair[1] or [pair[0].id])[-1]), reverse=True)
    count = len(found)
    if request.offset_topic:
        passed = [topic.id for topic, _ in found]
        at = passed.index(request.offset_topic) + 1 if request.offset_topic in passed else count
        found = found[at:]
    return _topics(session, forum, found[: min(request.limit or MAX_TOPICS, MAX_TOPICS)], count)


@rpc(f.messages.GetForumTopicsByIDRequest)
def get_forum_topics_by_id(session: Session, request: Any) -> Any:
    """Serve messages.getForumTopicsByID; of one that is not there only the id is told.

    Source: https://core.telegram.org/method/messages.getForumTopicsByID
    """
    forum = _forum(session, request.peer)
    found = [
        (topic, topic_ids(forum, session, topic.id))
        for topic_id in request.topics
        if (topic := forum.topics.get(topic_id))
    ]
    told = _topics(session, forum, found, len(request.topics))
    told.topics += [
        t.ForumTopicDeleted(each) for each in request.topics if each not in forum.topics
    ]
    return told


def _topics(
    session: Session, forum: Channel, found: list[tuple[Topic, list[int]]], count: int
) -> Any:
    world, me = session.dc.world, session.user
    tops = [world.messages[forum.box.numbers[ids[-1]]] for _, ids in found if ids]
    mentioned = {peer_id for record in tops for peer_id in peers_of(world, record)}
    mentioned |= {topic.creator_id for topic, _ in found} | {forum.peer_id}
    return t.messages.ForumTopics(
        count,
        [_topic(session, forum, topic, ids) for topic, ids in found],
        [message(world, me, record) for record in tops],
        pts=forum.box.pts,
        **views.entities(world, me, mentioned),
    )


def _topic(session: Session, forum: Channel, topic: Topic, ids: list[int]) -> Any:
    world, me = session.dc.world, session.user
    dialog = world.dialog(me, forum.peer_id)
    messages, numbers = world.messages, forum.box.numbers
    unread = [
        message_id
        for message_id in ids
        if message_id > dialog.read_in and messages[numbers[message_id]].author_id != me.id
    ]
    return t.ForumTopic(
        topic.id,
        topic.at,
        peer(forum.peer_id),
        topic.title,
        topic.icon_color,
        ids[-1] if ids else topic.id,
        dialog.read_in,
        dialog.read_out,
        len(unread),
        len({*ids} & {*dialog.mentions}),
        0,
        0,
        t.PeerUser(topic.creator_id),
        t.PeerNotifySettings(),
        my=topic.creator_id == me.id or None,
        closed=topic.is_closed or None,
        pinned=topic.is_pinned or None,
        hidden=topic.is_hidden or None,
        draft=drafts.shown(world, me, forum.peer_id, topic.id),
    )


@rpc(f.messages.CreateForumTopicRequest)
def create_forum_topic(session: Session, request: Any) -> Any:
    """Serve messages.createForumTopic; a random_id that comes again is answered with the topic that it made.

    Source: https://core.telegram.org/method/messages.createForumTopic
    """
    world, me = session.dc.world, session.user
    forum = _forum(session, request.peer)
    title = request.title.strip()[:MAX_TITLE]
    if not title:
        raise RpcError(400, "TOPIC_TITLE_EMPTY")
    if not request.random_id:
        raise RpcError(400, "RANDOM_ID_EMPTY")
    member = forum.members.get(me.id)
    if member is None or not member.is_inside:
        raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    if member.is_admin:
        standing.require(forum, me, "manage_topics")
    elif "manage_topics" in standing.bans(forum, member):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    number = me.sent.get(forum.peer_id, {}).get(request.random_id)
    if number is not None:
        made = world.messages[number].copies[forum.peer_id]
        return answer(session, [], t.UpdateMessageID(made, request.random_id))
    opening = Action("TopicCreate", title)
    posted = world.post(me, forum, random_id=request.random_id, action=opening)
    topic_id = posted.message.copies[forum.peer_id]
    color = request.icon_color or Topic(0, "", 0, 0).icon_color
    forum.topics[topic_id] = Topic(topic_id, title, me.id, posted.message.at, color)
    return answer(session, posted.notices, t.UpdateMessageID(topic_id, request.random_id))


@rpc(f.messages.EditForumTopicRequest)
def edit_forum_topic(session: Session, request: Any) -> Any:
    """Serve messages.editForumTopic, for whoever made the topic and for admins; a note in the topic says it.

    Source: https://core.telegram.org/method/messages.editForumTopic
    """
    forum = _forum(session, request.peer)
    topic = _known(forum, request.topic_id)
    if topic.creator_id != session.user.id or topic.id == GENERAL_TOPIC:
        standing.require(forum, session.user, "manage_topics")
    given = (request.title, request.icon_emoji_id, request.closed, request.hidden)
    is_alone = sum(each is not None for each in given) == 1
    if request.hidden is not None:
        if not is_alone:
            raise RpcError(400, "TOPIC_HIDE_SEPARATELY")
        done = _hide(topic, is_hidden=request.hidden)
    elif request.closed is not None:
        if not is_alone:
            raise RpcError(400, "TOPIC_CLOSE_SEPARATELY")
        done = _close(topic, is_closed=request.closed)
    else:
        done = _rename(topic, request.title)
    if done is None:
        raise RpcError(400, "TOPIC_NOT_MODIFIED")
    top_id = 0 if topic.id == GENERAL_TOPIC else topic.id
    posted = session.dc.world.post(session.user, forum, action=done, top_id=top_id)
    return answer(session, posted.notices)


def _hide(topic: Topic, *, is_hidden: bool) -> Action | None:
    """Hide the general topic, which closes it, or show it again."""
    if topic.id != GENERAL_TOPIC:
        raise RpcError(400, "TOPIC_ID_INVALID")
    if topic.is_hidden is is_hidden:
        return None
    topic.is_hidden = is_hidden
    topic.is_closed = topic.is_closed or is_hidden
    return Action("TopicHide" if is_hidden else "TopicShow")


def _close(topic: Topic, *, is_closed: bool) -> Action | None:
    """Close a topic, or open it, which shows it again."""
    if topic.is_closed is is_closed:
        return None
    topic.is_closed = is_closed
    topic.is_hidden = topic.is_hidden and is_closed
    return Action("TopicClose" if is_closed else "TopicReopen")


def _rename(topic: Topic, given: str | None) -> Action | None:
    title = (given or "").strip()[:MAX_TITLE]
    if title in ("", topic.title):
        return None
    topic.title = title
    return Action("TopicRename", title)


@rpc(f.messages.UpdatePinnedForumTopicRequest)
def update_pinned_forum_topic(session: Session, request: Any) -> Any:
    """Serve messages.updatePinnedForumTopic: for everybody in the forum.

    Source: https://core.telegram.org/method/messages.updatePinnedForumTopic
    """
    world, me = session.dc.world, session.user
    forum = _forum(session, request.peer)
    topic = _known(forum, request.topic_id)
    standing.require(forum, me, "manage_topics")
    pinned = sum(each.is_pinned for each in forum.topics.values())
    if request.pinned and not topic.is_pinned and pinned >= MAX_PINNED:
        raise RpcError(400, "PINNED_TOO_MUCH")
    topic.is_pinned = request.pinned
    update = t.UpdatePinnedForumTopic(peer(forum.peer_id), topic.id, request.pinned or None)
    for user in list(world.members(forum)):
        shown = views.entities(world, user, [forum.peer_id])
        session.dc.push(user, [update], **shown, skip=session)
    users, chats = composing.shown(session, [forum.peer_id])
    return t.Updates([update], users, chats, world.now, 0)


@rpc(f.messages.DeleteTopicHistoryRequest)
def delete_topic_history(session: Session, request: Any) -> Any:
    """Serve messages.deleteTopicHistory: a part of what was said there, and with the last of it the topic.

    Source: https://core.telegram.org/method/messages.deleteTopicHistory
    """
    forum = _forum(session, request.peer)
    topic = _known(forum, request.top_msg_id)
    if topic.id == GENERAL_TOPIC:
        raise RpcError(400, "TOPIC_ID_INVALID")
    standing.require(forum, session.user, "delete_messages")
    opening = [topic.id] if topic.id in forum.box.numbers else []
    ids = [*opening, *topic_ids(forum, session, topic.id)]
    chosen = ids[-DELETED_AT_ONCE:]
    publish(session.dc, _delete(session, forum, chosen), skip=session)
    left = len(ids) - len(chosen)
    if not left:
        del forum.topics[topic.id]
    return t.messages.AffectedHistory(forum.box.pts, len(chosen), left)


def _delete(session: Session, forum: Channel, ids: list[int]) -> list[Notice]:
    return changes.delete(session.dc.world, session.user, forum, ids, for_everyone=True)
