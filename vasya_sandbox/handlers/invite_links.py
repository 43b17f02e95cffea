"""The links of a chat: made, changed, listed and taken back by its admins.

Source: https://core.telegram.org/api/invites
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, standing, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.membership import Invite
from vasya_sandbox.records import Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Channel
    from vasya_sandbox.session import Session

LINK = "https://t.me/+"
MAX_TITLE, MAX_USAGE, MAX_LISTED = 32, 99_999, 100


@rpc(f.messages.ExportChatInviteRequest)
def export_chat_invite(session: Session, request: Any) -> Any:
    """Serve messages.exportChatInvite.

    Source: https://core.telegram.org/method/messages.exportChatInvite
    """
    chat = managed(session, request.peer)
    made = Invite(_new_hash(), creator_id=session.user.id, at=session.dc.world.now)
    _apply(session, made, request)
    made.is_permanent = bool(request.legacy_revoke_permanent)
    if made.is_permanent:
        for each in _permanent(chat, session.user):
            each.is_revoked = True
    chat.invites.append(made)
    return exported(session, chat, made)


@rpc(f.messages.EditExportedChatInviteRequest)
def edit_exported_chat_invite(session: Session, request: Any) -> Any:
    """Serve messages.editExportedChatInvite; a permanent link that is revoked has another in its place.

    Source: https://core.telegram.org/method/messages.editExportedChatInvite
    """
    world, me = session.dc.world, session.user
    chat = managed(session, request.peer)
    invite = _find(session, chat, request.link)
    if invite.is_revoked:
        raise RpcError(400, "INVITE_REVOKED_MISSING")
    users = [views.user(world, me, world.users[_creator(chat, invite)])]
    if request.revoked:
        invite.is_revoked = True
        if invite.is_permanent:
            heir = Invite(_new_hash(), creator_id=me.id, at=world.now, is_permanent=True)
            chat.invites.append(heir)
            return t.messages.ExportedChatInviteReplaced(
                exported(session, chat, invite), exported(session, chat, heir), users
            )
    else:
        if invite.is_permanent:
            raise RpcError(400, "CHAT_INVITE_PERMANENT")
        _apply(session, invite, request)
    return t.messages.ExportedChatInvite(exported(session, chat, invite), users)


@rpc(f.messages.GetExportedChatInviteRequest)
def get_exported_chat_invite(session: Session, request: Any) -> Any:
    """Serve messages.getExportedChatInvite.

    Source: https://core.telegram.org/method/messages.getExportedChatInvite
    """
    world, me = session.dc.world, session.user
    chat = managed(session, request.peer)
    invite = _find(session, chat, request.link)
    creator = world.users[_creator(chat, invite)]
    return t.messages.ExportedChatInvite(
        exported(session, chat, invite), [views.user(world, me, creator)]
    )


@rpc(f.messages.GetExportedChatInvitesRequest)
def get_exported_chat_invites(session: Session, request: Any) -> Any:
    """Serve messages.getExportedChatInvites: those of one admin, the newest first; another's only for the owner.

    Source: https://core.telegram.org/method/messages.getExportedChatInvites
    """
    world, me = session.dc.world, session.user
    chat = managed(session, request.peer)
    admin = inputs.user(session, request.admin_id)
    if admin is not me and chat.creator_id != me.id:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    found = [
        invite
        for invite in reversed(chat.invites)
        if _creator(chat, invite) == admin.id and invite.is_revoked is bool(request.revoked)
    ]
    found.sort(key=lambda invite: (not invite.is_permanent, -invite.at))
    count = len(found)
    if request.offset_link:
        passed = [invite.hash for invite in found]
        code = _hash_of(request.offset_link)
        found = found[passed.index(code) + 1 :] if code in passed else []
    found = found[: min(request.limit, MAX_LISTED)]
    return t.messages.ExportedChatInvites(
        count,
        [exported(session, chat, invite) for invite in found],
        [views.user(world, me, admin)],
    )


def managed(session: Session, given: Any) -> Group | Channel:
    """Return a chat whose invitations the caller manages.

    Raises:
        RpcError: PEER_ID_INVALID, CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED.
    """
    chat = inputs.readable(session, given)
    if isinstance(chat, User):
        raise RpcError(400, "PEER_ID_INVALID")
    standing.require(chat, session.user, "invite_users")
    return chat


def exported(session: Session, chat: Group | Channel, invite: Invite) -> Any:
    """Return a link as its admins see it."""
    waiting = sum(request.invite == invite.hash for request in chat.requests)
    return t.ChatInviteExported(
        LINK + invite.hash,
        _creator(chat, invite),
        invite.at or chat.at,
        revoked=invite.is_revoked or None,
        permanent=invite.is_permanent or None,
        request_needed=invite.needs_approval or None,
        expire_date=invite.expires_at or None,
        usage_limit=invite.usage_limit or None,
        usage=invite.usage or None,
        requested=waiting or None,
        title=invite.title or None,
    )


def _creator(chat: Group | Channel, invite: Invite) -> int:
    return invite.creator_id or chat.creator_id


def _permanent(chat: Group | Channel, admin: User) -> list[Invite]:
    return [
        invite
        for invite in chat.invites
        if invite.is_permanent and not invite.is_revoked and _creator(chat, invite) == admin.id
    ]


def _apply(session: Session, invite: Invite, request: Any) -> None:
    """Change what a request names; an absent flag leaves things as they are, zero takes the limit away."""
    now = session.dc.world.now
    if request.expire_date is not None:
        expires_at = inputs.timestamp(request.expire_date)
        if 0 < expires_at <= now:
            raise RpcError(400, "EXPIRE_DATE_INVALID")
        invite.expires_at = expires_at
    if request.usage_limit is not None:
        if not 0 <= request.usage_limit <= MAX_USAGE:
            raise RpcError(400, "USAGE_LIMIT_INVALID")
        invite.usage_limit = request.usage_limit
    if request.request_needed is not None:
        invite.needs_approval = request.request_needed
    if invite.needs_approval and invite.usage_limit:
        raise RpcError(400, "USAGE_LIMIT_INVALID")
    if request.title is not None:
        invite.title = request.title[:MAX_TITLE]


def _find(session: Session, chat: Group | Channel, link: str) -> Invite:
    code = _hash_of(link)
    invite = next((each for each in chat.invites if each.hash == code), None)
    if invite is None:
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    if _creator(chat, invite) != session.user.id and chat.creator_id != session.user.id:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return invite


def _hash_of(link: str) -> str:
    return link.rsplit("/", 1)[-1].removeprefix("+")


def _new_hash() -> str:
    return secrets.token_urlsafe(12)
