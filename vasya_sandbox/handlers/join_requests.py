"""Who waits to be let in, and who decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.handlers.invite_links import managed
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Action, Channel
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.membership import JoinRequest
    from vasya_sandbox.records import Group
    from vasya_sandbox.session import Session

MAX_LISTED = 100


@rpc(f.messages.GetChatInviteImportersRequest)
def get_chat_invite_importers(session: Session, request: Any) -> Any:
    """Serve messages.getChatInviteImporters, of those who wait; the newest first.

    Source: https://core.telegram.org/method/messages.getChatInviteImporters
    """
    world, me = session.dc.world, session.user
    chat = managed(session, request.peer)
    if not request.requested:
        raise RpcError(400, "HASH_INVALID")
    query = (request.q or "").casefold()
    found = [
        waiting
        for waiting in sorted(chat.requests, key=lambda each: (-each.at, -each.user_id))
        if query in _name(session, waiting)
    ]
    count, after = len(found), inputs.timestamp(request.offset_date)
    if after:
        last = (-after, -getattr(request.offset_user, "user_id", 0))
        found = [each for each in found if (-each.at, -each.user_id) > last]
    found = found[: min(request.limit, MAX_LISTED)]
    people = [world.users[each.user_id] for each in found]
    return t.messages.ChatInviteImporters(
        count,
        [
            t.ChatInviteImporter(each.user_id, each.at, requested=True, about=user.about or None)
            for each, user in zip(found, people, strict=True)
        ],
        [views.user(world, me, user) for user in people],
    )


def _name(session: Session, waiting: JoinRequest) -> str:
    user = session.dc.world.users[waiting.user_id]
    return f"{user.first_name} {user.last_name} {user.username}".casefold()


@rpc(f.messages.HideChatJoinRequestRequest)
def hide_chat_join_request(session: Session, request: Any) -> Any:
    """Serve messages.hideChatJoinRequest: let somebody in, or not.

    Source: https://core.telegram.org/method/messages.hideChatJoinRequest
    """
    world = session.dc.world
    chat = managed(session, request.peer)
    who = inputs.user(session, request.user_id)
    waiting = next((each for each in chat.requests if each.user_id == who.id), None)
    member = chat.members.get(who.id)
    if member is not None and member.is_inside:
        raise RpcError(400, "USER_ALREADY_PARTICIPANT")
    if waiting is None:
        raise RpcError(400, "HIDE_REQUESTER_MISSING")
    chat.requests.remove(waiting)
    notices = []
    if request.approved:
        world.enter(chat, who)
        chat.members[who.id].inviter_id = session.user.id
        _count_use(chat, waiting.invite)
        if not (isinstance(chat, Channel) and chat.is_broadcast):
            notices = world.post(who, chat, action=Action("ChatJoinedByRequest")).notices
        notices += changes.announce(world, chat)
    return answer(
        session, notices, t.UpdatePendingJoinRequests(peer(chat.peer_id), *_pending(chat))
    )


def _count_use(chat: Group | Channel, code: str) -> None:
    for invite in chat.invites:
        invite.usage += invite.hash == code


def _pending(chat: Group | Channel) -> tuple[int, list[int]]:
    return len(chat.requests), [each.user_id for each in chat.requests[-3:]]
