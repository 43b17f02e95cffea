"""Adding people to a chat, and letting in those who have asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.errors import (
    FieldError,
    JoinRequestNotFound,
    TelegramError,
    ValidationFailed,
)
from vasya_server.model.member import (
    InvitedMembers,
    JoinRequest,
    JoinRequestPage,
    MissingMember,
    MissingReason,
)
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.dialogs import known_peer
from vasya_server.telegram.members import require_group, require_somebody_else
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.people import require_person
from vasya_server.telegram.progress import note_refused
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.service_chat import require_outside_service_chat
from vasya_server.telegram.users import to_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon.tl.tlobject import TLRequest

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.member import InviteMembers, JoinRequestFilter
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_join_requests"
# Whoever comes into a basic group sees nothing of what was said before.
_NO_HISTORY: Final = 0
# What is about one of those who were to be added, and not about the chat or the account.
_PERSONAL: Final[dict[str, MissingReason]] = {
    "BOT_GROUPS_BLOCKED": MissingReason.BOT_NOT_ALLOWED,
    "INPUT_USER_DEACTIVATED": MissingReason.DELETED,
    "USER_BLOCKED": MissingReason.BLOCKED,
    "USER_BOT": MissingReason.BOT_NOT_ALLOWED,
    "USER_CHANNELS_TOO_MUCH": MissingReason.TOO_MANY_CHATS,
    "USER_KICKED": MissingReason.BANNED,
    "USER_NOT_MUTUAL_CONTACT": MissingReason.NOT_MUTUAL_CONTACT,
    "USER_PRIVACY_RESTRICTED": MissingReason.PRIVACY,
    "YOU_BLOCKED_USER": MissingReason.BLOCKED,
}
_IS_SO: Final = "USER_ALREADY_PARTICIPANT"


async def invite_members(
    account: AccountView, peer: ResolvedPeer, body: InviteMembers
) -> InvitedMembers:
    """Add people to a chat, and say who was not added.

    Where Telegram refuses all because of one, they are added one by one.

    Raises:
        ValidationFailed: The chat has no members, or somebody is unknown to the account.
        ChatNotAllowed: Somebody is out of reach of the one who asks.
        ServiceChat: An agent would add Telegram itself.
        AdminRequired: The account may not add anybody.

    Source: https://core.telegram.org/method/channels.inviteToChannel, https://core.telegram.org/method/messages.addChatUser
    """
    require_group(peer)
    require_outside_service_chat(account, *body.user_ids)
    if len({*body.user_ids}) < len(body.user_ids):
        raise ValidationFailed(FieldError("/userIds", "repeated"))
    reading = Reading(account)
    people = [await _invited(reading, at, each) for at, each in enumerate(body.user_ids)]
    waiting = [people] if peer.is_channel else [[each] for each in people]
    missing: list[MissingMember] = []
    while waiting:
        together = waiting.pop(0)
        try:
            answer = await account.runtime.mutate(_adding(peer, together), is_exactly_once=True)
        except TelegramError as error:
            if error.rpc_name == _IS_SO and len(together) == 1:
                continue
            if error.rpc_name not in {_IS_SO, *_PERSONAL}:
                raise
            if len(together) > 1:
                waiting += [[each] for each in together]
                continue
            reason = _PERSONAL[error.rpc_name]
            missing.append(MissingMember(user_id=together[0].user_id, reason=reason))
        else:
            missing += [_missing(each) for each in answer.missing_invitees]
    outside = {each.user_id for each in missing}
    return InvitedMembers(
        added=[each for each in body.user_ids if each not in outside], missing=missing
    )


async def _invited(reading: Reading, at: int, user_id: int) -> Any:
    """Return how a request names somebody who may be added."""
    await require_person(reading, user_id)
    peer = await known_peer(reading, user_id)
    if not isinstance(peer, t.InputPeerUser):
        raise ValidationFailed(FieldError(f"/userIds/{at}", "unknown"))
    return utils.get_input_user(peer)


def _adding(peer: ResolvedPeer, people: Sequence[Any]) -> TLRequest:
    if peer.is_channel:
        return functions.channels.InviteToChannelRequest(peer.input_peer, list(people))
    return functions.messages.AddChatUserRequest(-peer.id, people[0], _NO_HISTORY)


def _missing(told: Any) -> MissingMember:
    is_for_premium = told.premium_would_allow_invite or told.premium_required_for_pm
    reason = MissingReason.PREMIUM_REQUIRED if is_for_premium else MissingReason.PRIVACY
    return MissingMember(user_id=told.user_id, reason=reason)


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """The last join request that was told."""

    at: datetime
    user_id: int
    access_hash: int


async def list_join_requests(
    account: AccountView, reference: str, query: JoinRequestFilter, cursors: Cursors
) -> JoinRequestPage:
    """Return a page of those who wait to be let in, the latest first.

    Raises:
        ValidationFailed: The chat has no members, or the cursor is not one of this list.
        AdminRequired: The account may let nobody in.
        ChatNotFound, ChatNotAllowed: As `resolve`.

    Source: https://core.telegram.org/method/messages.getChatInviteImporters
    """
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    require_group(peer)
    filters = msgspec.msgpack.encode((peer.id, query.q))
    bookmarks = Bookmarks(account, cursors, _ROUTE, _Place, filters)
    last = bookmarks.read(query.cursor)
    answer = await reading.call(_waiting(peer, query.limit, query.q, last))
    people = reading.directory.entities
    found = [each for each in answer.importers if isinstance(people.get(each.user_id), t.User)]
    after = None
    if len(answer.importers) == query.limit < answer.count and found:
        entity = people[found[-1].user_id]
        place = _Place(found[-1].date, entity.id, entity.access_hash or 0)
        after = bookmarks.write(place)
    items = [
        JoinRequest(
            user=to_user(people[each.user_id], reading, bio=each.about),
            requested_at=each.date,
        )
        for each in found
    ]
    return JoinRequestPage(items=items, next=after, trust="untrusted")


def _waiting(
    peer: ResolvedPeer, limit: int, q: str | None = None, last: _Place | None = None
) -> TLRequest:
    return functions.messages.GetChatInviteImportersRequest(
        peer.input_peer,
        last.at if last else None,
        t.InputPeerUser(last.user_id, last.access_hash) if last else t.InputPeerEmpty(),
        limit,
        requested=True,
        q=q,
    )


async def decide_join_request(
    account: AccountView,
    peer: ResolvedPeer,
    person: ResolvedPeer,
    *,
    is_approved: bool,
    is_redrive: bool,
) -> None:
    """Let somebody in who has asked for it, or send them away.

    Args:
        is_redrive: It may have been done already: then nobody waits any more, and that is as it should be.

    Raises:
        JoinRequestNotFound: They have not asked, or somebody has decided.
        AdminRequired: The account may let nobody in.

    Source: https://core.telegram.org/method/messages.hideChatJoinRequest
    """
    require_group(peer)
    require_somebody_else(account, person)
    if person.input_peer is None:
        # Whether the account has met somebody must not be told: a rehearsal ends here as it does for anybody, and who may
        # let nobody in is refused as they are.
        await account.runtime.mutate(_waiting(peer, 1), is_exactly_once=True)
        note_refused()
        raise JoinRequestNotFound
    request = functions.messages.HideChatJoinRequestRequest(
        peer.input_peer, person.input_peer, approved=is_approved or None
    )
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        is_so = error.rpc_name == _IS_SO and is_approved
        is_gone = error.rpc_name in {"HIDE_REQUESTER_MISSING", _IS_SO}
        if is_gone and not is_so and not is_redrive:
            raise JoinRequestNotFound from error
        if not is_gone:
            raise
