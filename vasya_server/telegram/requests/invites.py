"""Links into a chat: listed, made, changed and taken back.

A link is a capability: whoever has it can join. It is told to those who may add people to that chat, and to nobody else,
and never written down but sealed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET
from telethon import functions
from telethon.tl import types as t

from vasya_server.auth.scopes import Scope
from vasya_server.errors import (
    ChatNotAllowed,
    ChatNotFound,
    FieldError,
    InviteNotFound,
    TelegramError,
    ValidationFailed,
)
from vasya_server.model.invite import Invite, InvitePage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.members import require_group
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.invite import InviteFilter, InvitePatch, NewInvite
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_invites"
_LINK: Final = "https://t.me/+"
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What Telegram takes for "no limit".
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_REFUSED_FIELDS: Final = {
    "CHAT_INVITE_PERMANENT": FieldError("{invite}", "permanent"),
    "EXPIRE_DATE_INVALID": FieldError("/expiresAt", "not_in_future"),
    "INVITE_REVOKED_MISSING": FieldError("{invite}", "revoked"),
    "USAGE_LIMIT_INVALID": FieldError("/usageLimit", "not_allowed"),
}


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """The last link that was told."""

    at: datetime
    link: str


async def list_invites(
    account: AccountView, reference: str, query: InviteFilter, cursors: Cursors
) -> InvitePage:
    """Return a page of the links that the account has made for a chat; who may not add people is told all but the links.

    Raises:
        ValidationFailed: The chat has no members, or the cursor is not one of this list.
        AdminRequired: The account may invite nobody.
        ChatNotFound, ChatNotAllowed: As `resolve`.

    Source: https://core.telegram.org/method/messages.getExportedChatInvites
    """
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    require_group(peer)
    filters = msgspec.msgpack.encode((peer.id, query.revoked))
    bookmarks = Bookmarks(account, cursors, _ROUTE, _Place, filters)
    last = bookmarks.read(query.cursor)
    request = functions.messages.GetExportedChatInvitesRequest(
        peer.input_peer,
        t.InputUserSelf(),
        query.limit,
        revoked=query.revoked or None,
        offset_date=last.at if last else None,
        offset_link=last.link if last else None,
    )
    answer = await reading.call(request)
    found = [each for each in answer.invites if isinstance(each, t.ChatInviteExported)]
    after = None
    if found and len(answer.invites) == query.limit < answer.count:
        place = _Place(found[-1].date, found[-1].link)
        after = bookmarks.write(place)
    is_told = await _may_have(reading, peer)
    items = [_to_invite(each, is_told=is_told, is_raw=query.raw) for each in found]
    return InvitePage(items=items, next=after, trust="untrusted")


async def _may_have(reading: Reading, peer: ResolvedPeer) -> bool:
    """Tell whether the one who asks may let people into the chat, which is what a link does."""
    account = reading.account
    if Scope.CHATS_WRITE not in account.principal.scopes:
        return False
    if account.writable is not None:
        try:
            await require(reading, peer.id, account.writable)
        except ChatNotAllowed:
            return False
    return True


def _to_invite(exported: Any, *, is_told: bool = True, is_raw: bool = False) -> Invite:
    told = Invite(
        invite=_code(exported.link) if is_told else "",
        url=exported.link if is_told else "",
        title=exported.title or "",
        created_at=exported.date,
        expires_at=exported.expire_date,
        usage_limit=exported.usage_limit,
        usage_count=exported.usage or 0,
        pending_count=exported.requested or 0,
        needs_approval=bool(exported.request_needed),
        is_permanent=bool(exported.permanent),
        is_revoked=bool(exported.revoked),
    )
    return told if is_raw else clean(told)


def _code(link: str) -> str:
    return link.rsplit("/", 1)[-1].removeprefix("+")


async def create_invite(account: AccountView, peer: ResolvedPeer, body: NewInvite) -> Invite:
    """Make a link. It is made at most once: another request makes another link.

    Raises:
        ValidationFailed: The chat has no members, or the limits do not go together.
        AdminRequired: The account may invite nobody.
        OutcomeUnknown: It was sent and no answer came back.

    Source: https://core.telegram.org/method/messages.exportChatInvite
    """
    require_group(peer)
    _require_sound(body.expires_at, body.usage_limit, account, is_asking=body.needs_approval)
    request = functions.messages.ExportChatInviteRequest(
        peer.input_peer,
        request_needed=body.needs_approval or None,
        expire_date=body.expires_at,
        usage_limit=body.usage_limit,
        title=body.title or None,
    )
    return _to_invite(await _mutate(account, request, is_exactly_once=False))


async def change_invite(
    account: AccountView, peer: ResolvedPeer, code: str, patch: InvitePatch
) -> Invite:
    """Give a link another name or other limits.

    Raises:
        InviteNotFound: It is none of this chat.
        ValidationFailed: The limits do not go together, or it is permanent or revoked and has none.

    Source: https://core.telegram.org/method/messages.editExportedChatInvite
    """
    current = await _find(account, peer, code)
    usage_limit = current.usage_limit if patch.usage_limit is UNSET else patch.usage_limit
    is_asking = (
        bool(current.request_needed) if patch.needs_approval is UNSET else patch.needs_approval
    )
    expires_at = None if patch.expires_at is UNSET else patch.expires_at
    _require_sound(expires_at, usage_limit, account, is_asking=is_asking)
    request = functions.messages.EditExportedChatInviteRequest(
        peer.input_peer,
        _LINK + code,
        expire_date=None if patch.expires_at is UNSET else patch.expires_at or _NEVER,
        usage_limit=None if patch.usage_limit is UNSET else patch.usage_limit or 0,
        request_needed=None if patch.needs_approval is UNSET else patch.needs_approval,
        title=None if patch.title is UNSET else patch.title,
    )
    answer = await _mutate(account, request, is_exactly_once=True)
    return _to_invite(answer.invite)


async def revoke_invite(account: AccountView, peer: ResolvedPeer, code: str) -> None:
    """Take a link back: it leads nobody in any more. One that is taken back already stays so.

    Raises:
        InviteNotFound: It is none of this chat.

    Source: https://core.telegram.org/method/messages.editExportedChatInvite
    """
    current = await _find(account, peer, code)
    if current.revoked:
        return
    request = functions.messages.EditExportedChatInviteRequest(
        peer.input_peer, _LINK + code, revoked=True
    )
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name != "INVITE_REVOKED_MISSING":
            raise


async def _find(account: AccountView, peer: ResolvedPeer, code: str) -> Any:
    """Return a link of the chat, as Telegram tells it.

    Source: https://core.telegram.org/method/messages.getExportedChatInvite
    """
    require_group(peer)
    if _CODE.fullmatch(code) is None:
        raise InviteNotFound
    request = functions.messages.GetExportedChatInviteRequest(peer.input_peer, _LINK + code)
    try:
        return (await Reading(account).call(request)).invite
    except ChatNotFound as error:  # Telegram's word for a link that leads nowhere
        raise InviteNotFound from error


def _require_sound(
    expires_at: datetime | None, usage_limit: int | None, account: AccountView, *, is_asking: bool
) -> None:
    faults = []
    if expires_at is not None and expires_at <= account.runtime._clock.now():
        faults.append(FieldError("/expiresAt", "not_in_future"))
    if usage_limit and is_asking:
        faults.append(FieldError("/usageLimit", "not_with_needs_approval"))
    if faults:
        raise ValidationFailed(*faults)


async def _mutate(account: AccountView, request: TLRequest, *, is_exactly_once: bool) -> Any:
    try:
        return await account.runtime.mutate(request, is_exactly_once=is_exactly_once)
    except TelegramError as error:
        field = _REFUSED_FIELDS.get(error.rpc_name or "")
        raise (ValidationFailed(field) if field else error) from error
