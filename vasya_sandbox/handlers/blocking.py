"""Whom the caller does not want to hear from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Group
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Channel, User
    from vasya_sandbox.session import Session

MAX_BLOCKED = 100


@rpc(f.contacts.BlockRequest)
def block(session: Session, request: Any) -> Any:
    """Serve contacts.block.

    Source: https://core.telegram.org/method/contacts.block
    """
    me, found = session.user, _stranger(session, request)
    if found.peer_id not in me.blocked:
        me.blocked.add(found.peer_id)
        me.blocked_at[found.peer_id] = session.dc.world.now
        _tell(session, found, is_blocked=True)
    return True


@rpc(f.contacts.UnblockRequest)
def unblock(session: Session, request: Any) -> Any:
    """Serve contacts.unblock.

    Source: https://core.telegram.org/method/contacts.unblock
    """
    me, found = session.user, _stranger(session, request)
    if found.peer_id in me.blocked:
        me.blocked.remove(found.peer_id)
        me.blocked_at.pop(found.peer_id, None)
        _tell(session, found, is_blocked=False)
    return True


def _stranger(session: Session, request: Any) -> User | Channel:
    """Return who is meant: people, and channels that write in a group's comments."""
    _refuse_stories(request)
    found = inputs.resolve(session, request.id)
    if isinstance(found, Group):
        raise RpcError(400, "PEER_ID_INVALID")
    if found is session.user:
        raise RpcError(400, "CONTACT_ID_INVALID")
    return found


def _refuse_stories(request: Any) -> None:
    """Refuse the other list, of those who must not see one's stories."""
    if request.my_stories_from:
        raise RpcError(400, "STORIES_NOT_SERVED_BY_SANDBOX")


def _tell(session: Session, found: User | Channel, *, is_blocked: bool) -> None:
    update = t.UpdatePeerBlocked(peer(found.peer_id), blocked=is_blocked or None)
    shown = views.entities(session.dc.world, session.user, [found.peer_id])
    session.dc.push(session.user, [update], **shown, skip=session)


@rpc(f.contacts.GetBlockedRequest)
def get_blocked(session: Session, request: Any) -> Any:
    """Serve contacts.getBlocked, the last one blocked first.

    Source: https://core.telegram.org/method/contacts.getBlocked
    """
    _refuse_stories(request)
    me = session.user
    newest_first = sorted(me.blocked, key=lambda peer_id: (-me.blocked_at.get(peer_id, 0), peer_id))
    start = max(request.offset, 0)
    chosen = newest_first[start : start + min(max(request.limit, 0), MAX_BLOCKED)]
    rows = [t.PeerBlocked(peer(peer_id), me.blocked_at.get(peer_id, 0)) for peer_id in chosen]
    shown = views.entities(session.dc.world, me, chosen)
    if len(chosen) < len(newest_first):
        return t.contacts.BlockedSlice(len(newest_first), rows, **shown)
    return t.contacts.Blocked(rows, **shown)
