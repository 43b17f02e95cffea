"""Who is in a chat, what they may do there, and who is let in."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.member import (
    DecideJoinRequest,
    InvitedMembers,
    InviteMembers,
    JoinRequestFilter,
    JoinRequestPage,
    Member,
    MemberFilter,
    MemberPage,
    MemberPatch,
    Permissions,
)
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import inviting, members, moderation

_CHAT = "/accounts/{account}/chats/{chat}"
_MEMBERS = _CHAT + "/members"
_REQUESTS = _CHAT + "/join-requests"


@read(_MEMBERS, Scope.CHATS_READ)
async def list_members(call: Call, query: MemberFilter) -> MemberPage:
    """List who is in a group or channel, with role, rights and title; `q` searches names, `role` narrows.

    `role=banned` and `role=restricted` list those whom everybody else leaves out. Follow `next` until it is absent; who
    joins or leaves meanwhile moves nobody else out of the list. `permissions` are what every plain member of a group may
    do. A channel whose members only its admins may see answers 403 `admin_required`, a chat with one person 422
    `validation_failed`.
    """
    return await members.list_members(call.account, call.path["chat"], query, call.gateway.cursors)


@mutation("POST", _MEMBERS, Scope.CHATS_WRITE, telegram(Action.MEMBER_INVITE))
async def invite_members(call: Call, ready: Ready, body: InviteMembers) -> InvitedMembers:
    """Add people or bots to a group or channel, up to 20 at once; who is in it already counts as added.

    Whom Telegram does not add is in `missing` with the reason, most often `privacy`: send them an invite link instead.
    Everybody in the chat sees who added whom; who is added to a basic group sees nothing of what was said before. An id
    that the account has never met answers 422 `validation_failed`, one out of reach of a key with chat lists 403
    `chat_not_allowed`, and an account that may not add people 403 `admin_required`.
    """
    return await inviting.invite_members(call.account, ready.chat, body)


@mutation(
    "PATCH",
    _MEMBERS + "/{user}",
    Scope.CHATS_MODERATE,
    telegram(Action.MEMBER_UPDATE),
    is_destructive=True,
)
async def update_member(call: Call, ready: Ready, body: MemberPatch) -> Member:
    """Make somebody an admin, restrict or ban them, or make them a plain member again; answers how they stand then.

    `role: admin` takes `rights` and a `title`; `role: restricted` takes the `rights` that are left to them (none: they only
    read) and `until`; `role: banned` takes `until`, and shuts them out for so long; `role: member` takes all of it back,
    and who was banned may come back by themselves. `rights` are all of them, as they shall be. Without `role` the present
    one stays. Basic groups know admins alone, without rights or titles. Who is not in the chat answers 404
    `member_not_found`, fields that do not go together 422 `validation_failed`, and an account without power over them, or
    over the owner, 403 `admin_required`.
    """
    return await moderation.change_member(call.account, ready.chat, ready.person, body)


@mutation(
    "DELETE",
    _MEMBERS + "/{user}",
    Scope.CHATS_MODERATE,
    telegram(Action.MEMBER_REMOVE),
    status=204,
    is_destructive=True,
)
async def remove_member(call: Call, ready: Ready) -> None:
    """Take somebody out of a group or channel; they may come back. `role: banned` keeps them out instead.

    Who is not in it stays out, and a ban of theirs stands. An account that has no such power over them answers 403
    `admin_required`; to go oneself, use `POST …/leave`.
    """
    await moderation.remove_member(
        call.account, ready.chat, ready.person, is_redrive=ready.is_redrive
    )


@mutation(
    "PUT",
    _CHAT + "/permissions",
    Scope.CHATS_MODERATE,
    telegram(Action.CHAT_PERMIT),
    is_destructive=True,
)
async def set_permissions(call: Call, ready: Ready, body: Permissions) -> Permissions:
    """Set what everybody but its admins may do in a group: all of it, so that what is left out is not allowed.

    `{}` lets nobody write. `GET …/members` tells the `permissions` in force. A channel or a chat with one person answers
    422 `validation_failed`, and an account that may not 403 `admin_required`.
    """
    return await moderation.set_permissions(call.account, ready.chat, body)


@read(_REQUESTS, Scope.CHATS_READ)
async def list_join_requests(call: Call, query: JoinRequestFilter) -> JoinRequestPage:
    """List who has asked to be let into a chat and waits for an admin, the latest first, with the bio they show.

    Nobody is told that their request was seen. Where the account may let nobody in, it answers 403 `admin_required`.
    """
    return await inviting.list_join_requests(
        call.account, call.path["chat"], query, call.gateway.cursors
    )


@mutation(
    "POST",
    _REQUESTS + "/{user}",
    Scope.CHATS_MODERATE,
    telegram(Action.MEMBER_ADMIT),
    status=204,
    is_destructive=True,
)
async def decide_join_request(call: Call, ready: Ready, body: DecideJoinRequest) -> None:
    """Let somebody in who has asked for it, or turn the request down, of which they are not told.

    Who does not wait answers 404 `join_request_not_found`: another admin may have decided. Where the account may let nobody
    in, it answers 403 `admin_required`.
    """
    await inviting.decide_join_request(
        call.account,
        ready.chat,
        ready.person,
        is_approved=body.is_approved,
        is_redrive=ready.is_redrive,
    )
