"""Renaming a group or a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f

from vasya_sandbox import changes, inputs
from vasya_sandbox.composing import may_manage
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.records import Action, Channel, Group
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

MAX_TITLE = 128


@rpc(f.messages.EditChatTitleRequest)
def edit_chat_title(session: Session, request: Any) -> Any:
    """Serve messages.editChatTitle, for admins: plain members may not change what a group is.

    Source: https://core.telegram.org/method/messages.editChatTitle
    """
    group = session.dc.world.groups.get(request.chat_id)
    member = None if group is None else group.members.get(session.user.id)
    if group is None or member is None or not member.is_inside:
        raise RpcError(400, "CHAT_ID_INVALID")
    if not member.is_admin:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return _rename(session, group, request.title)


@rpc(f.channels.EditTitleRequest)
def edit_channel_title(session: Session, request: Any) -> Any:
    """Serve channels.editTitle.

    Source: https://core.telegram.org/method/channels.editTitle
    """
    channel = inputs.channel(session, request.channel)
    if not may_manage(channel, session.user):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return _rename(session, channel, request.title)


def _rename(session: Session, where: Group | Channel, given: str) -> Any:
    """Give a chat another title: a service message, and the news that the chat is another now."""
    title = given.strip()[:MAX_TITLE]
    if not title:
        raise RpcError(400, "CHAT_TITLE_EMPTY")
    if title == where.title:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    world = session.dc.world
    where.title = title
    if isinstance(where, Group):
        where.version += 1
    posted = world.post(session.user, where, action=Action("ChatEditTitle", title))
    return answer(session, [*posted.notices, *changes.announce(world, where)])
