"""Scheduled messages: how they wait, and what happens when they are due.

Source: https://core.telegram.org/api/scheduled-messages
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from telethon.crypto import AuthKey
from telethon.tl import types as t

from vasya_sandbox import composing, fanout, message_views
from vasya_sandbox.authorization import Authorization
from vasya_sandbox.entities import complete
from vasya_sandbox.errors import RpcError
from vasya_sandbox.outbox import Outbox, Waiting
from vasya_sandbox.records import Channel, Entity, Message
from vasya_sandbox.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.composing import Target
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Notice, Peer, User

MAX_WAITING = 100
# Seconds are whole and timers are not: a message is never sent before its second.
_AFTER_SECS = 0.02


def phone(dc: DataCentre, user: User) -> Session:
    """Return a session of *user* that nobody is connected to: it acts and hears nothing."""
    auth = Authorization(AuthKey(bytes(256)), created_at=0, on_user=lambda _auth, _before: None)
    auth.user = user
    return Session(dc, auth, 0)


def outbox(world: World, user: User) -> Outbox:
    """Return what *user* has scheduled."""
    return world.outboxes.setdefault(user.id, Outbox(user.id))


def find(world: World, user: User, where: Peer, waiting_id: int) -> Waiting:
    """Return a message that waits in a chat.

    Raises:
        RpcError: MESSAGE_ID_INVALID.
    """
    found = outbox(world, user).waiting.get(waiting_id)
    if found is None or found.draft.peer != where.peer_id:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return found


def show(world: World, user: User, waiting: Waiting) -> Any:
    """Return a message that waits, as its sender sees it."""
    return message_views.message(world, user, waiting.draft)


def announce(session: Session, waiting: Waiting) -> Any:
    """Tell the sender's other sessions of what waits, and return what the caller is told."""
    world, me = session.dc.world, session.user
    update = t.UpdateNewScheduledMessage(show(world, me, waiting))
    users, chats = composing.shown(session, message_views.peers_of(world, waiting.draft))
    session.dc.push(me, [update], users=users, chats=chats, skip=session)
    return update


def schedule(
    session: Session,
    target: Target,
    text: str,
    random_id: int,
    *,
    entities: list[Entity] | None = None,
    forward_from: Message | None = None,
    **content: Any,
) -> Waiting:
    """Have a message wait for its time.

    Raises:
        RpcError: SCHEDULE_TOO_MUCH.
    """
    dc, me, where = session.dc, session.user, target.peer
    world = dc.world
    box = outbox(world, me)
    if len(box.within(where.peer_id)) >= MAX_WAITING:
        raise RpcError(400, "SCHEDULE_TOO_MUCH")
    box.last_id += 1
    is_post = isinstance(where, Channel) and where.is_broadcast
    draft = Message(
        number=0,
        sender=where.peer_id if is_post else me.id,
        author_id=me.id,
        peer=where.peer_id,
        at=target.due,
        text=text,
        entities=complete(text, entities or []),
        reply=target.reply,
        forward=None if forward_from is None else world.forwarded(forward_from, me, where),
        top_id=target.top_id,
        is_silent=target.is_silent,
        is_protected=target.is_protected,
        **content,
    )
    draft.copies = {message_views.box_owner(me, draft): box.last_id}
    waiting = box.waiting[box.last_id] = Waiting(box.last_id, random_id, draft)
    box.given.setdefault(where.peer_id, {})[random_id] = waiting.id
    await_due(dc, me, waiting)
    dc.changed()
    return waiting


def remove(dc: DataCentre, user: User, where: Peer, ids: Iterable[int]) -> list[int]:
    """Take messages back before they are sent, and return which of them waited."""
    box = outbox(dc.world, user)
    gone = [each.id for each in box.within(where.peer_id) if each.id in {*ids}]
    for waiting_id in gone:
        del box.waiting[waiting_id]
    dc.changed()
    return sorted(gone)


def arm(dc: DataCentre) -> None:
    """Set the alarm of everything that waits; what was due meanwhile is sent."""
    for box in dc.world.outboxes.values():
        for waiting in box.waiting.values():
            await_due(dc, dc.world.users[box.user_id], waiting)


def await_due(dc: DataCentre, user: User, waiting: Waiting) -> None:
    """Send a message at its time, with all of its sender's that are due then."""
    secs = max(0.0, waiting.draft.at - dc.clock()) + _AFTER_SECS
    dc.call_later(secs, partial(_ring, dc, user, waiting))


def _ring(dc: DataCentre, user: User, waiting: Waiting) -> None:
    box = outbox(dc.world, user)
    if box.waiting.get(waiting.id) is not waiting:
        return
    if waiting.draft.at > dc.clock():  # put off since
        await_due(dc, user, waiting)
        return
    send_due(dc, user, [each for each in box.waiting.values() if each.draft.at <= dc.clock()])


def send_due(dc: DataCentre, user: User, due: Iterable[Waiting]) -> dict[int, int]:
    """Send what waits as its sender's phone would, and return the ids that were given, by the ids before."""
    by_peer: dict[int, list[Waiting]] = {}
    for waiting in due:
        by_peer.setdefault(waiting.draft.peer, []).append(waiting)
    sent: dict[int, int] = {}
    for group in by_peer.values():
        notices, gone, made = release(phone(dc, user), group)
        if not notices:
            dc.push(user, [gone])
        fanout.publish(dc, notices, first={user.id: [gone]})
        sent |= made
    dc.changed()
    return sent


def release(session: Session, group: list[Waiting]) -> tuple[list[Notice], Any, dict[int, int]]:
    """Post what waited in one chat: where its sender may not write any more, it is only taken away.

    Returns:
        What is new, the update that tells what waits no more, and the ids by those before.
    """
    dc, me = session.dc, session.user
    world = dc.world
    waiting = outbox(world, me).waiting
    notices: list[Notice] = []
    made: dict[int, int] = {}
    for each in sorted(group, key=lambda item: item.id):
        del waiting[each.id]
        where = world.peer(each.draft.peer)
        if where is None or not _may_write(session, where, each.draft.top_id):
            continue
        posted = _post(world, me, where, each)
        made[each.id] = posted.message.copies[message_views.box_owner(me, posted.message)]
        notices += posted.notices
    peer = message_views.peer(group[0].draft.peer)
    gone = sorted(each.id for each in group)
    sent = [made[each] for each in gone if each in made]
    return notices, t.UpdateDeleteScheduledMessages(peer, gone, sent_messages=sent or None), made


def _may_write(session: Session, where: Peer, top_id: int) -> bool:
    try:
        composing.require_writable(session, where, top_id)
    except RpcError:
        return False
    return True


def _post(world: World, me: User, where: Peer, waiting: Waiting) -> Any:
    draft = waiting.draft
    posted = world.post(
        me,
        where,
        draft.text,
        random_id=waiting.random_id,
        reply_to=draft.reply,
        entities=draft.entities,
        media=draft.media,
        top_id=draft.top_id,
        grouped_id=draft.grouped_id,
        is_silent=draft.is_silent,
        is_protected=draft.is_protected,
    )
    posted.message.forward = draft.forward
    posted.message.is_from_scheduled = True
    return posted
