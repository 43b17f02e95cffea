"""Catching up: the difference between what a client has seen and what is.

Source: https://core.telegram.org/api/updates
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import message, peers_of
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Channel, Event, Mailbox
    from vasya_sandbox.session import Session


def state(session: Session) -> Any:
    """Return where the caller's own box is now."""
    return t.updates.State(session.user.box.pts, 0, session.dc.world.now, 0, 0)


@rpc(f.updates.GetStateRequest)
def get_state(session: Session, request: Any) -> Any:
    """Serve updates.getState.

    Source: https://core.telegram.org/method/updates.getState
    """
    return state(session)


def _split(
    session: Session, box: Mailbox, events: list[Event]
) -> tuple[list[Any], list[Any], set[int]]:
    """Return new messages, other updates, and whom they mention."""
    world, me = session.dc.world, session.user
    new, other, mentioned = [], [], set()
    for event in events:
        mentioned.update(views.event_peers(world, box, event))
        if event.kind != "new":
            other.append(views.update(world, me, box, event))
        elif (number := box.numbers.get(event.ids[0])) is not None:
            new.append(message(world, me, world.messages[number]))
    return new, other, mentioned


@rpc(f.updates.GetDifferenceRequest)
def get_difference(session: Session, request: Any) -> Any:
    """Serve updates.getDifference, naming the channels that moved on since the client's date.

    Source: https://core.telegram.org/method/updates.getDifference
    """
    if request.pts <= 0:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_EMPTY")
    world, me, box = session.dc.world, session.user, session.user.box
    if request.pts < box.floor or request.pts > box.pts:
        return t.updates.DifferenceTooLong(box.pts)
    events = box.since(request.pts)
    if request.pts_total_limit and len(events) > request.pts_total_limit:
        return t.updates.DifferenceTooLong(box.pts)
    at_most = session.dc.behaviour.slice_at
    page = events[: min(request.pts_limit or at_most, at_most)]
    new, other, mentioned = _split(session, box, page)
    for channel in _moved_channels(session, inputs.timestamp(request.date)):
        other.append(t.UpdateChannelTooLong(channel.id, channel.box.pts))
        mentioned.add(channel.peer_id)
    # A page of messages that are gone since is empty and still moves pts.
    if not page and not other:
        return t.updates.DifferenceEmpty(world.now, 0)
    found = views.entities(world, me, mentioned)
    if len(page) < len(events):
        middle = t.updates.State(page[-1].pts, 0, world.now, 0, 0)
        return t.updates.DifferenceSlice(new, [], other, intermediate_state=middle, **found)
    return t.updates.Difference(new, [], other, state=state(session), **found)


def _moved_channels(session: Session, since: int) -> list[Channel]:
    world, me = session.dc.world, session.user
    if not since:
        return []
    return [
        channel
        for channel in world.channels.values()
        if (member := channel.members.get(me.id))
        and member.is_inside
        and channel.box.moved_at >= since
    ]


@rpc(f.updates.GetChannelDifferenceRequest)
def get_channel_difference(session: Session, request: Any) -> Any:
    """Serve updates.getChannelDifference.

    Source: https://core.telegram.org/method/updates.getChannelDifference
    """
    channel = inputs.channel(session, request.channel)
    if request.pts <= 0:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_EMPTY")
    world, me, box = session.dc.world, session.user, channel.box
    limit = min(max(request.limit, 1), session.dc.behaviour.slice_at)
    if request.pts < box.floor or request.pts > box.pts:
        return _too_long(session, channel, limit)
    events = box.since(request.pts)
    if not events:
        return t.updates.ChannelDifferenceEmpty(
            box.pts, final=True, timeout=session.dc.behaviour.poll_secs
        )
    page = events[:limit]
    new, other, mentioned = _split(session, box, page)
    return t.updates.ChannelDifference(
        page[-1].pts,
        new,
        other,
        final=len(page) == len(events) or None,
        timeout=session.dc.behaviour.poll_secs,
        **views.entities(world, me, mentioned | {channel.peer_id}),
    )


def _too_long(session: Session, channel: Channel, limit: int) -> Any:
    world, me = session.dc.world, session.user
    records = [
        world.messages[channel.box.numbers[message_id]]
        for message_id in world.ids(me, channel)[: -limit - 1 : -1]
    ]
    mentioned = {peer_id for record in records for peer_id in peers_of(world, record)}
    return t.updates.ChannelDifferenceTooLong(
        views.dialog(world, me, channel),
        [message(world, me, record) for record in records],
        final=True,
        timeout=session.dc.behaviour.poll_secs,
        **views.entities(world, me, mentioned | {channel.peer_id}),
    )
