"""A message as one viewer sees it, in the own box or the channel's."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox import content_views as content
from vasya_sandbox.records import CHANNEL_MARK, Channel

if TYPE_CHECKING:
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Message, Reply, User


def peer(peer_id: int) -> Any:
    """Return the bare reference to a peer."""
    if peer_id > 0:
        return t.PeerUser(peer_id)
    if peer_id > -CHANNEL_MARK:
        return t.PeerChat(-peer_id)
    return t.PeerChannel(-peer_id - CHANNEL_MARK)


def peers_of(world: World, record: Message) -> list[int]:
    """Return everybody whom a message mentions."""
    found = [record.sender, record.peer]
    if record.forward:
        found += [record.forward.sender, record.forward.saved_peer]
    if record.action:
        found += record.action.user_ids
    found += [entity.user_id for entity in record.entities if entity.user_id]
    if record.reply and (origin := world.messages[record.reply.number]).peer != record.peer:
        found += [origin.sender, origin.peer]
    found += [reaction.user_id for reaction in record.reactions]
    if record.discussion:
        found.append(world.messages[record.discussion].peer)
    return found


def chat_id(viewer: User, record: Message) -> int:
    """Return the marked id of the chat in which *viewer* sees a message."""
    return record.sender if record.peer == viewer.id else record.peer


def box_owner(viewer: User, record: Message) -> int:
    """Return the owner of the box in which *viewer* sees a message."""
    return record.peer if record.peer < -CHANNEL_MARK else viewer.id


# The constructor of Telethon's message class costs five times its serialisation: copy a blank.
_BLANK = vars(t.Message(0, t.PeerUser(0), 0, "")).copy()
_BLANK_SERVICE = vars(t.MessageService(0, t.PeerUser(0), 0)).copy()


def message(world: World, viewer: User, record: Message) -> Any:
    """Return a message as *viewer* sees it in the own box or the channel's."""
    where = chat_id(viewer, record)
    owner = box_owner(viewer, record)
    message_id = record.copies[owner]
    is_post = record.sender == record.peer < 0
    is_mine = record.author_id == viewer.id and where != viewer.id
    has_from = not is_post and (where < 0 or record.sender == viewer.id)
    result = (t.MessageService if record.action else t.Message).__new__(
        t.MessageService if record.action else t.Message
    )
    fields = vars(result)
    fields.update(_BLANK_SERVICE if record.action else _BLANK)
    fields["id"] = message_id
    fields["peer_id"] = peer(where)
    fields["date"] = record.at
    fields["message"] = record.text
    fields["out"] = is_mine
    fields["post"] = is_post
    fields["silent"] = record.is_silent
    if record.is_from_scheduled and record.author_id == viewer.id:
        fields["from_scheduled"] = True
    if has_from:
        fields["from_id"] = peer(record.sender)
    if viewer.id in record.mentions:
        fields["mentioned"] = True
        fields["media_unread"] = _is_unheard(viewer, where, message_id)
    if record.reply or record.top_id:
        fields["reply_to"] = _reply_header(world, viewer, record)
    if record.reactions:
        fields["reactions"] = reactions(viewer, record)
    if record.action:
        fields["action"] = content.action(world, viewer, record.action, record.media)
    else:
        _add_content(world, viewer, record, fields)
    return result


def _is_unheard(viewer: User, where: int, message_id: int) -> bool:
    """Tell whether a mention still waits, however many do."""
    dialog = viewer.dialogs.get(where)
    if dialog is None:
        return False
    at = bisect_left(dialog.mentions, message_id)
    return dialog.mentions[at : at + 1] == [message_id]


