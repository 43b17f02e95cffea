"""What happens to messages that exist: edits, deletions, pins, reactions, read mentions."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from vasya_sandbox.records import Channel, Event, Notice, Reaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_sandbox.model import World
    from vasya_sandbox.records import EventKind, Group, Mailbox, Message, Peer, User


def holders(world: World, record: Message) -> Iterator[tuple[Mailbox, int, list[User]]]:
    """Yield each box that still holds a message, its id there, and who reads that box."""
    for owner, message_id in record.copies.items():
        reader = world.peer(owner)
        if isinstance(reader, Channel):
            box, readers = reader.box, list(world.members(reader))
        else:
            found = world.user(owner)
            if found is None:
                continue
            box, readers = found.box, [found]
        if box.numbers.get(message_id) == record.number:
            yield box, message_id, readers


def record_change(
    world: World, record: Message, kind: EventKind, *, only_for: User | None = None
) -> list[Notice]:
    """Return the notices of a change that costs each box one pts, or the one box of *only_for*."""
    notices = []
    for box, message_id, readers in holders(world, record):
        if only_for is not None and box is not only_for.box:
            continue
        event = box.record(kind, _chat_in(box, record), [message_id], 1)
        box.moved_at = world.now
        notices += [Notice(user, box, event) for user in readers]
    return notices


def delete(
    world: World, who: User, peer: Peer | None, ids: list[int], *, for_everyone: bool
) -> list[Notice]:
    """Remove messages by the ids that *who* knows; of a channel always for everyone."""
    home = peer.box if isinstance(peer, Channel) else who.box
    doomed: dict[int, tuple[Mailbox, list[User], list[int]]] = {}
    for message_id in dict.fromkeys(ids):
        number = home.numbers.get(message_id)
        if number is None:
            continue
        record = world.messages[number]
        for box, copy_id, readers in list(holders(world, record)):
            if box is home or for_everyone:
                doomed.setdefault(box.owner, (box, readers, []))[2].append(copy_id)
                _remove(world, box, copy_id, record)
    notices = []
    for box, readers, gone in doomed.values():
        event = box.record("delete", box.owner, gone, len(gone))
        box.moved_at = world.now
        notices += [Notice(user, box, event) for user in readers]
    return notices


def _remove(world: World, box: Mailbox, message_id: int, record: Message) -> None:
    chat = _chat_in(box, record)
    del box.numbers[message_id]
    _take_out(box.by_peer[chat], message_id)
    if record.top_id and message_id in box.threads.get(record.top_id, ()):
        _take_out(box.threads[record.top_id], message_id)
    for user_id in record.mentions:
        dialog = world.dialog(world.users[user_id], chat)
        if box.owner in (user_id, chat) and message_id in dialog.mentions:
            dialog.mentions.remove(message_id)


def _take_out(ids: list[int], message_id: int) -> None:
    """Remove from a list that ascends, however long it is."""
    del ids[bisect_left(ids, message_id)]


def pin(
    world: World, record: Message, *, is_pinned: bool, only_for: User | None = None
) -> list[Notice]:
    """Pin or unpin a message, in one box only where *only_for* is given."""
    notices = record_change(world, record, "pin" if is_pinned else "unpin", only_for=only_for)
    owners = {notice.box.owner for notice in notices}
    others = [owner for owner in record.pinned_in if owner not in owners]
    record.pinned_in = others + sorted(owners) if is_pinned else others
    return notices


def react(world: World, who: User, record: Message, emojis: list[str]) -> list[Notice]:
    """Replace the reactions of *who*; reactions cost no pts."""
    others = [reaction for reaction in record.reactions if reaction.user_id != who.id]
    record.reactions = others + [Reaction(who.id, emoji, world.now) for emoji in emojis]
    notices = []
    for box, message_id, readers in holders(world, record):
        event = Event(box.pts, 0, "reactions", _chat_in(box, record), [message_id])
        notices += [Notice(user, box, event) for user in readers]
    return notices


def announce(world: World, where: Group | Channel) -> list[Notice]:
    """Return the news that a chat is not what it was; it costs no pts."""
    notices = []
    for user in world.members(where):
        box = world.box(user, where)
        notices.append(Notice(user, box, Event(box.pts, 0, "chat", where.peer_id)))
    return notices


def hear(world: World, who: User, peer: Peer, ids: list[int]) -> list[Notice]:
    """Mark mentions as seen by their ids; those not waiting are left out."""
    dialog = world.dialog(who, peer.peer_id)
    waiting = {*dialog.mentions}
    seen = [message_id for message_id in ids if message_id in waiting]
    if not seen:
        return []
    waiting -= {*seen}
    dialog.mentions = [message_id for message_id in dialog.mentions if message_id in waiting]
    box = world.box(who, peer)
    if isinstance(peer, Channel):
        event = Event(box.pts, 0, "contents", peer.peer_id, seen)
    else:
        event = box.record("contents", peer.peer_id, seen, len(seen))
    return [Notice(who, box, event)]


def _chat_in(box: Mailbox, record: Message) -> int:
    """Return the chat under which a box files a message."""
    if box.owner < 0:
        return box.owner
    return record.sender if record.peer == box.owner else record.peer
