"""What became of a message with others: who reacted, who has read it, and its link."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import Channel, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

MAX_REACTIONS = 100
# Telegram's chat_read_mark_size_threshold, chat_read_mark_expire_period and pm_read_date_expire_period.
MAX_READERS = 100
READ_KNOWN_SECS = 7 * 24 * 3600


@rpc(f.messages.GetMessageReactionsListRequest)
def get_message_reactions_list(session: Session, request: Any) -> Any:
    """Serve messages.getMessageReactionsList, the latest first.

    Source: https://core.telegram.org/method/messages.getMessageReactionsList
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    record = _message(session, where, request.id)
    if isinstance(where, User) or (isinstance(where, Channel) and where.is_broadcast):
        raise RpcError(403, "BROADCAST_FORBIDDEN")
    wanted = getattr(request.reaction, "emoticon", None)
    found = [each for each in record.reactions[::-1] if wanted in (None, each.emoji)]
    start = int(request.offset or 0)
    end = start + min(request.limit, MAX_REACTIONS)
    return t.messages.MessageReactionsList(
        count=len(found),
        reactions=[
            t.MessagePeerReaction(
                t.PeerUser(each.user_id),
                each.at,
                t.ReactionEmoji(each.emoji),
                my=each.user_id == me.id or None,
            )
            for each in found[start:end]
        ],
        next_offset=str(end) if end < len(found) else None,
        **views.entities(world, me, {each.user_id for each in found[start:end]}),
    )


@rpc(f.messages.GetMessageReadParticipantsRequest)
def get_message_read_participants(session: Session, request: Any) -> Any:
    """Serve messages.getMessageReadParticipants, in small groups and for a week.

    Source: https://core.telegram.org/method/messages.getMessageReadParticipants
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    if isinstance(where, User) or (isinstance(where, Channel) and where.is_broadcast):
        raise RpcError(400, "PEER_ID_INVALID")
    record = _message(session, where, request.msg_id)
    if record.author_id != me.id:
        raise RpcError(400, "MSG_ID_INVALID")
    if sum(1 for _ in islice(world.members(where), MAX_READERS + 1)) > MAX_READERS:
        raise RpcError(400, "CHAT_TOO_BIG")
    if world.now - record.at > READ_KNOWN_SECS:
        raise RpcError(400, "MSG_TOO_OLD")
    return [
        t.ReadParticipantDate(member.id, at)
        for member in world.members(where)
        if member is not me and (at := _read_at(session, member, where, record))
    ]


@rpc(f.messages.GetOutboxReadDateRequest)
def get_outbox_read_date(session: Session, request: Any) -> Any:
    """Serve messages.getOutboxReadDate, between two who both show when they read.

    Source: https://core.telegram.org/method/messages.getOutboxReadDate
    """
    world, me = session.dc.world, session.user
    other = inputs.resolve(session, request.peer)
    if not isinstance(other, User) or other is me:
        raise RpcError(400, "PEER_ID_INVALID")
    record = _message(session, other, request.msg_id)
    if record.author_id != me.id:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    if me.hides_read_dates:
        raise RpcError(403, "YOUR_PRIVACY_RESTRICTED")
    if other.hides_read_dates:
        raise RpcError(403, "USER_PRIVACY_RESTRICTED")
    if world.now - record.at > READ_KNOWN_SECS:
        raise RpcError(400, "MESSAGE_TOO_OLD")
    at = _read_at(session, other, me, record)
    if not at:
        raise RpcError(400, "MESSAGE_NOT_READ_YET")
    return t.OutboxReadDate(at)


@rpc(f.channels.ExportMessageLinkRequest)
def export_message_link(session: Session, request: Any) -> Any:
    """Serve channels.exportMessageLink.

    Source: https://core.telegram.org/method/channels.exportMessageLink
    """
    channel = inputs.channel(session, request.channel)
    record = _message(session, channel, request.id)
    name = channel.username or f"c/{channel.id}"
    in_topic = f"{record.top_id}/" if channel.is_forum and record.top_id else ""
    is_answer = request.thread and record.top_id and not channel.is_forum
    thread = f"?thread={record.top_id}" if is_answer else ""
    link = f"https://t.me/{name}/{in_topic}{request.id}{thread}"
    return t.ExportedMessageLink(link, f'<a href="{link}">{channel.title}</a>')


def _message(session: Session, where: Peer, message_id: int) -> Message:
    record = session.dc.world.message(session.user, where, message_id)
    if record is None:
        raise RpcError(400, "MSG_ID_INVALID")
    return record


def _read_at(session: Session, reader: User, where: Peer, record: Message) -> int:
    """Return when *reader* read a message; 0: not yet."""
    dialog = reader.dialogs.get(where.peer_id)
    box = session.dc.world.box(reader, where)
    message_id = record.copies.get(box.owner, 0)
    reads = dialog.reads if dialog else []
    return next((at for up_to, at in reads if up_to >= message_id > 0), 0)
