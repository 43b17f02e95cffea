"""Who may do what: admins, restrictions, bans, and what everybody may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f

from vasya_sandbox import changes, inputs, standing
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.membership import Member
from vasya_sandbox.records import Action, Channel, Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

MAX_RANK = 16
# Whatever ends sooner or later than that never ends: https://core.telegram.org/constructor/chatBannedRights
SHORTEST_SECS, LONGEST_SECS = 30, 366 * 86_400
_EMOJI_FROM = "\u2190"
_NEVER_DEFAULT = {"view_messages"}


@rpc(f.channels.EditAdminRequest)
def edit_admin(session: Session, request: Any) -> Any:
    """Serve channels.editAdmin: without any right they are no admin any more.

    Source: https://core.telegram.org/method/channels.editAdmin
    """
    me, channel = session.user, inputs.channel(session, request.channel)
    who = inputs.user(session, request.user_id)
    actor = standing.require(channel, me, "add_admins")
    member = channel.members.get(who.id)
    standing.require_power_over(channel, me, member)
    names = standing.granted(request.admin_rights)
    if actor.role != "owner" and {*names} - {*standing.granted(standing.admin_rights(actor))}:
        raise RpcError(403, "RIGHT_FORBIDDEN")
    if member is None or member.role == "left":
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    if member.role == "banned":
        raise RpcError(400, "USER_KICKED")
    rank = request.rank or ""
    if len(rank) > MAX_RANK:
        raise RpcError(400, "ADMIN_RANK_INVALID")
    if any(letter >= _EMOJI_FROM for letter in rank):
        raise RpcError(400, "ADMIN_RANK_EMOJI_NOT_ALLOWED")
    _set(member, me, "admin" if names else "member", standing.fitting(channel, names) or None)
    member.rank = rank if names else ""
    return answer(session, changes.announce(session.dc.world, channel))


@rpc(f.channels.EditBannedRequest)
def edit_banned(session: Session, request: Any) -> Any:
    """Serve channels.editBanned: a ban, a restriction, or with no flags the end of either.

    Source: https://core.telegram.org/method/channels.editBanned
    """
    world, me = session.dc.world, session.user
    channel = inputs.channel(session, request.channel)
    who = inputs.user(session, request.participant)
    standing.require(channel, me, "ban_users")
    member = channel.members.get(who.id)
    standing.require_power_over(channel, me, member)
    names = standing.granted(request.banned_rights)
    until = _until(session, request.banned_rights)
    if names and channel.is_broadcast and "view_messages" not in names:
        raise RpcError(400, "BANNED_RIGHTS_INVALID")
    if member is None:
        member = channel.members[who.id] = Member(who.id, me.id, world.now, "left")
    notices = []
    if "view_messages" in names:
        if member.is_inside and not channel.is_broadcast:
            gone = Action("ChatDeleteUser", user_ids=[who.id])
            notices = world.post(me, channel, action=gone).notices
        _set(member, me, "banned", None, until)
    elif names:
        _set(member, me, "restricted" if member.is_inside else "left", names, until)
    elif member.role in ("banned", "restricted"):
        _set(member, me, "left" if member.role == "banned" else "member", None)
    return answer(session, [*notices, *changes.announce(world, channel)])


def _set(member: Member, by: User, role: Any, rights: list[str] | None, until: int = 0) -> None:
    if role in ("banned", "restricted") and member.role not in ("banned", "restricted"):
        member.rank = ""
    member.role, member.rights, member.until, member.changed_by = role, rights, until, by.id


def _until(session: Session, rights: Any) -> int:
    """Return when it ends; 0 where it never does."""
    until = inputs.timestamp(rights.until_date)
    is_ending = SHORTEST_SECS <= until - session.dc.world.now <= LONGEST_SECS
    return until if is_ending else 0


@rpc(f.messages.EditChatAdminRequest)
def edit_chat_admin(session: Session, request: Any) -> Any:
    """Serve messages.editChatAdmin: the owner of a basic group makes admins, who have every right there.

    Source: https://core.telegram.org/method/messages.editChatAdmin
    """
    world, me = session.dc.world, session.user
    group = world.groups.get(request.chat_id)
    if group is None or me.id not in group.members:
        raise RpcError(400, "CHAT_ID_INVALID")
    who = inputs.user(session, request.user_id)
    member = group.members.get(who.id)
    if group.creator_id != me.id:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if member is None or not member.is_inside:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    if member.role != "owner":
        _set(member, me, "admin" if request.is_admin else "member", None)
    group.version += 1
    answer(session, changes.announce(world, group))
    return True


@rpc(f.messages.EditChatDefaultBannedRightsRequest)
def edit_chat_default_banned_rights(session: Session, request: Any) -> Any:
    """Serve messages.editChatDefaultBannedRights: what nobody but admins may do.

    Source: https://core.telegram.org/method/messages.editChatDefaultBannedRights
    """
    where = inputs.readable(session, request.peer)
    if isinstance(where, User) or (isinstance(where, Channel) and where.is_broadcast):
        raise RpcError(400, "PEER_ID_INVALID")
    standing.require(where, session.user, "ban_users")
    names = standing.granted(request.banned_rights)
    if _NEVER_DEFAULT & {*names}:
        raise RpcError(400, "BANNED_RIGHTS_INVALID")
    if {*names} == {*where.default_bans}:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    where.default_bans = names
    if isinstance(where, Group):
        where.version += 1
    return answer(session, changes.announce(session.dc.world, where))
