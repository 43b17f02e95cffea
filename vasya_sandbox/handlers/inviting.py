"""Bringing people into a chat by hand, and out of a basic group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, standing
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.clearing import own_group
from vasya_sandbox.handlers.creating import enter, may_be_added, missing, others_in
from vasya_sandbox.handlers.joining import leave
from vasya_sandbox.records import Action, Channel
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Group, Notice, User
    from vasya_sandbox.session import Session


@rpc(f.channels.InviteToChannelRequest)
def invite_to_channel(session: Session, request: Any) -> Any:
    """Serve channels.inviteToChannel; those who are in already stay so.

    Source: https://core.telegram.org/method/channels.inviteToChannel
    """
    channel = inputs.channel(session, request.channel)
    standing.require_inviter(channel, session.user)
    people = others_in(session, request.users)
    if any((member := channel.members.get(user.id)) and member.role == "banned" for user in people):
        raise RpcError(400, "USER_KICKED")
    return _add(session, channel, people)


@rpc(f.messages.AddChatUserRequest)
def add_chat_user(session: Session, request: Any) -> Any:
    """Serve messages.addChatUser.

    Source: https://core.telegram.org/method/messages.addChatUser
    """
    group = own_group(session, request.chat_id)
    who = inputs.user(session, request.user_id)
    standing.require_inviter(group, session.user)
    if _is_inside(group, who):
        raise RpcError(400, "USER_ALREADY_PARTICIPANT")
    return _add(session, group, [who])


def _add(session: Session, where: Group | Channel, people: list[User]) -> Any:
    world, me = session.dc.world, session.user
    inside = [user for user in people if _is_inside(where, user)]
    added = [user for user in people if user not in inside and may_be_added(me, user)]
    for user in added:
        enter(world, where, user, by=me)
    notices: list[Notice] = []
    if added and not (isinstance(where, Channel) and where.is_broadcast):
        action = Action("ChatAddUser", user_ids=[user.id for user in added])
        notices = world.post(me, where, action=action).notices
    told = answer(session, [*notices, *changes.announce(world, where)])
    return t.messages.InvitedUsers(told, missing(people, [*added, *inside]))


def _is_inside(where: Group | Channel, user: User) -> bool:
    member = where.members.get(user.id)
    return member is not None and member.is_inside


@rpc(f.messages.DeleteChatUserRequest)
def delete_chat_user(session: Session, request: Any) -> Any:
    """Serve messages.deleteChatUser: oneself, whom one has invited, or as an admin anybody but the owner.

    Source: https://core.telegram.org/method/messages.deleteChatUser
    """
    world, me = session.dc.world, session.user
    group = own_group(session, request.chat_id)
    who = inputs.user(session, request.user_id)
    if who is me:
        return leave(session, group)
    member = group.members.get(who.id)
    if member is None or not member.is_inside:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    is_mine = member.inviter_id == me.id or standing.may(group, me, "ban_users")
    if member.role == "owner" or not is_mine:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    action = Action("ChatDeleteUser", user_ids=[who.id])
    # The one who goes hears of it, too.
    notices = [*world.post(me, group, action=action).notices, *changes.announce(world, group)]
    member.role = "left"
    group.version += 1
    return answer(session, notices)
