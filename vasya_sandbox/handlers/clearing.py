"""The end of chats and of what was said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs
from vasya_sandbox.composing import may_manage
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer, publish
from vasya_sandbox.records import Channel, Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Notice
    from vasya_sandbox.session import Session

# What one request clears; its answer says how many are left.
CLEARED_AT_ONCE = 100


def own_group(session: Session, chat_id: int) -> Group:
    """Return a basic group that the caller is in.

    Raises:
        RpcError: CHAT_ID_INVALID, USER_NOT_PARTICIPANT.
    """
    group = session.dc.world.groups.get(chat_id)
    member = None if group is None else group.members.get(session.user.id)
    if group is None or member is None or member.role == "banned":
        raise RpcError(400, "CHAT_ID_INVALID")
    if not member.is_inside:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    return group


@rpc(f.messages.DeleteChatRequest)
def delete_chat(session: Session, request: Any) -> Any:
    """Serve messages.deleteChat, for whoever made the group: it is gone for everybody.

    Source: https://core.telegram.org/method/messages.deleteChat
    """
    group = own_group(session, request.chat_id)
    _require_owner(session, group)
    world = session.dc.world
    ids = list(world.ids(session.user, group))
    notices = changes.delete(world, session.user, None, ids, for_everyone=True)
    publish(session.dc, [*notices, *_closed(session, group)], skip=session)
    return True


@rpc(f.channels.DeleteChannelRequest)
def delete_channel(session: Session, request: Any) -> Any:
    """Serve channels.deleteChannel, for whoever made it.

    Source: https://core.telegram.org/method/channels.deleteChannel
    """
    channel = inputs.channel(session, request.channel)
    _require_owner(session, channel)
    session.dc.world.rename(channel, "")
    return answer(session, _closed(session, channel))


def _require_owner(session: Session, chat: Group | Channel) -> None:
    member = chat.members.get(session.user.id)
    if member is None or member.role != "owner":
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")


def _closed(session: Session, chat: Group | Channel) -> list[Notice]:
    """Shut everybody out, and return the news of it: so Telegram tells of a chat that is no more."""
    told = changes.announce(session.dc.world, chat)
    for member in chat.members.values():
        member.role = "banned"
    chat.invites.clear()
    return told


@rpc(f.messages.DeleteHistoryRequest)
def delete_history(session: Session, request: Any) -> Any:
    """Serve messages.deleteHistory: a part of it, the newest last; for others only what the caller may take from them.

    Source: https://core.telegram.org/method/messages.deleteHistory
    """
    world, me = session.dc.world, session.user
    where = inputs.resolve(session, request.peer)
    if isinstance(where, Channel):
        raise RpcError(400, "PEER_ID_INVALID")
    ids = [each for each in world.ids(me, where) if not request.max_id or each <= request.max_id]
    chosen = ids[:CLEARED_AT_ONCE]
    is_everywhere = bool(request.revoke) and (isinstance(where, User) or may_manage(where, me))
    notices = changes.delete(world, me, None, chosen, for_everyone=is_everywhere)
    publish(session.dc, notices, skip=session)
    left = len(ids) - len(chosen)
    if not left and not request.just_clear:
        me.dialogs.pop(where.peer_id, None)
    return t.messages.AffectedHistory(me.box.pts, len(chosen), left)


@rpc(f.channels.DeleteHistoryRequest)
def delete_channel_history(session: Session, request: Any) -> Any:
    """Serve channels.deleteHistory, of a supergroup: for all its members, or from the caller's sight.

    Source: https://core.telegram.org/method/channels.deleteHistory
    """
    world, me = session.dc.world, session.user
    channel = inputs.channel(session, request.channel)
    ids = [
        each
        for each in channel.box.by_peer.get(channel.peer_id, ())
        if not request.max_id or each <= request.max_id
    ]
    if request.for_everyone:
        if not may_manage(channel, me):
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
        return answer(session, changes.delete(world, me, channel, ids, for_everyone=True))
    if channel.is_broadcast:
        raise RpcError(400, "CHANNEL_INVALID")
    cleared_to = ids[-1] if ids else 0
    dialog = world.dialog(me, channel.peer_id)
    dialog.cleared_to = dialog.read_in = max(dialog.read_in, cleared_to)
    news = t.UpdateChannelAvailableMessages(channel.id, cleared_to)
    session.dc.push(me, [news], skip=session)
    return answer(session, [], news)
