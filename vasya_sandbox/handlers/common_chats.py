"""The groups that the caller shares with somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

MAX_CHATS = 100


@rpc(f.messages.GetCommonChatsRequest)
def get_common_chats(session: Session, request: Any) -> Any:
    """Serve messages.getCommonChats: the highest id first, and below *max_id* where it is given.

    Source: https://core.telegram.org/method/messages.getCommonChats
    """
    world, me = session.dc.world, session.user
    who = inputs.user(session, request.user_id)
    if who is me:
        raise RpcError(400, "USER_ID_INVALID")
    common = world.common_groups(me, who)
    below = [chat for chat in common if not request.max_id or chat.id < request.max_id]
    limit = min(request.limit or MAX_CHATS, MAX_CHATS)
    shown = [views.chat(world, me, chat) for chat in below[:limit]]
    if len(below) > len(shown):
        return t.messages.ChatsSlice(len(common), shown)
    return t.messages.Chats(shown)
