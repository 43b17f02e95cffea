"""Links that lead into a chat."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.invite import Invite, InviteFilter, InvitePage, InvitePatch, NewInvite
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import invites

_INVITES = "/accounts/{account}/chats/{chat}/invites"
_INVITE = _INVITES + "/{invite}"


@read(_INVITES, Scope.CHATS_READ)
async def list_invites(call: Call, query: InviteFilter) -> InvitePage:
    """List the links that the account has made for a chat, the newest first; `revoked=true` lists those taken back.

    Whoever has a link can join, so `invite` and `url` are left out for a credential that may not add people there: one
    without `chats:write`, or with chat lists that only let it read the chat. Where the account may invite nobody, it answers
    403 `admin_required`.
    """
    return await invites.list_invites(call.account, call.path["chat"], query, call.gateway.cursors)


@mutation(
    "POST",
    _INVITES,
    Scope.CHATS_WRITE,
    telegram(Action.INVITE_CREATE, is_repeatable=False),
    status=201,
)
async def create_invite(call: Call, ready: Ready, body: NewInvite) -> Invite:
    """Make a link into a chat: with a time or a number of joins at which it ends, or one that asks an admin first.

    Anybody who gets hold of it can use it: give it limits, and take it back when it has served. Repeated with the same
    `Idempotency-Key` it is the same link; an answer that was lost stays 409 `outcome_unknown`, and `GET …/invites` shows
    whether it was made. Limits that do not go together answer 422 `validation_failed`; where the account may invite nobody,
    it answers 403 `admin_required`.
    """
    return await invites.create_invite(call.account, ready.chat, body)


@mutation("PATCH", _INVITE, Scope.CHATS_WRITE, telegram(Action.INVITE_UPDATE))
async def update_invite(call: Call, ready: Ready, body: InvitePatch) -> Invite:
    """Give a link another title or other limits; null takes a limit away, and what is left out stays as it is.

    Who has joined by it stays. A link of another chat, or none, answers 404 `invite_not_found`; one that is permanent or was
    taken back has no limits and answers 422 `validation_failed`.
    """
    return await invites.change_invite(call.account, ready.chat, call.path["invite"], body)


@mutation("DELETE", _INVITE, Scope.CHATS_WRITE, telegram(Action.INVITE_REVOKE), status=204)
async def revoke_invite(call: Call, ready: Ready) -> None:
    """Take a link back: nobody can join by it any more, and who has joined stays. Taken back already is a success.

    In place of a permanent link Telegram makes another. A link of another chat, or none, answers 404 `invite_not_found`.
    """
    await invites.revoke_invite(call.account, ready.chat, call.path["invite"])