def _add_content(world: World, viewer: User, record: Message, fields: dict[str, Any]) -> None:
    fields["pinned"] = box_owner(viewer, record) in record.pinned_in
    if record.media:
        fields["media"] = content.media(world, viewer, record.media)
    if record.entities:
        fields["entities"] = [content.entity(entity) for entity in record.entities]
    if record.forward:
        forward = record.forward
        fields["fwd_from"] = t.MessageFwdHeader(
            forward.at,
            from_id=peer(forward.sender),
            channel_post=forward.channel_post or None,
            saved_from_peer=peer(forward.saved_peer) if forward.saved_peer else None,
            saved_from_msg_id=forward.saved_id or None if forward.saved_peer else None,
        )
    if record.buttons:
        fields["reply_markup"] = content.keyboard(record.buttons)
    if record.edited_at:
        fields["edit_date"] = record.edited_at
    if record.grouped_id:
        fields["grouped_id"] = record.grouped_id
    if record.views:
        fields["views"], fields["forwards"] = record.views, record.forwards
    if record.is_protected:
        fields["noforwards"] = True
    # What is not sent yet has no number, and no answers.
    if record.peer < -CHANNEL_MARK and record.number:
        fields["replies"] = replies(world, record)


def replies(world: World, record: Message) -> Any:
    """Return how many comments or answers hang under a message of a channel; None for none."""
    root = world.messages[record.discussion] if record.discussion else record
    where = world.peer(root.peer)
    if not isinstance(where, Channel):
        return None
    thread = where.box.threads.get(root.copies[where.peer_id], [])
    if record.discussion:
        return t.MessageReplies(
            len(thread),
            where.box.pts,
            comments=True,
            channel_id=where.id,
            max_id=thread[-1] if thread else None,
        )
    return t.MessageReplies(len(thread), where.box.pts, max_id=thread[-1]) if thread else None


def _reply_header(world: World, viewer: User, record: Message) -> Any:
    reply = record.reply
    where = world.peer(record.peer)
    is_topic = isinstance(where, Channel) and where.is_forum and bool(record.top_id)
    if reply is None:
        return t.MessageReplyHeader(forum_topic=is_topic or None, reply_to_msg_id=record.top_id)
    origin = world.messages[reply.number]
    answered = origin.copies.get(box_owner(viewer, origin))
    if answered is None:
        # An answer to what this viewer was never sent says only whose it was.
        author = t.MessageFwdHeader(origin.at, from_id=peer(origin.sender))
        return t.MessageReplyHeader(reply_from=author, **_quote(reply))
    origin_chat = chat_id(viewer, origin)
    return t.MessageReplyHeader(
        forum_topic=is_topic or None,
        reply_to_msg_id=answered,
        reply_to_peer_id=None if origin_chat == chat_id(viewer, record) else peer(origin_chat),
        reply_to_top_id=record.top_id if record.top_id and record.top_id != answered else None,
        **_quote(reply),
    )


def _quote(reply: Reply) -> dict[str, Any]:
    if not reply.quote:
        return {}
    return {"quote": True, "quote_text": reply.quote, "quote_offset": reply.quote_offset}


def reactions(viewer: User, record: Message) -> Any:
    """Return the reactions counted by emoji, with who gave them where that is not too many."""
    counts: dict[str, int] = {}
    for reaction in record.reactions:
        counts[reaction.emoji] = counts.get(reaction.emoji, 0) + 1
    mine = [reaction.emoji for reaction in record.reactions if reaction.user_id == viewer.id]
    results = [
        t.ReactionCount(
            t.ReactionEmoji(emoji), count, chosen_order=mine.index(emoji) if emoji in mine else None
        )
        for emoji, count in sorted(counts.items(), key=lambda pair: -pair[1])
    ]
    is_post = record.sender == record.peer
    # Of two people all are recent, and there is no list to ask for.
    has_list = record.peer < 0 and not is_post
    recent = [
        t.MessagePeerReaction(
            t.PeerUser(reaction.user_id),
            reaction.at,
            t.ReactionEmoji(reaction.emoji),
            my=reaction.user_id == viewer.id or None,
        )
        for reaction in record.reactions[-3:]
    ]
    return t.MessageReactions(
        results, can_see_list=has_list or None, recent_reactions=None if is_post else recent
    )
