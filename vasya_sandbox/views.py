"""Records as TL objects, always for one viewer: people, chats, dialogs, updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox import drafts, standing
from vasya_sandbox.message_views import message, peer, peers_of, reactions
from vasya_sandbox.records import CHANNEL_MARK, Channel, Group, Mailbox, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.chat_lists import Dialog
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Event, Peer

# More than this and a client is told to ask, instead of being sent everything.
RESUME_LIMIT = 20
_CHANNEL_STEPS = (
    t.UpdateNewChannelMessage,
    t.UpdateEditChannelMessage,
    t.UpdateDeleteChannelMessages,
    t.UpdatePinnedChannelMessages,
)


def user(world: World, viewer: User, who: User) -> Any:
    """Return a person as *viewer* sees them: the phone only of contacts and oneself."""
    is_self, is_contact = who is viewer, who.id in viewer.contacts
    photo = who.photos[-1] if who.photos else 0
    first_name, last_name = viewer.contact_names.get(who.id, (who.first_name, who.last_name))
    return t.User(
        who.id,
        is_self=is_self or None,
        contact=is_contact or None,
        mutual_contact=(is_contact and viewer.id in who.contacts) or None,
        bot=who.is_bot or None,
        bot_info_version=1 if who.is_bot else None,
        verified=who.is_verified or None,
        access_hash=world.access_hash(viewer, who),
        first_name=first_name,
        last_name=last_name or None,
        username=who.username or None,
        phone=who.phone if (is_self or is_contact or who is world.service) and who.phone else None,
        photo=t.UserProfilePhoto(photo, world.dc_id) if photo else None,
        status=status(world, who, is_known=is_self or is_contact),
    )


def status(world: World, who: User, *, is_known: bool) -> Any:
    """Return when *who* was last seen; strangers only learn "recently"."""
    if who.is_bot or who is world.service:
        return None
    if not is_known:
        return t.UserStatusRecently()
    if who.is_online:
        return t.UserStatusOnline(world.now + 300)
    return t.UserStatusOffline(who.seen_at)


def chat(world: World, viewer: User, where: Group | Channel) -> Any:
    """Return a group or channel as *viewer* sees it."""
    if isinstance(where, Group):
        return _group(world, viewer, where)
    return _channel(world, viewer, where)


def _group(world: World, viewer: User, group: Group) -> Any:
    if _is_banned(viewer, group):
        return t.ChatForbidden(group.id, group.title)
    return t.Chat(
        group.id,
        version=group.version,
        default_banned_rights=standing.banned_rights(group.default_bans),
        **_shared(world, viewer, group),
    )


def _channel(world: World, viewer: User, channel: Channel) -> Any:
    access_hash = world.access_hash(viewer, channel)
    kind = {
        "broadcast": channel.is_broadcast or None,
        "megagroup": not channel.is_broadcast or None,
    }
    if _is_banned(viewer, channel):
        return t.ChannelForbidden(channel.id, access_hash, channel.title, **kind)
    return t.Channel(
        channel.id,
        **kind,
        forum=channel.is_forum or None,
        has_link=bool(channel.linked_id) or None,
        slowmode_enabled=bool(channel.slow_mode_secs) or None,
        signatures=channel.has_signatures or None,
        access_hash=access_hash,
        username=channel.username or None,
        default_banned_rights=None
        if channel.is_broadcast
        else standing.banned_rights(channel.default_bans),
        banned_rights=_restrictions(viewer, channel),
        **_shared(world, viewer, channel),
    )


def _is_banned(viewer: User, where: Group | Channel) -> bool:
    member = where.members.get(viewer.id)
    return member is not None and member.role == "banned"


def _restrictions(viewer: User, channel: Channel) -> Any:
    member = channel.members.get(viewer.id)
    if member is None or member.role != "restricted":
        return None
    return standing.banned_rights(member.rights or (), member.until)


def _shared(world: World, viewer: User, where: Group | Channel) -> dict[str, Any]:
    """Return what a group and a channel tell alike, the viewer's standing there included."""
    member = where.members.get(viewer.id)
    return {
        "title": where.title,
        "photo": t.ChatPhoto(where.photo_id, world.dc_id) if where.photo_id else t.ChatPhotoEmpty(),
        "date": where.at,
        "participants_count": sum(1 for _ in world.members(where)),
        "creator": where.creator_id == viewer.id or None,
        "left": member is None or not member.is_inside or None,
        "noforwards": where.is_protected or None,
        "admin_rights": standing.admin_rights(member) if member and member.is_admin else None,
    }


def entities(world: World, viewer: User, peer_ids: Iterable[int]) -> dict[str, list[Any]]:
    """Return the `users` and `chats` that must go with an answer which mentions *peer_ids*."""
    users, chats = [user(world, viewer, viewer)], []
    for peer_id in {*peer_ids} - {viewer.id, 0}:
        found = world.peer(peer_id)
        if isinstance(found, User):
            users.append(user(world, viewer, found))
        elif found is not None:
            chats.append(chat(world, viewer, found))
    return {"users": users, "chats": chats}


