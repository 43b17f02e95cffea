"""Who is in a channel or supergroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, standing, views
from vasya_sandbox.composing import may_manage
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Channel, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.membership import Member
    from vasya_sandbox.session import Session

MAX_PARTICIPANTS = 200
_FOR_ADMINS = (t.ChannelParticipantsKicked, t.ChannelParticipantsBanned)


def participant(session: Session, channel: Channel, member: Member) -> Any:
    """Return a member of a channel; the caller's own entry says who invited them."""
    me = session.user
    user_id, at, rank = member.user_id, member.at, member.rank or None
    changed_by = member.changed_by or member.inviter_id
    if member.role == "owner":
        return t.ChannelParticipantCreator(user_id, standing.admin_rights(member), rank=rank)
    if member.role == "admin":
        return t.ChannelParticipantAdmin(
            user_id,
            promoted_by=changed_by,
            date=at,
            admin_rights=standing.admin_rights(member),
            can_edit=me.id in (channel.creator_id, member.changed_by) or None,
            is_self=user_id == me.id or None,
            inviter_id=member.inviter_id if user_id == me.id else None,
            rank=rank,
        )
    if member.role in ("banned", "restricted"):
        names = ["view_messages"] if member.role == "banned" else member.rights or []
        rights = standing.banned_rights(names, member.until)
        is_out = member.role == "banned" or None
        return t.ChannelParticipantBanned(peer(user_id), changed_by, at, rights, left=is_out)
    if member.role == "left":
        return t.ChannelParticipantLeft(peer(user_id))
    if user_id == me.id:
        return t.ChannelParticipantSelf(user_id, member.inviter_id, at)
    return t.ChannelParticipant(user_id, at)


@rpc(f.channels.GetParticipantsRequest)
def get_participants(session: Session, request: Any) -> Any:
    """Serve channels.getParticipants; of a broadcast, and who is banned, only for its admins.

    Source: https://core.telegram.org/method/channels.getParticipants
    """
    world, me = session.dc.world, session.user
    channel = inputs.channel(session, request.channel)
    is_closed = channel.is_broadcast or isinstance(request.filter, _FOR_ADMINS)
    if is_closed and not may_manage(channel, me):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    found = [
        member for member in channel.members.values() if _passes(session, member, request.filter)
    ]
    start = max(request.offset, 0)
    chosen = found[start : start + min(max(request.limit, 0), MAX_PARTICIPANTS)]
    mentioned = [channel.peer_id, *(member.user_id for member in chosen)]
    return t.channels.ChannelParticipants(
        len(found),
        [participant(session, channel, member) for member in chosen],
        **views.entities(world, me, mentioned),
    )


def _passes(session: Session, member: Member, given: Any) -> bool:
    user = session.dc.world.users[member.user_id]
    query = getattr(given, "q", None) or ""
    name = f"{user.first_name} {user.last_name} {user.username}".casefold()
    is_named = query.casefold() in name
    match given:
        case t.ChannelParticipantsAdmins():
            return member.is_admin
        case t.ChannelParticipantsKicked():
            return member.role == "banned" and is_named
        case t.ChannelParticipantsBanned():
            return member.role == "restricted" and is_named
        case t.ChannelParticipantsBots():
            return member.is_inside and user.is_bot
        case t.ChannelParticipantsContacts():
            return member.is_inside and user.id in session.user.contacts
    return member.is_inside and is_named


@rpc(f.channels.GetParticipantRequest)
def get_participant(session: Session, request: Any) -> Any:
    """Serve channels.getParticipant; of a broadcast only for its admins, but for oneself.

    Source: https://core.telegram.org/method/channels.getParticipant
    """
    channel = inputs.channel(session, request.channel)
    who = inputs.resolve(session, request.participant)
    if channel.is_broadcast and who is not session.user and not may_manage(channel, session.user):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    member = channel.members.get(who.peer_id) if isinstance(who, User) else None
    if member is None:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    found = views.entities(session.dc.world, session.user, [channel.peer_id, who.peer_id])
    return t.channels.ChannelParticipant(participant(session, channel, member), **found)
