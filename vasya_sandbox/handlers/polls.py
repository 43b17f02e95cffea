"""Voting in polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, inputs, polls
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.polls import Poll
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.messages.SendVoteRequest)
def send_vote(session: Session, request: Any) -> Any:
    """Serve messages.sendVote: what is chosen now, nothing to take it back.

    Source: https://core.telegram.org/method/messages.sendVote
    """
    dc, me = session.dc, session.user
    world = dc.world
    record = inputs.message(session, inputs.readable(session, request.peer), request.msg_id)
    if not isinstance(record.media, Poll):
        raise RpcError(400, "MESSAGE_ID_INVALID")
    poll = record.media
    polls.vote(poll, me.id, request.options, world.now)
    # Everybody who sees the poll is told, each what they may know; it moves no counter.
    readers = {user.id: user for _, _, users in changes.holders(world, record) for user in users}
    for user in readers.values():
        if user is not me:
            dc.push(user, [_update(poll, user.id, world.now)])
    dc.push(me, [_update(poll, me.id, world.now)], skip=session)
    dc.changed()
    return answer(session, [], _update(poll, me.id, world.now))


def _update(poll: Poll, viewer_id: int, now: int) -> Any:
    return t.UpdateMessagePoll(poll.id, polls.results(poll, viewer_id, now))
