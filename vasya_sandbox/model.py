"""The world behind the sandbox: chats, boxes, and how a message comes to exist."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, TypedDict, Unpack

from msgspec import structs

from vasya_sandbox.chat_lists import Dialog
from vasya_sandbox.directory import Directory
from vasya_sandbox.entities import complete, slice_utf16
from vasya_sandbox.membership import Member, Role
from vasya_sandbox.records import (
    CHANNEL_MARK,
    Action,
    Channel,
    Entity,
    Event,
    Forward,
    Group,
    Mailbox,
    Media,
    Message,
    Notice,
    Peer,
    Posted,
    Reply,
    Topic,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vasya_sandbox.bots import Button

__all__ = ["Channel", "Group", "Mailbox", "Message", "Peer", "Posted", "User", "World"]

GENERAL_TOPIC = 1
FIRST_GROUP_ID = 700_000_001
FIRST_CHANNEL_ID = 1_500_000_001


class Content(TypedDict, total=False):
    """What a message may carry beside its text."""

    media: Media | None
    action: Action | None
    buttons: list[list[Button]]
    top_id: int
    grouped_id: int
    views: int
    is_silent: bool
    is_protected: bool


class World(Directory):
    """Everything the sandbox remembers, and the changes that messages make to it."""

    # Boxes

    def box(self, viewer: User, peer: Peer) -> Mailbox:
        """Return the box that holds what *viewer* sees in *peer*."""
        return peer.box if isinstance(peer, Channel) else viewer.box

    def ids(self, viewer: User, peer: Peer) -> list[int]:
        """Return the ids of the messages in a chat, ascending; not to be changed."""
        ids = self.box(viewer, peer).by_peer.get(peer.peer_id, [])
        cleared_to = self._cleared_to(viewer, peer)
        return ids[bisect_right(ids, cleared_to) :] if cleared_to else ids

    def _cleared_to(self, viewer: User, peer: Peer) -> int:
        """Return up to where a channel's messages were cleared from the viewer's sight."""
        dialog = viewer.dialogs.get(peer.peer_id) if isinstance(peer, Channel) else None
        return dialog.cleared_to if dialog else 0

    def message(self, viewer: User, peer: Peer, message_id: int) -> Message | None:
        """Return a message of a chat by the id that *viewer* knows."""
        number = self.box(viewer, peer).numbers.get(message_id)
        is_cleared = message_id <= self._cleared_to(viewer, peer)
        return None if number is None or is_cleared else self.messages[number]

    def dialog(self, user: User, peer_id: int) -> Dialog:
        """Return the user's entry for a chat, made on first use."""
        found = user.dialogs.get(peer_id)
        if found is None:
            found = user.dialogs[peer_id] = Dialog()
        return found

    def unread(self, user: User, peer: Peer) -> int:
        """Count the messages of others after the read mark."""
        dialog = user.dialogs.get(peer.peer_id)
        ids = self.ids(user, peer)
        first = bisect_right(ids, dialog.read_in) if dialog else 0
        numbers = self.box(user, peer).numbers
        mine = user.id
        return sum(
            self.messages[numbers[message_id]].author_id != mine for message_id in ids[first:]
        )

    # Making chats

    def add_group(
        self, title: str, creator: User, members: Iterable[User] = (), *, at: int | None = None
    ) -> Group:
        """Return a new basic group whose first message says who made it."""
        date = at or self.now
        group = Group(FIRST_GROUP_ID + len(self.groups), title, creator.id, date)
        self.groups[group.id] = group
        self.enter(group, creator, *members, at=date)
        invited = [user_id for user_id in group.members if user_id != creator.id]
        self.post(creator, group, at=date, action=Action("ChatCreate", title, invited))
        return group

    def add_channel(
        self,
        title: str,
        creator: User,
        members: Iterable[User] = (),
        username: str | None = None,
        is_broadcast: bool = False,  # noqa: FBT001, FBT002 - part of the scenario API
        is_forum: bool = False,  # noqa: FBT001, FBT002 - part of the scenario API
        at: int | None = None,
    ) -> Channel:
        """Return a new channel or supergroup whose first message says that it was made."""
        date = at or self.now
        channel_id = FIRST_CHANNEL_ID + len(self.channels)
        channel = Channel(
            channel_id,
            title,
            creator.id,
            date,
            Mailbox(-CHANNEL_MARK - channel_id),
            is_broadcast=is_broadcast,
            is_forum=is_forum,
        )
        self.channels[channel_id] = channel
        self.rename(channel, username or "")
        self.enter(channel, creator, *members, at=date)
        self.post(creator, channel, at=date, action=Action("ChannelCreate", title))
        if is_forum:
            channel.topics[GENERAL_TOPIC] = Topic(GENERAL_TOPIC, "General", creator.id, date)
        return channel

    def enter(self, peer: Group | Channel, *users: User, at: int | None = None) -> None:
        """Make *users* members, silently; the creator becomes the owner."""
        for user in users:
            role: Role = "owner" if user.id == peer.creator_id else "member"
            peer.members[user.id] = Member(user.id, peer.creator_id, at or self.now, role)
            dialog = self.dialog(user, peer.peer_id)
            if isinstance(peer, Channel):
                # Older posts are not news to someone who joins.
                dialog.read_in = max(dialog.read_in, peer.box.last_id)

    def add_topic(
        self, forum: Channel, title: str, creator: User, *, at: int | None = None
    ) -> Topic:
        """Return a new topic, opened by a service message whose id it takes."""
        posted = self.post(creator, forum, at=at, action=Action("TopicCreate", title))
        topic_id = posted.message.copies[forum.peer_id]
        forum.topics[topic_id] = Topic(topic_id, title, creator.id, posted.message.at)
        return forum.topics[topic_id]

    # Messages

    def post(
        self,
        sender: User,
        peer: Peer,
        text: str = "",
        *,
        at: int | None = None,
        random_id: int | None = None,
        reply_to: Message | Reply | None = None,
        entities: list[Entity] | None = None,
        forward_from: Message | None = None,
        **content: Unpack[Content],
    ) -> Posted:
        """Bring a message into every box that should have it: the only way one comes to exist."""
        is_post = isinstance(peer, Channel) and peer.is_broadcast
        self.last_number += 1
        message = Message(
            number=self.last_number,
            sender=peer.peer_id if is_post else sender.id,
            author_id=sender.id,
            peer=peer.peer_id,
            at=self.now if at is None else at,
            text=text,
            entities=complete(text, entities or []),
            reply=Reply(reply_to.number) if isinstance(reply_to, Message) else reply_to,
            forward=None if forward_from is None else self.forwarded(forward_from, sender, peer),
            **content,
        )
        self.messages[message.number] = message
        message.mentions = [] if isinstance(peer, User) else self._mentions(message, peer)
        if is_post:
            message.views = max(message.views, 1)
        if random_id:
            sender.sent.setdefault(peer.peer_id, {})[random_id] = message.number
        notices = self._file_away(message, sender, peer)
        if is_post and isinstance(peer, Channel) and peer.linked_id and not message.action:
            notices += self._open_comments(message, sender, peer)
        return Posted(message, notices)

    def _file_away(self, message: Message, sender: User, peer: Peer) -> list[Notice]:
        if isinstance(peer, Channel):
            message_id = self._store(peer.box, peer.peer_id, message)
            if message.top_id:
                peer.box.threads.setdefault(message.top_id, []).append(message_id)
            if member := peer.members.get(sender.id):
                member.last_post_at = message.at
            event = peer.box.record("new", peer.peer_id, [message_id], 1)
            notices = [Notice(user, peer.box, event) for user in self.members(peer)]
        else:
            holders: list[tuple[User, int]]
            if isinstance(peer, Group):
                holders = [(user, peer.peer_id) for user in self.members(peer)]
            else:
                holders = [(sender, peer.id), (peer, sender.id)] if sender is not peer else []
                holders = holders or [(sender, sender.id)]
            notices = []
            for user, peer_id in holders:
                message_id = self._store(user.box, peer_id, message)
                self.dialog(user, peer_id)
                event = user.box.record("new", peer_id, [message_id], 1)
                notices.append(Notice(user, user.box, event))
        for user_id in message.mentions:
            mentioned = self.users[user_id]
            box_owner = peer.peer_id if isinstance(peer, Channel) else user_id
            self.dialog(mentioned, peer.peer_id).mentions.append(message.copies[box_owner])
        return notices

    def _store(self, box: Mailbox, peer_id: int, message: Message) -> int:
        box.last_id += 1
        box.numbers[box.last_id] = message.number
        box.by_peer.setdefault(peer_id, []).append(box.last_id)
        box.moved_at = max(box.moved_at, message.at)
        message.copies[box.owner] = box.last_id
        return box.last_id

    def _open_comments(self, message: Message, sender: User, channel: Channel) -> list[Notice]:
        """Forward a post into the discussion group, where its comments will hang."""
        group = self.channels[channel.linked_id]
        twin = self.post(
            sender,
            group,
            message.text,
            at=message.at,
            entities=message.entities,
            media=message.media,
            forward_from=message,
        )
        twin.message.sender = twin.message.author_id = channel.peer_id
        message.discussion = twin.message.number
        return twin.notices

    def forwarded(self, origin: Message, sender: User, peer: Peer) -> Forward:
        """Return the header of a copy; the first author stays, however often it is passed on."""
        first = origin.forward or Forward(
            origin.at, origin.sender, origin.copies.get(min(0, origin.sender), 0)
        )
        if peer is not sender and not isinstance(peer, Channel):
            return first
        # Saved Messages, and posts in their discussion group, keep the way back.
        owner = sender.id if origin.peer > -CHANNEL_MARK else origin.peer
        chat = origin.sender if origin.peer == sender.id else origin.peer
        return structs.replace(first, saved_peer=chat, saved_id=origin.copies.get(owner, 0))

    def _mentions(self, message: Message, peer: Group | Channel) -> list[int]:
        """Return who is called by name, or answered, and is there to hear it."""
        called: list[int] = []
        for entity in message.entities:
            if entity.kind == "mention":
                name = slice_utf16(message.text, entity.offset + 1, entity.length - 1)
                called.append(self.names.get(name.lower(), 0))
            elif entity.kind == "text_mention":
                called.append(entity.user_id)
        if message.reply and (origin := self.messages.get(message.reply.number)):
            called.append(origin.author_id)
        return [
            user_id
            for user_id in dict.fromkeys(called)
            if user_id != message.author_id
            and (member := peer.members.get(user_id))
            and member.is_inside
        ]

    def mark_read(self, user: User, peer: Peer, up_to: int = 0) -> list[Notice]:
        """Move the read mark to *up_to* (0: the end) and tell those whose messages were read."""
        ids = self.ids(user, peer)
        dialog = self.dialog(user, peer.peer_id)
        top = ids[bisect_right(ids, up_to) - 1] if up_to and bisect_right(ids, up_to) else 0
        if not up_to and ids:
            top = ids[-1]
        dialog.is_marked_unread = False
        if top <= dialog.read_in:
            return []
        old, dialog.read_in = dialog.read_in, top
        dialog.reads.append((top, self.now))
        box, unread = self.box(user, peer), self.unread(user, peer)
        if isinstance(peer, Channel):
            event = Event(box.pts, 0, "read_in", peer.peer_id, max_id=top, unread=unread)
        else:
            event = box.record_read("read_in", peer.peer_id, top, unread)
        newest: dict[int, Message] = {}
        for message_id in ids[bisect_right(ids, old) : bisect_right(ids, top)]:
            message = self.messages[box.numbers[message_id]]
            newest[message.author_id] = message
        newest.pop(user.id, None)
        return [Notice(user, box, event), *self._tell_authors(user, peer, newest)]

    def _tell_authors(
        self, reader: User, peer: Peer, newest: dict[int, Message]
    ) -> Iterator[Notice]:
        """Yield the two grey ticks turning for each author: not in broadcasts, where nobody knows."""
        if isinstance(peer, Channel) and peer.is_broadcast:
            return
        for author_id, message in newest.items():
            author = self.users.get(author_id)
            if author is None:
                continue
            chat = reader.id if isinstance(peer, User) else peer.peer_id
            box = peer.box if isinstance(peer, Channel) else author.box
            message_id = message.copies.get(box.owner, 0)
            dialog = self.dialog(author, chat)
            if message_id <= dialog.read_out:
                continue
            dialog.read_out = message_id
            if isinstance(peer, Channel):
                event = Event(box.pts, 0, "read_out", chat, max_id=message_id)
            else:
                event = box.record_read("read_out", chat, message_id)
            yield Notice(author, box, event)
