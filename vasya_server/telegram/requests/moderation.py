"""How somebody stands in a chat, and what everybody may do there.

All of it says how things should be, so that a repeated request changes nothing more, and what is so already is a success.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, MemberNotFound, TelegramError, ValidationFailed
from vasya_server.model.member import Member, MemberRole, Permissions, Rights
from vasya_server.model.person import User
from vasya_server.telegram.members import (
    ends_at,
    find_participant,
    read_group,
    require_group,
    require_somebody_else,
    to_member,
)
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.rights import (
    from_admin_rights,
    from_permissions,
    unfit_for_admins,
    unfit_for_members,
)
from vasya_server.telegram.users import to_user

if TYPE_CHECKING:
    from datetime import datetime

    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.member import MemberPatch
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# Sooner or later than that is "never" to Telegram, and a minute is lost between here and there.
_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=365)
# If it cannot be lifted at once, a ban that only serves to remove somebody ends by itself.
_INTERIM: Final = timedelta(days=1)
_ROLES: Final = ("admin", "member", "restricted", "banned")
_KEPT: Final = frozenset({MemberRole.ADMIN, MemberRole.RESTRICTED, MemberRole.BANNED})
_OUTSIDE: Final = frozenset({MemberRole.BANNED, MemberRole.LEFT})
_NO_RIGHTS: Final = Rights()
_REFUSED_FIELDS: Final = {
    "ADMINS_TOO_MUCH": FieldError("/role", "too_many_admins"),
    "ADMIN_RANK_EMOJI_NOT_ALLOWED": FieldError("/title", "has_emoji"),
    "ADMIN_RANK_INVALID": FieldError("/title", "not_allowed"),
}


async def change_member(
    account: AccountView, peer: ResolvedPeer, person: ResolvedPeer, patch: MemberPatch
) -> Member:
    """Make somebody an admin, restrict or ban them, or take any of that back; return how they stand then.

    Raises:
        MemberNotFound: They are not in the chat.
        ValidationFailed: The fields do not go together, or not with this kind of chat.
        AdminRequired: The account has no such power over them.

    Source: https://core.telegram.org/method/channels.editAdmin, https://core.telegram.org/method/channels.editBanned,
        https://core.telegram.org/method/messages.editChatAdmin
    """
    require_group(peer)
    require_somebody_else(account, person)
    reading = Reading(account)
    participant = await find_participant(reading, peer, person)
    current = await _standing(reading, person, participant)
    role = _role_wanted(patch, current)
    is_absent = current.role is MemberRole.LEFT and role != "banned"
    if is_absent or (current.role is MemberRole.BANNED and role == "admin"):
        raise MemberNotFound
    wanted = _wanted(patch, current, role, account.runtime._clock.now())
    is_broadcast = bool(getattr(reading.directory.entities.get(peer.id), "broadcast", False))
    _require_fitting(wanted, is_group=not peer.is_channel, is_broadcast=is_broadcast)
    request = _request(peer, person, current, wanted, participant)
    if request is not None:
        try:
            await account.runtime.mutate(request, is_exactly_once=True)
        except TelegramError as error:
            field = _REFUSED_FIELDS.get(error.rpc_name or "")
            raise (ValidationFailed(field) if field else error) from error
    if not (await readable(reading)).allows(peer.id):  # who only writes there is told no names
        return msgspec.structs.replace(wanted, user=User(id=person.id, type=wanted.user.type))
    return wanted


async def _standing(reading: Reading, person: ResolvedPeer, participant: Any) -> Member:
    if participant is None:
        if reading.account.readable is not None:
            raise MemberNotFound  # who is told nothing of strangers bans none
        entity = await _known_user(reading, person)
        return Member(user=to_user(entity, reading), role=MemberRole.LEFT)
    member = to_member(participant, reading)
    if member is None:
        raise MemberNotFound
    return member


async def _known_user(reading: Reading, person: ResolvedPeer) -> Any:
    """Return somebody who is not in the chat, as far as the account knows them."""
    if isinstance(person.input_peer, t.InputPeerUser):
        users = await reading.call(functions.users.GetUsersRequest([person.input_peer]))
        if users and isinstance(users[0], t.User):
            return users[0]
    raise MemberNotFound


def _role_wanted(patch: MemberPatch, current: Member) -> str:
    if patch.role is not UNSET:
        return patch.role
    if current.role not in _KEPT or patch == type(patch)():
        raise ValidationFailed(FieldError("/role", "missing", _ROLES))
    return current.role.value


def _wanted(patch: MemberPatch, current: Member, role: str, now: datetime) -> Member:
    """Return how somebody shall stand; what is not said stays as it is while their role does.

    Raises:
        ValidationFailed: A field does not go with the role.
    """
    stays = current.role == role
    rights = patch.rights if patch.rights is not UNSET else current.rights if stays else None
    title = patch.title if patch.title is not UNSET else current.title if stays else ""
    until = patch.until if patch.until is not UNSET else current.until if stays else None
    foreign = []
    if patch.rights is not UNSET:
        if role not in ("admin", "restricted"):
            foreign.append(FieldError("/rights", "not_of_this_role"))
        else:
            unfit = unfit_for_admins if role == "admin" else unfit_for_members
            foreign += [
                FieldError(f"/rights/{name}", "not_of_this_role") for name in unfit(patch.rights)
            ]
    if patch.title is not UNSET and role != "admin":
        foreign.append(FieldError("/title", "not_of_this_role"))
    if patch.until is not UNSET:
        foreign += _until_faults(patch.until, role, now)
    if foreign:
        raise ValidationFailed(*foreign)
    if role == "admin" and rights is not None:
        rights = msgspec.structs.replace(rights, can_manage_chat=True)
    gone = role == "member" and current.role in _OUTSIDE
    return msgspec.structs.replace(
        current,
        role=MemberRole.LEFT if gone else MemberRole(role),
        rights=rights or (_NO_RIGHTS if role == "restricted" else None),
        title=title,
        until=until,
    )


def _until_faults(until: datetime | None, role: str, now: datetime) -> list[FieldError]:
    if role not in ("restricted", "banned"):
        return [FieldError("/until", "not_of_this_role")]
    if until is not None and not _SHORTEST <= until - now <= _LONGEST:
        return [FieldError("/until", "out_of_range", ("a minute to 365 days ahead",))]
    return []


def _require_fitting(wanted: Member, *, is_group: bool, is_broadcast: bool) -> None:
    """See that the kind of chat knows such a standing.

    Raises:
        ValidationFailed: It does not.
    """
    if is_group:
        if wanted.role in (MemberRole.RESTRICTED, MemberRole.BANNED):
            raise ValidationFailed(FieldError("/role", "not_in_basic_groups", ("admin", "member")))
        if wanted.rights is not None or wanted.title:
            raise ValidationFailed(
                FieldError("/rights" if wanted.rights else "/title", "not_in_basic_groups")
            )
        return
    if is_broadcast and wanted.role is MemberRole.RESTRICTED:
        raise ValidationFailed(
            FieldError("/role", "not_in_channels", ("admin", "member", "banned"))
        )
    if wanted.role is MemberRole.ADMIN and wanted.rights is None:
        raise ValidationFailed(FieldError("/rights", "missing"))


def _request(
    peer: ResolvedPeer, person: ResolvedPeer, current: Member, wanted: Member, before: Any
) -> TLRequest | None:
    """Return what makes it so; None where it is so already.

    Args:
        before: Telegram's own participant, for the flags that no name stands for.
    """
    where, who = peer.input_peer, person.input_peer
    is_demoted = current.role in (MemberRole.ADMIN, MemberRole.OWNER)
    if not peer.is_channel:
        is_admin = wanted.role is MemberRole.ADMIN
        if not is_admin and not is_demoted:
            return None
        return functions.messages.EditChatAdminRequest(-peer.id, who, is_admin=is_admin)
    if wanted.role is MemberRole.ADMIN:
        had = getattr(before, "admin_rights", None)
        rights = from_admin_rights(wanted.rights or _NO_RIGHTS, before=had)
        return functions.channels.EditAdminRequest(where, who, rights, wanted.title)
    if wanted.role is MemberRole.RESTRICTED:
        had = getattr(before, "banned_rights", None)
        banned = from_permissions(wanted.rights or _NO_RIGHTS, until=wanted.until, before=had)
    elif wanted.role is MemberRole.BANNED:
        banned = t.ChatBannedRights(wanted.until, view_messages=True)
    elif is_demoted:
        return functions.channels.EditAdminRequest(where, who, t.ChatAdminRights(), "")
    elif current.role in (MemberRole.RESTRICTED, MemberRole.BANNED):
        banned = t.ChatBannedRights(None)
    else:
        return None
    return functions.channels.EditBannedRequest(where, who, banned)


async def remove_member(
    account: AccountView, peer: ResolvedPeer, person: ResolvedPeer, *, is_redrive: bool
) -> None:
    """Take somebody out of a chat; they may come back. Who is not in it is not touched.

    Supergroups and channels only know bans, so that one is made and lifted. A request that is repeated, because nobody
    knows what became of it, finds its own ban and lifts it; those of others stay.

    Raises:
        AdminRequired: The account has no such power over them.

    Source: https://core.telegram.org/method/channels.editBanned, https://core.telegram.org/method/messages.deleteChatUser
    """
    require_group(peer)
    require_somebody_else(account, person)
    reading = Reading(account)
    participant = await find_participant(reading, peer, person)
    if participant is None:
        return
    if not peer.is_channel:
        await _take_out_of_group(account, peer, person)
        return
    where, who = peer.input_peer, person.input_peer
    a_day_ahead = account.runtime._clock.now() + _INTERIM
    if not _is_out(participant):
        interim = t.ChatBannedRights(a_day_ahead, view_messages=True)
        ban = functions.channels.EditBannedRequest(where, who, interim)
        await account.runtime.mutate(ban, is_exactly_once=True)
    elif not (is_redrive and _is_interim_ban(participant, account.runtime.user_id, a_day_ahead)):
        return
    lift = functions.channels.EditBannedRequest(where, who, t.ChatBannedRights(None))
    await account.runtime.mutate(lift, is_exactly_once=True)


async def _take_out_of_group(
    account: AccountView, peer: ResolvedPeer, person: ResolvedPeer
) -> None:
    request = functions.messages.DeleteChatUserRequest(-peer.id, person.input_peer)
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name != "USER_NOT_PARTICIPANT":
            raise


def _is_out(participant: Any) -> bool:
    is_banned = isinstance(participant, t.ChannelParticipantBanned)
    return isinstance(participant, t.ChannelParticipantLeft) or (
        is_banned and bool(participant.banned_rights.view_messages)
    )


def _is_interim_ban(participant: Any, self_id: int, by: datetime) -> bool:
    """Tell whether the account itself has made a ban that ends within a day."""
    if not isinstance(participant, t.ChannelParticipantBanned):
        return False
    until = ends_at(participant)
    return participant.kicked_by == self_id and until is not None and until <= by


async def set_permissions(
    account: AccountView, peer: ResolvedPeer, permissions: Permissions
) -> Permissions:
    """Set what everybody but admins may do in a group.

    Raises:
        ValidationFailed: It is no group.
        AdminRequired: The account may not.

    Source: https://core.telegram.org/method/messages.editChatDefaultBannedRights
    """
    require_group(peer)
    entity = await read_group(Reading(account), peer)
    if getattr(entity, "broadcast", False):
        raise ValidationFailed(FieldError("{chat}", "not_a_group"))
    before = getattr(entity, "default_banned_rights", None)
    banned = from_permissions(permissions, before=before)
    request = functions.messages.EditChatDefaultBannedRightsRequest(peer.input_peer, banned)
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name != "CHAT_NOT_MODIFIED":
            raise
    return permissions
