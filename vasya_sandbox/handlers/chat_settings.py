"""What a group or channel says of itself, and how its members write there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, standing
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.creating import MAX_ABOUT
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Action, Channel, Group, Notice, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

SLOW_MODES = frozenset({0, 5, 10, 30, 60, 300, 900, 3600})
DAY_SECS = 86_400
MAX_TTL_SECS = 365 * DAY_SECS
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{4,31}")


def _managed(session: Session, given: Any) -> Group | Channel:
    """Return a group or channel that the caller may change.

    Raises:
        RpcError: CHAT_ADMIN_REQUIRED, PEER_ID_INVALID.
    """
    where = inputs.readable(session, given)
    if isinstance(where, User):
        raise RpcError(400, "PEER_ID_INVALID")
    standing.require(where, session.user, "change_info")
    return where


@rpc(f.messages.EditChatAboutRequest)
def edit_chat_about(session: Session, request: Any) -> Any:
    """Serve messages.editChatAbout.

    Source: https://core.telegram.org/method/messages.editChatAbout
    """
    where = _managed(session, request.peer)
    about = request.about.strip()
    if len(about) > MAX_ABOUT:
        raise RpcError(400, "CHAT_ABOUT_TOO_LONG")
    if about == where.about:
        raise RpcError(400, "CHAT_ABOUT_NOT_MODIFIED")
    where.about = about
    answer(session, changes.announce(session.dc.world, where))
    return True


@rpc(f.channels.UpdateUsernameRequest)
def update_username(session: Session, request: Any) -> Any:
    """Serve channels.updateUsername, for whoever made the channel.

    Source: https://core.telegram.org/method/channels.updateUsername
    """
    world = session.dc.world
    channel = inputs.channel(session, request.channel)
    if channel.creator_id != session.user.id:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    name = request.username
    if name == channel.username:
        raise RpcError(400, "USERNAME_NOT_MODIFIED")
    if name and not _USERNAME.fullmatch(name):
        raise RpcError(400, "USERNAME_INVALID")
    if name and world.by_username(name) not in (None, channel):
        raise RpcError(400, "USERNAME_OCCUPIED")
    world.rename(channel, name)
    answer(session, changes.announce(world, channel))
    return True


@rpc(f.channels.ToggleSlowModeRequest)
def toggle_slow_mode(session: Session, request: Any) -> Any:
    """Serve channels.toggleSlowMode, of a supergroup.

    Source: https://core.telegram.org/method/channels.toggleSlowMode
    """
    channel = inputs.channel(session, request.channel)
    if channel.is_broadcast:
        raise RpcError(400, "CHANNEL_INVALID")
    standing.require(channel, session.user, "ban_users")
    if request.seconds not in SLOW_MODES:
        raise RpcError(400, "SECONDS_INVALID")
    if request.seconds == channel.slow_mode_secs:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    channel.slow_mode_secs = request.seconds
    return answer(session, changes.announce(session.dc.world, channel))


@rpc(f.messages.SetHistoryTTLRequest)
def set_history_ttl(session: Session, request: Any) -> Any:
    """Serve messages.setHistoryTTL: a service message says so to everybody; in a private chat either may.

    Source: https://core.telegram.org/method/messages.setHistoryTTL
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    secs = request.period
    if where is me or secs % DAY_SECS or not 0 <= secs <= MAX_TTL_SECS:
        raise RpcError(400, "TTL_PERIOD_INVALID")
    if isinstance(where, User):
        mine, theirs = world.dialog(me, where.id), world.dialog(where, me.id)
        if mine.ttl_secs == secs:
            raise RpcError(400, "CHAT_NOT_MODIFIED")
        mine.ttl_secs = theirs.ttl_secs = secs
        chat_news: list[Notice] = []
    else:
        standing.require(
            where, me, "delete_messages" if isinstance(where, Channel) else "change_info"
        )
        if where.ttl_secs == secs:
            raise RpcError(400, "CHAT_NOT_MODIFIED")
        where.ttl_secs = secs
        chat_news = changes.announce(world, where)
    told = world.post(me, where, action=Action("SetMessagesTTL", str(secs))).notices
    news = t.UpdatePeerHistoryTTL(peer(where.peer_id), secs or None)
    return answer(session, [*told, *chat_news], news)
