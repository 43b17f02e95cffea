"""One member of a chat: Telegram's participants as the API shows them, and how to find one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import AdminRequired, FieldError, TelegramError, ValidationFailed
from vasya_server.model.member import Member, MemberRole, Rights
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.rights import to_admin_rights, to_permissions
from vasya_server.telegram.users import to_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.reading import Reading
    from vasya_server.telegram.view import AccountView

_OWNERS: Final = (t.ChannelParticipantCreator, t.ChatParticipantCreator)
_ADMINS: Final = (t.ChannelParticipantAdmin, t.ChatParticipantAdmin)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
# What Telegram stores for "for ever".
_FOREVER: Final = datetime.fromtimestamp(2**31 - 1, UTC)
_ABSENT: Final = frozenset({"USER_NOT_PARTICIPANT", "PARTICIPANT_ID_INVALID"})


def require_group(peer: ResolvedPeer) -> None:
    """See that a chat is one that has members.

    Raises:
        ValidationFailed: It is the chat with one person.
    """
    if peer.id > 0:
        raise ValidationFailed(FieldError("{chat}", "not_a_group"))


def require_somebody_else(account: AccountView, person: ResolvedPeer) -> None:
    """See that it is another person whom something is done to.

    Raises:
        ValidationFailed: It is the account itself, or no person.
    """
    if person.id == account.runtime.user_id:
        raise ValidationFailed(FieldError("{user}", "is_oneself"))
    if person.id < 0:
        raise ValidationFailed(FieldError("{user}", "not_a_user"))


async def read_group(reading: Reading, peer: ResolvedPeer) -> Any:
    """Return a group or channel as Telegram has it now."""
    if peer.is_channel:
        request = functions.channels.GetChannelsRequest([peer.input_peer])
    else:
        request = functions.messages.GetChatsRequest([-peer.id])
    answer = await reading.call(request)
    return answer.chats[0]


def participant_id(participant: Any) -> int:
    """Return the marked id of whoever takes part: a channel that is banned has one, too."""
    peer = getattr(participant, "peer", None)
    return int(participant.user_id) if peer is None else marked_id(peer)


def to_member(participant: Any, reading: Reading) -> Member | None:
    """Return a member; None for what is no person: a channel that may not write there."""
    entity = reading.directory.entities.get(participant_id(participant))
    if not isinstance(entity, t.User):
        return None
    told = Member(
        user=to_user(entity, reading),
        role=_role(participant),
        title=getattr(participant, "rank", None) or "",
        rights=_rights(participant),
        joined_at=None
        if isinstance(participant, t.ChannelParticipantBanned)
        else _time(getattr(participant, "date", None)),
        until=ends_at(participant) if isinstance(participant, t.ChannelParticipantBanned) else None,
    )
    return told if reading.directory.is_raw else clean(told)


def _role(participant: Any) -> MemberRole:
    if isinstance(participant, _OWNERS):
        return MemberRole.OWNER
    if isinstance(participant, _ADMINS):
        return MemberRole.ADMIN
    if isinstance(participant, t.ChannelParticipantLeft):
        return MemberRole.LEFT
    if isinstance(participant, t.ChannelParticipantBanned):
        is_out = participant.banned_rights.view_messages
        return MemberRole.BANNED if is_out else MemberRole.RESTRICTED
    return MemberRole.MEMBER


def _rights(participant: Any) -> Rights | None:
    """Return what an admin may, or somebody restricted still may; in basic groups admins may everything."""
    admin_rights = getattr(participant, "admin_rights", None)
    if admin_rights is not None:
        return to_admin_rights(admin_rights)
    banned = getattr(participant, "banned_rights", None)
    if banned is None or banned.view_messages:
        return None
    return Rights(**msgspec.structs.asdict(to_permissions(banned)))


def ends_at(participant: Any) -> datetime | None:
    """Return when a restriction or ban ends; None: never."""
    return _time(participant.banned_rights.until_date)


def _time(at: datetime | None) -> datetime | None:
    """Return *at*, or None for the zero and for the last moment there is, by which Telegram says "never"."""
    return at if at is not None and _EPOCH < at < _FOREVER else None


async def participants_of_group(reading: Reading, peer: ResolvedPeer) -> Sequence[Any]:
    """Return everybody in a basic group; there are 200 at most.

    Raises:
        AdminRequired: The account is not in it any more, and is not told.

    Source: https://core.telegram.org/method/messages.getFullChat
    """
    answer = await reading.call(functions.messages.GetFullChatRequest(-peer.id))
    told = answer.full_chat.participants
    if isinstance(told, t.ChatParticipantsForbidden):
        raise AdminRequired(detail="Telegram does not tell the account who is in this group.")
    found: Sequence[Any] = told.participants
    return found


async def find_participant(reading: Reading, peer: ResolvedPeer, person: ResolvedPeer) -> Any:
    """Return somebody's standing in a chat, as Telegram tells it; None where they have none.

    Raises:
        AdminRequired: Only admins may know.

    Source: https://core.telegram.org/method/channels.getParticipant
    """
    if not peer.is_channel:
        listed = await participants_of_group(reading, peer)
        return next((each for each in listed if each.user_id == person.id), None)
    if person.input_peer is None:
        # Whether the account has met somebody must not be told by what it may not know.
        anybody = t.ChannelParticipantsRecent()
        await reading.call(
            functions.channels.GetParticipantsRequest(peer.input_peer, anybody, 0, 1, 0)
        )
        return None
    request = functions.channels.GetParticipantRequest(peer.input_peer, person.input_peer)
    try:
        answer = await reading.call(request)
    except TelegramError as error:
        if error.rpc_name not in _ABSENT:
            raise
        return None
    return answer.participant
