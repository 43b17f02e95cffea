"""Going into a chat by oneself, and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.creating import enter
from vasya_sandbox.membership import JoinRequest
from vasya_sandbox.records import Action, Channel, Event, Group, Notice
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.channels.JoinChannelRequest)
def join_channel(session: Session, request: Any) -> Any:
    """Serve channels.joinChannel, by the public name of a channel or supergroup.

    Source: https://core.telegram.org/method/channels.joinChannel
    """
    channel = inputs.channel(session, request.channel)
    return _join(session, channel, Action("ChatAddUser", user_ids=[session.user.id]))


@rpc(f.messages.ImportChatInviteRequest)
def import_chat_invite(session: Session, request: Any) -> Any:
    """Serve messages.importChatInvite: in at once, or as soon as an admin says so.

    Source: https://core.telegram.org/method/messages.importChatInvite
    """
    world, me = session.dc.world, session.user
    if not request.hash:
        raise RpcError(400, "INVITE_HASH_EMPTY")
    found = world.by_invite(request.hash)
    if found is None:
        raise RpcError(400, "INVITE_HASH_INVALID")
    chat, invite = found
    if not invite.is_good(world.now):
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    member = chat.members.get(me.id)
    if member is not None and member.role == "banned":
        raise RpcError(400, "CHANNEL_PRIVATE")
    if invite.needs_approval and not (member and member.is_inside):
        if me.id not in [waiting.user_id for waiting in chat.requests]:
            chat.requests.append(JoinRequest(me.id, world.now, invite.hash))
        raise RpcError(400, "INVITE_REQUEST_SENT")
    told = _join(session, chat, Action("ChatJoinedByLink", user_ids=[chat.creator_id]))
    invite.usage += 1
    return told


def _join(session: Session, chat: Group | Channel, action: Action) -> Any:
    world, me = session.dc.world, session.user
    member = chat.members.get(me.id)
    if member is not None and member.is_inside:
        raise RpcError(400, "USER_ALREADY_PARTICIPANT")
    if chat.tests_newcomers:
        bot = world.users[chat.creator_id]
        return t.messages.ChatInviteJoinResultWebView(bot.id, 1, [views.user(world, me, bot)])
    enter(world, chat, me, by=me)
    notices: list[Notice] = []
    if not (isinstance(chat, Channel) and chat.is_broadcast):
        notices = world.post(me, chat, action=action).notices
    told = answer(session, [*notices, *changes.announce(world, chat)])
    return t.messages.ChatInviteJoinResultOk(told)


@rpc(f.channels.LeaveChannelRequest)
def leave_channel(session: Session, request: Any) -> Any:
    """Serve channels.leaveChannel, for all but who made it.

    Source: https://core.telegram.org/method/channels.leaveChannel
    """
    channel = inputs.channel(session, request.channel)
    member = channel.members.get(session.user.id)
    if member is None or not member.is_inside:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    if member.role == "owner":
        raise RpcError(400, "USER_CREATOR")
    return leave(session, channel)


def leave(session: Session, chat: Group | Channel) -> Any:
    """Take the caller out of a chat, and tell everybody who was in it."""
    world, me = session.dc.world, session.user
    notices: list[Notice] = []
    if not (isinstance(chat, Channel) and chat.is_broadcast):
        action = Action("ChatDeleteUser", user_ids=[me.id])
        notices = world.post(me, chat, action=action).notices
    chat.members[me.id].role = "left"
    box = world.box(me, chat)
    gone = Notice(me, box, Event(box.pts, 0, "chat", chat.peer_id))
    return answer(session, [*notices, *changes.announce(world, chat), gone])
