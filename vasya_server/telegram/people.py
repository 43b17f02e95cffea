"""Which people are within reach of the one who asks: the one place that decides it (D-5.9).

Without chat lists everybody is. With them: whoever's own chat may be read, and whoever is in a group that may be read.
One who is excepted by name is out of reach in every group, too. Nobody else is told apart from nobody at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.errors import (
    AdminRequired,
    ChatNotAllowed,
    ChatNotFound,
    ChatWriteForbidden,
)
from vasya_server.telegram.dialogs import known_peer
from vasya_server.telegram.directory import CHANNEL_MARK, entity_id
from vasya_server.telegram.reach import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.telegram.reach import Reach
    from vasya_server.telegram.reading import Reading

# The groups shared with one person: Telegram tells a hundred at a time.
_PAGE: Final = 100
_MAX_PAGES: Final = 5
# The groups of a key that are looked into for a list of people, with at most two requests each.
_MAX_GROUPS: Final = 20
_MAX_MEMBERS: Final = 200


async def require_person(reading: Reading, user_id: int) -> None:
    """See that a person is within reach; at most five requests tell which groups they share with the account.

    Raises:
        ChatNotAllowed: They are not, or there is nobody of that id.
    """
    rule = reading.account.readable
    if rule is None or user_id == reading.directory.self_id:
        return
    reach = await readable(reading)
    if reach.allows(user_id):
        return
    if user_id in rule.excepted or not await _common_within(reading, reach, user_id):
        raise ChatNotAllowed


async def common_chats(reading: Reading, user_id: int) -> frozenset[int]:
    """Return the groups shared with a person that may be read.

    Source: https://core.telegram.org/method/messages.getCommonChats
    """
    return await _common_within(reading, await readable(reading), user_id)


async def _common_within(reading: Reading, reach: Reach, user_id: int) -> frozenset[int]:
    peer = await known_peer(reading, user_id)
    if not isinstance(peer, t.InputPeerUser):
        return frozenset()
    found: set[int] = set()
    below = 0
    for _ in range(_MAX_PAGES):
        request = functions.messages.GetCommonChatsRequest(utils.get_input_user(peer), below, _PAGE)
        try:
            answer = await reading.call(request)
        except ChatNotFound:
            break  # nobody any more
        found |= {entity_id(chat) for chat in answer.chats}
        if not isinstance(answer, t.messages.ChatsSlice) or not answer.chats:
            break
        below = answer.chats[-1].id
    return frozenset(chat_id for chat_id in found if reach.allows(chat_id))


class Within:
    """The people within reach among those of a list, at one moment.

    Where chats are listed one by one, twenty of their groups are looked into, and of a supergroup its contacts and two
    hundred others: whoever stands further back is left out of lists, and is told when asked for alone.
    """

    def __init__(self, reading: Reading, reach: Reach) -> None:
        self._reading = reading
        self._reach = reach
        self._members: frozenset[int] | None = None

    async def among(self, user_ids: Iterable[int]) -> frozenset[int]:
        """Return those of *user_ids* who are within reach."""
        wanted, rule = frozenset(user_ids), self._reach.rule
        if rule is None:
            return wanted
        self_id = self._reading.directory.self_id
        near = {each for each in wanted if each == self_id or self._reach.allows(each)}
        rest = wanted - near - rule.excepted
        if not rest:
            return frozenset(near)
        if self._members is None:
            self._members = await self._read_members()
        return frozenset(near | (rest & self._members))

    async def _read_members(self) -> frozenset[int]:
        groups = sorted(each for each in self._reach.listed or () if each < 0)
        found: set[int] = set()
        for chat_id in groups[-_MAX_GROUPS:]:
            peer = await known_peer(self._reading, chat_id)
            if peer is not None:
                found |= await _members_of(self._reading, chat_id, peer)
        return frozenset(found)


async def people_within(reading: Reading) -> Within:
    """Return who is within reach now."""
    return Within(reading, await readable(reading))


async def _members_of(reading: Reading, chat_id: int, peer: Any) -> set[int]:
    """Return who is in a group, as far as Telegram tells the account."""
    try:
        if chat_id > -CHANNEL_MARK:
            return await _members_of_group(reading, -chat_id)
        return await _members_of_supergroup(reading, chat_id, peer)
    except (AdminRequired, ChatNotFound, ChatWriteForbidden):
        return set()  # left, closed, or its members are hidden


async def _members_of_group(reading: Reading, group_id: int) -> set[int]:
    """Source: https://core.telegram.org/method/messages.getFullChat."""
    answer = await reading.call(functions.messages.GetFullChatRequest(group_id))
    listed = getattr(answer.full_chat.participants, "participants", ())
    return {participant.user_id for participant in listed}


async def _members_of_supergroup(reading: Reading, chat_id: int, peer: Any) -> set[int]:
    """Return nobody of a channel: who only reads the same posts shares no chat.

    Source: https://core.telegram.org/method/channels.getParticipants
    """
    found: set[int] = set()
    for kind in (t.ChannelParticipantsContacts(""), t.ChannelParticipantsRecent()):
        request = functions.channels.GetParticipantsRequest(peer, kind, 0, _MAX_MEMBERS, 0)
        answer = await reading.call(request)
        if getattr(reading.directory.entities.get(chat_id), "broadcast", False):
            return set()
        found |= {getattr(each, "user_id", 0) for each in answer.participants}
    return found
