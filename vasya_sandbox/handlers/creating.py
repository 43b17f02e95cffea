"""Making groups and channels, with the people whom their maker may add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs
from vasya_sandbox.directory import SERVICE_ID
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.titles import MAX_TITLE
from vasya_sandbox.membership import Member
from vasya_sandbox.records import Group, Notice
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User
    from vasya_sandbox.session import Session

MAX_ABOUT = 255


@rpc(f.messages.CreateChatRequest)
def create_chat(session: Session, request: Any) -> Any:
    """Serve messages.createChat: a group of the caller and at least one other.

    Source: https://core.telegram.org/method/messages.createChat
    """
    title, others = _title(request.title), others_in(session, request.users)
    if not others:
        raise RpcError(400, "USERS_TOO_FEW")
    world, me = session.dc.world, session.user
    invited = [user for user in others if may_be_added(me, user)]
    group = world.add_group(title, me, invited)
    told = answer(session, _news(world, group))
    return t.messages.InvitedUsers(told, missing(others, invited))


@rpc(f.channels.CreateChannelRequest)
def create_channel(session: Session, request: Any) -> Any:
    """Serve channels.createChannel: a channel, a supergroup, or one with topics.

    Source: https://core.telegram.org/method/channels.createChannel
    """
    title = _title(request.title)
    if len(request.about) > MAX_ABOUT:
        raise RpcError(400, "CHAT_ABOUT_TOO_LONG")
    world = session.dc.world
    channel = world.add_channel(
        title,
        session.user,
        is_broadcast=bool(request.broadcast),
        is_forum=bool(request.forum),
    )
    channel.about = request.about
    return answer(session, _news(world, channel))


def enter(world: World, where: Group | Channel, user: User, *, by: User) -> None:
    """Make *user* a member, as whom *by* has let in."""
    world.enter(where, user)
    where.members[user.id] = Member(
        user.id, by.id, world.now, "owner" if user.id == where.creator_id else "member"
    )


def may_be_added(me: User, user: User) -> bool:
    """Tell whether somebody lets the caller add them; who has blocked the caller does not."""
    return me.id not in user.blocked and user.id != SERVICE_ID


def missing(wanted: Iterable[User], added: Iterable[User]) -> list[Any]:
    """Return those who were not added, as Telegram names them."""
    inside = {user.id for user in added}
    return [t.MissingInvitee(user.id) for user in wanted if user.id not in inside]


def others_in(session: Session, given: Iterable[Any]) -> list[User]:
    """Return whom a request names, each once, without the caller."""
    found = {user.id: user for user in (inputs.user(session, each) for each in given)}
    return [user for user in found.values() if user is not session.user]


def _title(given: str) -> str:
    title = given.strip()[:MAX_TITLE]
    if not title:
        raise RpcError(400, "CHAT_TITLE_EMPTY")
    return title


def _news(world: World, made: Group | Channel) -> list[Notice]:
    """Return what everybody in a new chat hears: its first message, and that it is there."""
    first = [
        Notice(user, box, box.log[-1])
        for user in world.members(made)
        if (box := world.box(user, made))
    ]
    return [*first, *changes.announce(world, made)]
