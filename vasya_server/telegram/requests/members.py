"""Who is in a chat, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.model.member import Member, MemberPage, MemberRole
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.directory import entity_title, entity_username
from vasya_server.telegram.members import (
    participant_id,
    participants_of_group,
    require_group,
    to_member,
)
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.rights import to_permissions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.member import MemberFilter
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_members"
_PAGE: Final = 200
# What one page may ask of Telegram: 1,000 members looked through. Behind that `next` goes on.
_MAX_REQUESTS: Final = 5
# Telegram counts members off, and the count moves when somebody leaves: so far back the last ones told are looked for.
_OVERLAP: Final = 20
_REMEMBERED: Final = 8
_RANKS: Final = {MemberRole.OWNER: 0, MemberRole.ADMIN: 1}


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """How far a list has got.

    Args:
        offset: Of a channel's members, how many Telegram had counted off.
        last: The last of them, by whom the place is found again.
        below: In a basic group: how the last one stood.
    """

    offset: int = 0
    last: tuple[int, ...] = ()
    below: tuple[int, int, int] | None = None


async def list_members(
    account: AccountView, reference: str, query: MemberFilter, cursors: Cursors
) -> MemberPage:
    """Return a page of a chat's members.

    Raises:
        ValidationFailed: The chat has no members, or the cursor is not one of this list.
        AdminRequired: Only admins may know.
        ChatNotFound, ChatNotAllowed: As `resolve`.
        HumanRequired: An agent wants names as they were written.
    """
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    require_group(peer)
    filters = msgspec.msgpack.encode((peer.id, query.q, query.role))
    bookmarks = Bookmarks(account, cursors, _ROUTE, _Place, filters)
    place = bookmarks.read(query.cursor) or _Place()
    listing = _page_of_channel if peer.is_channel else _page_of_group
    found, after = await listing(reading, peer, query, place)
    entity = reading.directory.entities.get(peer.id)
    banned = getattr(entity, "default_banned_rights", None)
    return MemberPage(
        items=found,
        permissions=to_permissions(banned) if banned is not None else None,
        next=bookmarks.write(after),
        trust="untrusted",
    )


async def _page_of_group(
    reading: Reading, peer: ResolvedPeer, query: MemberFilter, place: _Place
) -> tuple[list[Member], _Place | None]:
    """Put those of a basic group in order: the owner, the admins, then whoever came last."""
    participants = await participants_of_group(reading, peer)
    told = [member for each in participants if (member := to_member(each, reading)) is not None]
    found = sorted(
        (
            member
            for member in told
            if _fits(member, query, reading, None)
            and (place.below is None or _standing(member) > place.below)
        ),
        key=_standing,
    )
    page = found[: query.limit]
    return page, _Place(below=_standing(page[-1])) if len(found) > len(page) else None


def _standing(member: Member) -> tuple[int, int, int]:
    joined_at = int(member.joined_at.timestamp()) if member.joined_at else 0
    return _RANKS.get(member.role, 2), -joined_at, member.user.id


async def _page_of_channel(
    reading: Reading, peer: ResolvedPeer, query: MemberFilter, place: _Place
) -> tuple[list[Member], _Place | None]:
    """Go through what Telegram lists, in its own order.

    Source: https://core.telegram.org/method/channels.getParticipants
    """
    kind, found = _kind(query), list[Member]()
    for _ in range(_MAX_REQUESTS):
        begin = max(0, place.offset - _OVERLAP)
        request = functions.channels.GetParticipantsRequest(peer.input_peer, kind, begin, _PAGE, 0)
        answer = await reading.call(request)
        told = _told_already(answer.participants, place, begin)
        for at, participant in enumerate(answer.participants[told:], begin + told + 1):
            member = to_member(participant, reading)
            is_wanted = member is not None and _fits(member, query, reading, kind)
            if is_wanted and len(found) == query.limit:
                return found, place
            last = (*place.last, participant_id(participant))[-_REMEMBERED:]
            place = _Place(offset=at, last=last)
            if member is not None and is_wanted:
                found.append(member)
        is_end = begin + len(answer.participants) >= answer.count
        if is_end or told >= len(answer.participants):
            return found, None
    return found, place


def _told_already(participants: Sequence[Any], place: _Place, begin: int) -> int:
    """Return how many of *participants* are behind us: up to the last one told who is still among them."""
    places = {participant_id(each): at for at, each in enumerate(participants)}
    for user_id in reversed(place.last):
        if user_id in places:
            return places[user_id] + 1
    return place.offset - begin


def _kind(query: MemberFilter) -> Any:
    """Return what Telegram is asked for; it says «kicked» for who is banned, and «banned» for who is restricted."""
    words = query.q or ""
    if query.role in ("owner", "admin"):
        return t.ChannelParticipantsAdmins()
    if query.role == "banned":
        return t.ChannelParticipantsKicked(words)
    if query.role == "restricted":
        return t.ChannelParticipantsBanned(words)
    return t.ChannelParticipantsSearch(words) if words else t.ChannelParticipantsRecent()


def _fits(member: Member, query: MemberFilter, reading: Reading, kind: Any) -> bool:
    """Tell whether somebody is looked for; where Telegram was asked for a name, it knows best who has it.

    Args:
        kind: Of whom Telegram has listed all; None: of everybody.
    """
    if query.role is not None and member.role != query.role:
        return False
    if query.q is None or hasattr(kind, "q"):
        return True
    entity = reading.directory.entities[member.user.id]
    names = f"{entity_title(entity)}\n{entity_username(entity) or ''}"
    return query.q.casefold() in names.casefold()