def dialog(world: World, viewer: User, where: Peer) -> Any:
    """Return a row of the viewer's chat list."""
    record = world.dialog(viewer, where.peer_id)
    ids = world.ids(viewer, where)
    return t.Dialog(
        peer(where.peer_id),
        ids[-1] if ids else 0,
        record.read_in,
        record.read_out,
        world.unread(viewer, where),
        len(record.mentions),
        0,
        0,
        notify_settings(record),
        pinned=bool(record.pin_rank) or None,
        unread_mark=record.is_marked_unread or None,
        pts=where.box.pts if isinstance(where, Channel) else None,
        draft=drafts.shown(world, viewer, where.peer_id),
        folder_id=record.folder_id or None,
    )


def notify_settings(dialog: Dialog) -> Any:
    """Return how somebody is told of a chat."""
    return t.PeerNotifySettings(
        show_previews=dialog.shows_previews,
        silent=dialog.is_silent,
        mute_until=dialog.muted_until or None,
    )


def update(world: World, viewer: User, box: Mailbox, event: Event) -> Any:
    """Return an event of a box as the update that *viewer* gets."""
    if event.kind == "reactions":
        record = world.messages[box.numbers[event.ids[0]]]
        return t.UpdateMessageReactions(
            peer(event.peer), event.ids[0], reactions(viewer, record), record.top_id or None
        )
    if event.kind in ("new", "edit") and (number := box.numbers.get(event.ids[0])) is not None:
        return _message_update(event, box, message(world, viewer, world.messages[number]))
    # A message that is gone since leaves a step of pts that must not be missed.
    ids = [] if event.kind in ("new", "edit") else event.ids
    return (_own_update if box.owner > 0 else _channel_update)(event, ids)


def _message_update(event: Event, box: Mailbox, shown: Any) -> Any:
    if box.owner > 0:
        kind = t.UpdateNewMessage if event.kind == "new" else t.UpdateEditMessage
    elif event.kind == "new":
        kind = t.UpdateNewChannelMessage
    else:
        kind = t.UpdateEditChannelMessage
    return kind(shown, event.pts, event.pts_count)


def _own_update(event: Event, ids: list[int]) -> Any:
    where, pts, count = peer(event.peer), event.pts, event.pts_count
    match event.kind:
        case "read_in":
            return t.UpdateReadHistoryInbox(where, event.max_id, event.unread, pts, count)
        case "read_out":
            return t.UpdateReadHistoryOutbox(where, event.max_id, pts, count)
        case "pin" | "unpin":
            is_pinned = event.kind == "pin" or None
            return t.UpdatePinnedMessages(where, ids, pts, count, is_pinned)
        case "contents":
            return t.UpdateReadMessagesContents(ids, pts, count)
        case "chat":
            return t.UpdateChat(-event.peer)
        case _:
            return t.UpdateDeleteMessages(ids, pts, count)


def _channel_update(event: Event, ids: list[int]) -> Any:
    channel_id, pts, count = -event.peer - CHANNEL_MARK, event.pts, event.pts_count
    match event.kind:
        case "read_in":
            return t.UpdateReadChannelInbox(channel_id, event.max_id, event.unread, pts)
        case "read_out":
            return t.UpdateReadChannelOutbox(channel_id, event.max_id)
        case "pin" | "unpin":
            is_pinned = event.kind == "pin" or None
            return t.UpdatePinnedChannelMessages(channel_id, ids, pts, count, is_pinned)
        case "contents":
            return t.UpdateChannelReadMessagesContents(channel_id, ids)
        case "chat":
            return t.UpdateChannel(channel_id)
        case _:
            return t.UpdateDeleteChannelMessages(channel_id, ids, pts, count)


def event_peers(world: World, box: Mailbox, event: Event) -> list[int]:
    """Return everybody whom an event mentions."""
    found = [event.peer]
    for message_id in event.ids:
        if (number := box.numbers.get(message_id)) is not None:
            found += peers_of(world, world.messages[number])
    return found


def resume_updates(
    world: World, viewer: User, since_pts: int
) -> tuple[list[Any], list[Any], list[Any]] | None:
    """Return (updates, users, chats) that a returning client missed; None when it must ask."""
    box = viewer.box
    events = box.since(since_pts)
    if since_pts < box.floor or len(events) > RESUME_LIMIT:
        return None
    updates = [update(world, viewer, box, event) for event in events]
    mentioned = [peer_id for event in events for peer_id in event_peers(world, box, event)]
    found = entities(world, viewer, mentioned)
    return updates, found["users"], found["chats"]


def progress(updates: Iterable[Any]) -> tuple[int | None, frozenset[int]]:
    """Return the state of a user's box after *updates*, and the ids of the channels they move."""
    pts: int | None = None
    channels = set()
    for item in updates:
        if isinstance(item, _CHANNEL_STEPS):
            message_of = getattr(item, "message", None)
            channels.add(message_of.peer_id.channel_id if message_of else item.channel_id)
        elif hasattr(item, "pts_count"):
            pts = item.pts
    return pts, frozenset(channels)
