"""Telegram's updates as events: total and without I/O, like `convert`.

What is told in a message is told here once for people and, where it is Telegram's own notification, once more for agents
(D-11.6). Everything that strangers wrote is cleaned on its way (D-11.4).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.events.record import Draft
from vasya_server.model.event import EventChat, EventData, EventStatus, EventType
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.compact import to_compact
from vasya_server.telegram.convert import to_message, to_reactions
from vasya_server.telegram.directory import CHANNEL_MARK, Directory, marked_id
from vasya_server.telegram.service_chat import is_service_notification
from vasya_server.telegram.untrusted import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from vasya_server.model.message import Message

# Telegram's own limit: nothing is cut.
_MAX_TEXT: Final = 4096

_SEEN: Final[dict[type, EventStatus]] = {
    t.UserStatusOnline: EventStatus.ONLINE,
    t.UserStatusOffline: EventStatus.OFFLINE,
    t.UserStatusRecently: EventStatus.RECENTLY,
    t.UserStatusLastWeek: EventStatus.LAST_WEEK,
    t.UserStatusLastMonth: EventStatus.LAST_MONTH,
}


def _peer_of(update: Any) -> Any:
    """Return the peer of an update that names one, bare or in a `DialogPeer` or `NotifyPeer`."""
    peer = getattr(update, "peer", None) or getattr(update, "peer_id", None)
    return getattr(peer, "peer", peer)


# What an update says of a chat, in a word, and where the chat stands in it.
_CHANGES: Final[dict[type, tuple[str, Callable[[Any], Any]]]] = {
    t.UpdateChannel: ("details", lambda u: t.PeerChannel(u.channel_id)),
    t.UpdateChat: ("details", lambda u: t.PeerChat(u.chat_id)),
    t.UpdateUserName: ("name", lambda u: t.PeerUser(u.user_id)),
    t.UpdateUser: ("details", lambda u: t.PeerUser(u.user_id)),
    t.UpdateChatParticipants: ("members", lambda u: t.PeerChat(u.participants.chat_id)),
    t.UpdateChatParticipantAdd: ("members", lambda u: t.PeerChat(u.chat_id)),
    t.UpdateChatParticipantDelete: ("members", lambda u: t.PeerChat(u.chat_id)),
    t.UpdateChatParticipantAdmin: ("members", lambda u: t.PeerChat(u.chat_id)),
    t.UpdateChatDefaultBannedRights: ("permissions", _peer_of),
    t.UpdateNotifySettings: ("notifications", _peer_of),
    t.UpdateDialogPinned: ("pinned", _peer_of),
    t.UpdateDialogUnreadMark: ("unread_mark", _peer_of),
    t.UpdatePeerHistoryTTL: ("history_ttl", _peer_of),
    t.UpdatePeerBlocked: ("blocked", _peer_of),
    t.UpdateDraftMessage: ("draft", _peer_of),
    t.UpdatePinnedMessages: ("pins", _peer_of),
    t.UpdatePinnedChannelMessages: ("pins", lambda u: t.PeerChannel(u.channel_id)),
    t.UpdateChannelAvailableMessages: ("history", lambda u: t.PeerChannel(u.channel_id)),
}


class Converter:
    """Makes events of updates that arrived together.

    Args:
        entities: Whom the account has met on this connection, by marked id.
        places: In which chats the messages are that were deleted without a word of where.
        now: For what Telegram gives no time.
        scheduled: The ids that messages had while they waited for their time, by chat and id.
    """

    def __init__(
        self,
        self_id: int,
        entities: dict[int, Any],
        places: Mapping[int, int],
        now: datetime,
        scheduled: Mapping[tuple[int, int], int] = MappingProxyType({}),
    ) -> None:
        self._self_id = self_id
        self._places = places
        self._now = now
        self._scheduled = scheduled
        self._people = Directory(self_id, is_agent=False)
        self._agents = Directory(self_id, is_agent=True)
        self._people.entities = self._agents.entities = entities

    def drafts(self, update: Any) -> Iterator[Draft]:
        """Yield what *update* tells: nothing where it is of no interest to anybody."""
        match update:
            case t.UpdateNewMessage() | t.UpdateNewChannelMessage():
                yield from self._message(EventType.MESSAGE_NEW, update.message)
            case t.UpdateEditMessage() | t.UpdateEditChannelMessage():
                yield from self._message(EventType.MESSAGE_EDITED, update.message)
            case t.UpdateDeleteMessages():
                yield from self._deleted(update.messages)
            case t.UpdateDeleteChannelMessages():
                if update.messages:
                    chat = self._chat(-CHANNEL_MARK - update.channel_id)
                    data = EventData(message_ids=update.messages)
                    yield self._draft(EventType.MESSAGE_DELETED, data, chat)
            case t.UpdateMessageReactions():
                data = EventData(message_id=update.msg_id, reactions=to_reactions(update.reactions))
                yield self._draft(
                    EventType.MESSAGE_REACTION, clean(data), self._chat(marked_id(update.peer))
                )
            case t.UpdateUserStatus():
                yield from self._status(update)
            case _:
                yield from self._read(update)
                yield from self._changed(update)

    def _message(self, kind: EventType, message: Any) -> Iterator[Draft]:
        if isinstance(message, t.MessageEmpty):
            return
        told = to_message(message, self._people)
        agent_data = None
        if is_service_notification(message, self._people.entities):
            agent_data = self._data(to_message(message, self._agents))
        at = message.edit_date if kind is EventType.MESSAGE_EDITED else message.date
        yield Draft(
            type=kind,
            at=at or self._now,
            chat=self._chat(told.chat_id),
            data=self._data(told),
            agent_data=agent_data,
        )

    def _data(self, message: Message) -> EventData:
        sender = message.sender
        return EventData(
            message=to_compact(message, _MAX_TEXT),
            people={str(sender.id): sanitize(sender.name).text} if sender and sender.name else {},
            is_outgoing=message.is_outgoing,
            mentions_me=message.mentions_me,
            scheduled_id=self._scheduled.get((message.chat_id, message.id)),
        )

    def _deleted(self, message_ids: list[int]) -> Iterator[Draft]:
        """Yield one event for each chat, and one for those of which nobody knows where they were."""
        by_chat: dict[int | None, list[int]] = {}
        for message_id in message_ids:
            by_chat.setdefault(self._places.get(message_id), []).append(message_id)
        for chat_id, ids in by_chat.items():
            chat = None if chat_id is None else self._chat(chat_id)
            yield self._draft(EventType.MESSAGE_DELETED, EventData(message_ids=ids), chat)

    def _read(self, update: Any) -> Iterator[Draft]:
        unread: int | None = None
        match update:
            case t.UpdateReadHistoryInbox():
                peer, reader, unread = update.peer, "owner", update.still_unread_count
            case t.UpdateReadChannelInbox():
                peer, reader = t.PeerChannel(update.channel_id), "owner"
                unread = update.still_unread_count
            case t.UpdateReadHistoryOutbox():
                peer, reader = update.peer, "others"
            case t.UpdateReadChannelOutbox():
                peer, reader = t.PeerChannel(update.channel_id), "others"
            case _:
                return
        is_owner = reader == "owner"
        data = EventData(
            read_by="owner" if is_owner else "others", up_to=update.max_id, unread_count=unread
        )
        yield self._draft(EventType.CHAT_READ, data, self._chat(marked_id(peer)))

    def _changed(self, update: Any) -> Iterator[Draft]:
        if isinstance(update, t.UpdateFolderPeers):
            peers = [(folder_peer.peer, "archived") for folder_peer in update.folder_peers]
        elif (known := _CHANGES.get(type(update))) is not None:
            change, find = known
            peers = [(find(update), change)]
        else:
            return
        for peer, change in peers:
            # Settings of all chats of a kind, or of a folder, name no chat.
            if not isinstance(peer, t.PeerUser | t.PeerChat | t.PeerChannel):
                continue
            messages = update.messages if change == "pins" else []
            data = EventData(change=change, message_ids=messages)
            yield self._draft(EventType.CHAT_UPDATED, data, self._chat(marked_id(peer)))

    def _status(self, update: Any) -> Iterator[Draft]:
        status = _SEEN.get(type(update.status))
        if status is None:
            return
        seen_at = getattr(update.status, "was_online", None)
        data = EventData(status=status, last_seen_at=seen_at)
        yield self._draft(EventType.USER_STATUS, data, self._chat(update.user_id))

    def _chat(self, chat_id: int) -> EventChat:
        who = self._people.sender(chat_id)
        title = "Saved Messages" if chat_id == self._self_id else who.name
        return clean(EventChat(id=chat_id, type=who.type, title=title))

    def _draft(self, kind: EventType, data: EventData, chat: EventChat | None) -> Draft:
        return Draft(type=kind, at=self._now, chat=chat, data=data)


def places_in(updates: list[Any]) -> dict[int, int]:
    """Return in which chat each new message is whose id is the account's own, and not a channel's."""
    return {
        update.message.id: marked_id(update.message.peer_id)
        for update in updates
        if isinstance(update, t.UpdateNewMessage) and update.message.peer_id is not None
    }


def unplaced_in(updates: list[Any]) -> list[int]:
    """Return the ids of messages that were deleted without a word of where they were."""
    return [
        message_id
        for update in updates
        if isinstance(update, t.UpdateDeleteMessages)
        for message_id in update.messages
    ]
