"""Invite links: what is behind one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.handlers.chats import photo
from vasya_sandbox.records import Channel
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.membership import Invite
    from vasya_sandbox.records import Group
    from vasya_sandbox.session import Session


@rpc(f.messages.CheckChatInviteRequest)
def check_chat_invite(session: Session, request: Any) -> Any:
    """Serve messages.checkChatInvite: the chat itself only to those who are in it.

    Source: https://core.telegram.org/method/messages.checkChatInvite
    """
    world, me = session.dc.world, session.user
    if not request.hash:
        raise RpcError(400, "INVITE_HASH_EMPTY")
    found = world.by_invite(request.hash)
    if found is None:
        raise RpcError(400, "INVITE_HASH_INVALID")
    chat, invite = found
    member = chat.members.get(me.id)
    if member and member.is_inside:
        return t.ChatInviteAlready(views.chat(world, me, chat))
    if not invite.is_good(world.now):
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    if member and member.role == "banned":
        raise RpcError(400, "CHANNEL_PRIVATE")
    return _preview(session, chat, invite)


def _preview(session: Session, chat: Group | Channel, invite: Invite) -> Any:
    """Return what an invited person is shown: the chat, and whom they know there."""
    world, me = session.dc.world, session.user
    inside = list(world.members(chat))
    known = [views.user(world, me, user) for user in inside if user.id in me.contacts]
    is_channel = isinstance(chat, Channel)
    is_broadcast = isinstance(chat, Channel) and chat.is_broadcast
    return t.ChatInvite(
        chat.title,
        photo(session, chat.photo_id),
        len(inside),
        0,
        channel=is_channel or None,
        broadcast=is_broadcast or None,
        public=bool(getattr(chat, "username", "")) or None,
        megagroup=(is_channel and not is_broadcast) or None,
        request_needed=invite.needs_approval or None,
        about=chat.about or None,
        participants=known or None,
    )
