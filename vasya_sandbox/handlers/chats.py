"""Groups and channels: what they are and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import content_views, inputs, views
from vasya_sandbox.composing import may_manage
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import CHANNEL_MARK, Channel, Group
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.membership import Member
    from vasya_sandbox.session import Session


@rpc(f.channels.GetChannelsRequest)
def get_channels(session: Session, request: Any) -> Any:
    """Serve channels.getChannels.

    Source: https://core.telegram.org/method/channels.getChannels
    """
    found = [inputs.channel(session, given) for given in request.id]
    return t.messages.Chats([views.chat(session.dc.world, session.user, one) for one in found])


@rpc(f.messages.GetChatsRequest)
def get_chats(session: Session, request: Any) -> Any:
    """Serve messages.getChats: basic groups the caller is or was in.

    Source: https://core.telegram.org/method/messages.getChats
    """
    found = [_group(session, chat_id) for chat_id in request.id]
    return t.messages.Chats([views.chat(session.dc.world, session.user, one) for one in found])


def _group(session: Session, chat_id: int) -> Group:
    group = session.dc.world.groups.get(chat_id)
    if group is None or session.user.id not in group.members:
        raise RpcError(400, "CHAT_ID_INVALID")
    return group


def photo(session: Session, file_id: int) -> Any:
    """Return the picture of a chat; 0 is the empty one."""
    if not file_id:
        return t.PhotoEmpty(0)
    world = session.dc.world
    return content_views.photo(world, session.user, world.files[file_id])


def _newest_pin(session: Session, where: Group | Channel) -> int | None:
    world, me = session.dc.world, session.user
    box = world.box(me, where)
    for message_id in reversed(world.ids(me, where)):
        if box.owner in world.messages[box.numbers[message_id]].pinned_in:
            return message_id
    return None


@rpc(f.messages.GetFullChatRequest)
def get_full_chat(session: Session, request: Any) -> Any:
    """Serve messages.getFullChat.

    Source: https://core.telegram.org/method/messages.getFullChat
    """
    world, me = session.dc.world, session.user
    group = _group(session, request.chat_id)
    members = [member for member in group.members.values() if member.is_inside]
    if me.id in [member.user_id for member in members]:
        participants = t.ChatParticipants(
            group.id, [_group_participant(member) for member in members], group.version
        )
    else:
        participants = t.ChatParticipantsForbidden(group.id)
    full = t.ChatFull(
        group.id,
        group.about,
        participants,
        views.notify_settings(world.dialog(me, group.peer_id)),
        chat_photo=photo(session, group.photo_id),
        pinned_msg_id=_newest_pin(session, group),
        folder_id=world.dialog(me, group.peer_id).folder_id or None,
        ttl_period=group.ttl_secs or None,
    )
    mentioned = [group.peer_id, *(member.user_id for member in members)]
    return t.messages.ChatFull(full, **views.entities(world, me, mentioned))


def _group_participant(member: Member) -> Any:
    if member.role == "owner":
        return t.ChatParticipantCreator(member.user_id)
    kind = t.ChatParticipantAdmin if member.is_admin else t.ChatParticipant
    return kind(member.user_id, member.inviter_id, member.at)


@rpc(f.channels.GetFullChannelRequest)
def get_full_channel(session: Session, request: Any) -> Any:
    """Serve channels.getFullChannel.

    Source: https://core.telegram.org/method/channels.getFullChannel
    """
    world, me = session.dc.world, session.user
    channel = inputs.channel(session, request.channel)
    dialog = world.dialog(me, channel.peer_id)
    inside = [member for member in channel.members.values() if member.is_inside]
    can_manage = may_manage(channel, me)
    member = channel.members.get(me.id)
    next_send_at = member.last_post_at + channel.slow_mode_secs if member else 0
    full = t.ChannelFull(
        channel.id,
        channel.about,
        dialog.read_in,
        dialog.read_out,
        world.unread(me, channel),
        photo(session, channel.photo_id),
        views.notify_settings(dialog),
        [],
        channel.box.pts,
        can_view_participants=(not channel.is_broadcast or can_manage) or None,
        participants_count=len(inside),
        admins_count=sum(one.is_admin for one in inside) if can_manage else None,
        pinned_msg_id=_newest_pin(session, channel),
        linked_chat_id=channel.linked_id or None,
        slowmode_seconds=channel.slow_mode_secs or None,
        slowmode_next_send_date=next_send_at
        if channel.slow_mode_secs and next_send_at > world.now and not can_manage
        else None,
        folder_id=dialog.folder_id or None,
        available_min_id=dialog.cleared_to or None,
        ttl_period=channel.ttl_secs or None,
    )
    mentioned = [channel.peer_id]
    if channel.linked_id:
        mentioned.append(-CHANNEL_MARK - channel.linked_id)
    return t.messages.ChatFull(full, **views.entities(world, me, mentioned))
